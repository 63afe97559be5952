"""Which evaluation is the best: by its score, among those that keep to the limits where there are any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amharic_tl.training.memory import Memory


@dataclass(frozen=True)
class Selection:
    """How evaluations are compared.

    Attributes:
      select_by: the split and figure that scores an evaluation, such as ``validation/macro_f1``.
      lower_is_better: of that figure.
      limits: the largest value of other figures, by name; an evaluation that lacks one does not keep to it.
    """

    select_by: str
    lower_is_better: bool
    limits: Mapping[str, float] = field(default_factory=dict)

    def score(self, metrics: Mapping[str, Any]) -> float | None:
        """The figure; None where it is not a number, or where there is no loss: nothing was scored then, or the model
        is broken, and such an evaluation picks no checkpoint.
        """
        value, loss = metrics.get(self.select_by.split("/", 1)[1]), metrics.get("loss", 0.0)
        scored = value is not None and loss is not None and np.isfinite(value) and np.isfinite(loss)
        return float(value) if scored and value is not None else None

    def within(self, metrics: Mapping[str, Any]) -> bool:
        """Whether an evaluation keeps to all limits; those who set none keep to them."""
        found = [(metrics.get(name), bound) for name, bound in self.limits.items()]
        return all(value is not None and value <= bound for value, bound in found)

    def take(self, step: int, metrics: Mapping[str, Any], memory: Memory) -> bool:
        """Remembers an evaluation if it is the best so far, and counts it otherwise; whether it is."""
        score, within = self.score(metrics), self.within(metrics)
        if score is None or not self._better(score, within, memory):
            memory.since_best += 1
            return False
        memory.best_step, memory.best_value, memory.since_best = step, score, 0
        memory.best_within = within if self.limits else None
        return True

    def _better(self, score: float, within: bool, memory: Memory) -> bool:
        if memory.best_value is None:
            return True
        before = True if memory.best_within is None else memory.best_within
        if within != before:
            return within
        return score < memory.best_value if self.lower_is_better else score > memory.best_value
