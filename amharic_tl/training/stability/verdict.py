"""What the step said of its own update, as the loop reads it one step later."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from amharic_tl.training.stability.spikes import FIGURES


@dataclass(frozen=True)
class Verdict:
    """What became of an update.

    Attributes:
      skipped: whether it was left out.
      spiked: whether its figures, finite, were a spike.
      in_a_row: updates left out in a row up to this one.
      limits: what the figures might have been at most, where spikes are looked for.
    """

    skipped: bool
    spiked: bool
    in_a_row: int
    limits: dict[str, float] = field(default_factory=dict)

    @property
    def noteworthy(self) -> bool:
        """Whether anything is to be told."""
        return self.skipped or self.spiked

    def event(self) -> tuple[str, dict[str, Any]]:
        """The name of the line of events.jsonl, and its details."""
        if not self.spiked:
            return "non_finite", {"in_a_row": self.in_a_row}
        return "spike", {"skipped": self.skipped, "in_a_row": self.in_a_row, **self.limits}

    def sentence(self, step: int, values: dict[str, float]) -> str:
        """For the terminal."""
        done = f"the update was skipped ({self.in_a_row} in a row)" if self.skipped else "it is recorded, not skipped"
        if not self.spiked:
            return f"step {step}: the loss or gradient is not finite; {done}"
        over = [
            f"{name} {values[name]:.4g}, at most {limit:.4g} was expected"
            for name, limit in ((figure, self.limits[f"{figure}_limit"]) for figure in FIGURES)
            if values[name] > limit
        ]
        return f"step {step}: a spike ({'; '.join(over)}); {done}"


def verdict_of(values: dict[str, float]) -> Verdict:
    """Takes what is about the update itself out of a step's metrics; what is left is for metrics.jsonl."""
    limits = {name: values.pop(name) for name in [f"{figure}_limit" for figure in FIGURES] if name in values}
    return Verdict(
        skipped=bool(values.pop("skipped")),
        spiked=bool(values.pop("spiked", 0.0)),
        in_a_row=int(values.pop("in_a_row")),
        limits={name: limit for name, limit in limits.items() if math.isfinite(limit)},
    )
