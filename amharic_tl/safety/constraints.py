"""A penalty's weight as a Lagrangian multiplier: driven by how far a figure held out exceeds its bound.

The controller is the PID rule of Stooke, Achiam & Abbeel (2020, algorithm 1), updated once an evaluation. What it is
given is no point estimate: it is the upper end of the figure's 95% interval on validation rows, so that a figure which
is known only roughly counts as exceeded (a pessimistic constraint), and never the value on the batches that the
penalty trains on, which falls to 0 with the training loss whatever the model does elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from amharic_tl.config.constraints import ConstraintsConfig
from amharic_tl.records.signals import SafetySignal
from amharic_tl.safety.signals import ALL

# Signals by the name that thresholds, constraints and limits have for them.
SIGNALS = {
    "flip_rate": "counterfactual_flip_rate",
    "score_gap": "counterfactual_score_gap",
    "false_positive_gap": "false_positive_rate_range",
    "recall_gap": "recall_range",
    "accuracy_gap": "worst_group_accuracy",
}
# What an upper bound is called among the metrics of an evaluation.
UPPER = "upper/"
# Evaluations in a row at the largest weight after which it is said that the penalty is not enough.
SATURATED_AFTER = 2


def upper_bounds(signals: Iterable[SafetySignal], figures: Iterable[str]) -> dict[str, float]:
    """``upper/<figure>``: the upper end of the interval less the null, the largest over axes and kinds of swaps.

    A figure that could not be measured (too few rows, drafts that are not judged) is absent: it keeps to no bound.

    Args:
      signals: of one look.
      figures: keys of :data:`SIGNALS`.
    """
    there = [one for one in signals if one.group == ALL and one.p_value is not None and one.ci_high is not None]
    found = {
        figure: [(one.ci_high or 0.0) - (one.null_value or 0.0) for one in there if one.name == SIGNALS[figure]]
        for figure in figures
    }
    return {f"{UPPER}{figure}": max(values) for figure, values in found.items() if values}


def excess(metrics: Mapping[str, float], bounds: Mapping[str, float]) -> float | None:
    """By how much the figure that is furthest out exceeds its bound; negative if all keep to theirs.

    None where one was not measured and none of the others exceeds its own: nothing is known then.
    """
    known = [metrics[UPPER + name] - bound for name, bound in bounds.items() if UPPER + name in metrics]
    worst = max(known, default=None)
    return worst if worst is not None and (worst > 0 or len(known) == len(bounds)) else None


@dataclass(frozen=True)
class ControllerState:
    """What the controller remembers.

    Attributes:
      weight: of the penalty now.
      integral: I, of at least 0.
      error: the moving average of the excess; None before the first.
      figures: moving averages of the figure at the latest evaluations, oldest first, as many as the delay needs.
      at_maximum: evaluations in a row that asked for the largest weight, or more.
    """

    weight: float
    integral: float
    error: float | None = None
    figures: tuple[float, ...] = ()
    at_maximum: int = 0

    @staticmethod
    def beginning(weight: float) -> ControllerState:
        """The penalty's own weight, which the integral holds."""
        return ControllerState(weight, weight)

    @staticmethod
    def of(stored: Mapping[str, Any]) -> ControllerState:
        """From a checkpoint's memory."""
        return ControllerState(**{**stored, "figures": tuple(stored["figures"])})

    @property
    def saturated(self) -> bool:
        """Whether the largest weight is not enough."""
        return self.at_maximum >= SATURATED_AFTER


def controlled(state: ControllerState, excess: float | None, settings: ConstraintsConfig) -> ControllerState:
    """The weight for the updates up to the next evaluation (Stooke et al. 2020, algorithm 1).

    ``clip(Kp E + I + Kd D, 0, maximum)`` with E the moving average of the excess, I the sum of ``Ki excess``, never
    below 0, and D the rise of the figure's moving average, never below 0: a falling figure is not met with a falling
    weight. I stands still while the weight is at its maximum and the excess asks for more, so that it has nothing to
    undo when the figure comes down (no wind-up).

    Args:
      state: of the evaluation before.
      excess: of the upper bound over the figure's bound; None: not measured, and nothing changes.
      settings: gains, smoothing, delay and maximum.
    """
    if excess is None:
        return state
    keep = settings.smoothing
    error = excess if state.error is None else keep * state.error + (1 - keep) * excess
    # The bound is constant: a rise of the excess is one of the figure.
    smooth = excess if not state.figures else keep * state.figures[-1] + (1 - keep) * excess
    figures = (*state.figures, smooth)[-(settings.delay + 1) :]
    rise = max(0.0, figures[-1] - figures[0]) if len(figures) > settings.delay else 0.0
    beside = settings.proportional * error + settings.derivative * rise
    integral = max(0.0, state.integral + settings.integral * excess)
    if excess > 0 and beside + integral > settings.maximum:
        integral = max(state.integral, min(integral, settings.maximum - beside))
    wanted = beside + integral
    weight = min(max(wanted, 0.0), settings.maximum)
    at_maximum = state.at_maximum + 1 if wanted >= settings.maximum and excess > 0 else 0
    return ControllerState(weight, integral, error, figures, at_maximum)
