"""What the loop remembers across a resumption, beside the state; a checkpoint holds it as loop.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Memory:
    """What the loop remembers.

    Attributes:
      best_step: of the best evaluation so far.
      best_value: what it scored.
      since_best: evaluations since then, or since the last thaw.
      evaluated_step: the last one that was evaluated.
      lengths: bytes of the files that a resumption rewinds.
      began: the step before which each stage so far began.
      smoothed_loss: of the validation split, while a stall of it is waited for.
      lowest_loss: the lowest such.
      stalled_for: evaluations since then, or since the last thaw.
    """

    best_step: int | None = None
    best_value: float | None = None
    since_best: int = 0
    evaluated_step: int | None = None
    lengths: dict[str, int] = field(default_factory=dict)
    began: list[int] = field(default_factory=lambda: [0])
    smoothed_loss: float | None = None
    lowest_loss: float | None = None
    stalled_for: int = 0

    @property
    def stage(self) -> int:
        """The stage that training is in."""
        return len(self.began) - 1

    def begin_stage(self, step: int) -> None:
        """The next stage begins before ``step``; whatever waits for a better figure waits anew."""
        self.began.append(step)
        self.since_best = self.stalled_for = 0


def stage_of(stored: Mapping[str, Any]) -> int:
    """The stage of a checkpoint from what is stored of its loop."""
    return len(stored.get("began", [0])) - 1
