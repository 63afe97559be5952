"""Safety figures that act on a run: a penalty's weight that follows a constraint, and limits on the best checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import jax
import numpy as np

from amharic_tl.config import Config, SafetyConfig
from amharic_tl.records.signals import SafetySignal
from amharic_tl.safety.constraints import UPPER, ControllerState, controlled, excess, upper_bounds
from amharic_tl.training.memory import Memory
from amharic_tl.training.selection import Selection
from amharic_tl.training.step import TrainState
from amharic_tl.training.writers import Writer


def selection_of(config: Config, lower_is_better: bool) -> Selection:
    """How the evaluations of a run are compared."""
    limits = {UPPER + name: bound for name, bound in config.safety.limits.bounds().items()}
    return Selection(config.train.select_by, lower_is_better, limits)


def bounded_figures(signals: list[SafetySignal], settings: SafetyConfig) -> dict[str, float]:
    """The upper bounds that constraints and limits of a run look at, for metrics.jsonl."""
    return upper_bounds(signals, {**settings.constraints.bounds(), **settings.limits.bounds()})


@dataclass(frozen=True)
class Steering:
    """Moves the weight of a penalty at each evaluation; what it remembers is in the loop's memory."""

    settings: SafetyConfig
    writer: Writer
    say: Callable[[str], None]

    def __call__(self, state: TrainState, step: int, memory: Memory, metrics: Mapping[str, float]) -> TrainState:
        """The state with the weight for the updates to come.

        Args:
          state: of the evaluation.
          step: of the evaluation.
          memory: of the loop; its ``steering`` is moved on.
          metrics: of the evaluation, with the upper bounds.
        """
        constraints, name = self.settings.constraints, self.settings.constraints.drives
        first = self.settings.penalties.weights()[name]
        before = ControllerState.of(memory.steering) if memory.steering else ControllerState.beginning(first)
        bounds = constraints.bounds()
        found = excess(metrics, bounds)
        after = controlled(before, found, constraints)
        memory.steering = {**asdict(after), "figures": list(after.figures)}
        upper = {figure: metrics.get(UPPER + figure) for figure in bounds}
        told = {"penalty": name, "weight": after.weight, "excess": found, "upper": upper, "bounds": bounds}
        self.writer.write_event(step, "constraint", **told, saturated=after.saturated)
        if found is None:
            absent = ", ".join(figure for figure, value in upper.items() if value is None)
            self.say(f"constraint: {absent} was not measured, so the weight of {name} stays {after.weight:.4g}")
        elif after.weight != before.weight:
            self.say(f"constraint: excess {found:+.4f}, the weight of {name} is now {after.weight:.4g}")
        if after.saturated and not before.saturated:
            self.say(
                f"constraint: the largest weight of {name}, {after.weight:g} (config.safety.constraints.maximum), does "
                "not bring the figure to its bound"
            )
        placed = jax.device_put(np.float32(after.weight), state.terms.weights[name].sharding)
        return replace(state, terms=replace(state.terms, weights={**state.terms.weights, name: placed}))


def about_limits(config: Config, memory: Memory) -> dict[str, Any]:
    """What run.json says of the best evaluation where limits are set: these, and whether it keeps to them."""
    limits = config.safety.limits.bounds()
    return {"limits": limits, "within_limits": bool(memory.best_within)} if limits else {}


def limits_sentences(config: Config, memory: Memory) -> list[str]:
    """For the end of a run whose best evaluation does not keep to the limits: a sentence that says so."""
    limits = config.safety.limits.bounds()
    if not limits or memory.best_within or memory.best_step is None:
        return []
    shown = ", ".join(f"{name} {bound:g}" for name, bound in limits.items())
    return [
        f"no evaluation kept to safety.limits ({shown}): step {memory.best_step:,} is the best by "
        f"{config.train.select_by} alone"
    ]
