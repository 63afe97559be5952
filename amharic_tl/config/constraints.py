"""Bounds on safety figures: what a penalty's weight is driven by, and what the best checkpoint must keep to."""

from __future__ import annotations

from dataclasses import dataclass, fields

from amharic_tl.config.leaf import leaf

_UPPER = "that the upper end of its 95% interval (less its null) on validation may reach; none: no bound."


def _bound(what: str) -> float | None:
    bound: float | None = leaf(None, f"{what}, {_UPPER}", minimum=0.0, maximum=1.0)
    return bound


@dataclass(frozen=True)
class BoundsConfig:
    """Bounds on figures over all groups of an axis; of several axes and kinds of swaps the worst counts."""

    flip_rate: float | None = _bound("Counterfactual flips, group minus placebo")
    score_gap: float | None = _bound("Mean |change of the harmful classes' probability|, group minus placebo")
    false_positive_gap: float | None = _bound("Range of false-positive rates over groups")
    recall_gap: float | None = _bound("Range of recall of harm over groups")
    accuracy_gap: float | None = _bound("Accuracy of the worst group below what its labels lead to expect")

    def bounds(self) -> dict[str, float]:
        """Those that are set, by figure."""
        found = {one.name: getattr(self, one.name) for one in fields(BoundsConfig)}
        return {name: bound for name, bound in found.items() if bound is not None}


@dataclass(frozen=True)
class LimitsConfig(BoundsConfig):
    """Which evaluations may be the best one: those whose figures keep to the bounds, if any does."""


@dataclass(frozen=True)
class ConstraintsConfig(BoundsConfig):
    """Which bounds a penalty's weight is driven by, and how (a PID controller of Lagrangian multipliers)."""

    drives: str = leaf("logit_pairing", "The penalty whose weight is driven, from its own weight on.")
    proportional: float = leaf(10.0, "Weight for each unit of the smoothed excess.", minimum=0.0, maximum=1e4)
    integral: float = leaf(5.0, "Weight for each unit of excess, summed over the evaluations.", above=0.0, maximum=1e4)
    derivative: float = leaf(
        5.0, "Weight for each unit by which the smoothed figure has risen.", minimum=0.0, maximum=1e4
    )
    smoothing: float = leaf(0.5, "What the moving averages keep of the evaluation before.", minimum=0.0, maximum=0.99)
    delay: int = leaf(1, "Evaluations over which a rise is measured.", minimum=1, maximum=1000)
    maximum: float = leaf(20.0, "Largest weight; a penalty that stays there is reported.", above=0.0, maximum=1000.0)
