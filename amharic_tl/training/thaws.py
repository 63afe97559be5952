"""When the next stage begins: at a step, or when the loss on validation stalls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from amharic_tl.training.memory import Memory


@dataclass(frozen=True)
class Thaws:
    """When the stages of a run begin.

    Attributes:
      begins: by stage, the step before which it begins; None: when the loss on validation stalls.
      patience: evaluations without a lower smoothed loss that are a stall.
      smoothing: share of the earlier smoothed loss in the next.
      delta: by how much the smoothed loss must fall to count as lower.
    """

    begins: Sequence[int | None] = (0,)
    patience: int = 1
    smoothing: float = 0.0
    delta: float = 0.0

    def all_thawed(self, memory: Memory) -> bool:
        """Whether the last stage has begun."""
        return memory.stage == len(self.begins) - 1

    def due(self, step: int, memory: Memory) -> bool:
        """Whether the next stage begins before ``step`` by the clock."""
        if self.all_thawed(memory):
            return False
        begins = self.begins[memory.stage + 1]
        return begins is not None and step >= begins

    def waits_for_a_stall(self, memory: Memory) -> bool:
        """Whether the next stage begins when the loss on validation stalls."""
        return not self.all_thawed(memory) and self.begins[memory.stage + 1] is None

    def note(self, loss: float, memory: Memory) -> None:
        """Takes an evaluation's loss into account: smoothed, it is lower than the lowest by ``delta``, or it is not.

        A single evaluation on some hundred rows is noisy, so that the loss is averaged over the last ones, the newest
        with weight ``1 - smoothing``. A loss that is not finite counts as no lower one.
        """
        if not self.waits_for_a_stall(memory):
            return
        if not math.isfinite(loss):
            memory.stalled_for += 1
            return
        before = memory.smoothed_loss
        smoothed = loss if before is None else self.smoothing * before + (1.0 - self.smoothing) * loss
        memory.smoothed_loss = smoothed
        if memory.lowest_loss is None or smoothed < memory.lowest_loss - self.delta:
            memory.lowest_loss, memory.stalled_for = smoothed, 0
        else:
            memory.stalled_for += 1

    def stalled(self, memory: Memory) -> bool:
        """Whether the next stage begins now since the loss has stalled."""
        return self.waits_for_a_stall(memory) and memory.stalled_for >= self.patience
