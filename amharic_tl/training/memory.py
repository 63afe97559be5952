"""What the loop remembers across a resumption, beside the state; a checkpoint holds it as loop.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Memory:
    """What the loop remembers.

    Attributes:
      best_step: of the best evaluation so far.
      best_value: what it scored.
      best_within: whether it kept to the limits on other figures; None where there are none.
      since_best: evaluations since then, or since the last thaw.
      evaluated_step: the last one that was evaluated.
      looked_step: the last step of a look between evaluations.
      lengths: bytes of the files that a resumption rewinds.
      began: the step before which each stage so far began.
      smoothed_loss: of the validation split, while a stall of it is waited for.
      lowest_loss: the lowest such.
      stalled_for: evaluations since then, or since the last thaw.
      skips: steps behind the latest updates that were left out, while they count towards a rollback.
      certified: the last evaluated step at which nothing was confirmed that may lead back; None: none yet.
      rollbacks: each with the steps ``at`` which it was decided and that it went back ``to``, and the ``first_batch``
        and ``last_batch`` of the plan that are left out since; ``safety`` is 1 where an evaluation asked for it.
      steering: what moves a penalty's weight remembers; empty where none is moved.
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
    skips: list[int] = field(default_factory=list)
    rollbacks: list[dict[str, int]] = field(default_factory=list)
    looked_step: int | None = None
    best_within: bool | None = None
    steering: dict[str, Any] = field(default_factory=dict)
    certified: int | None = None

    def stored(self) -> dict[str, Any]:
        """As a checkpoint holds it: a run without accidents, looks or bounds holds nothing about them."""
        optional = {"skips", "rollbacks", "looked_step", "steering", "certified"}
        stored = {name: value for name, value in asdict(self).items() if value or name not in optional}
        return {name: value for name, value in stored.items() if name != "best_within" or value is not None}

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
