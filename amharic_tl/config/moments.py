"""Moments of a run as a user types them: ``200steps``, ``1.5epochs``, ``25%``; ``0`` is the start."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_TYPED = re.compile(r"(\d+(?:\.\d+)?)\s*(steps?|epochs?|%)?")


@dataclass(frozen=True)
class Moment:
    """A place in a run, or a length of it."""

    value: float
    unit: Literal["steps", "epochs", "%"]

    def step(self, total: int, steps_per_epoch: int) -> int:
        """The step it falls on, in a run of ``total`` steps."""
        whole = {"steps": 1.0, "epochs": float(steps_per_epoch), "%": total / 100.0}[self.unit]
        return round(self.value * whole)

    def times(self, number: int) -> Moment:
        """A multiple of it."""
        return Moment(self.value * number, self.unit)

    def __str__(self) -> str:
        if self.unit == "%":
            return f"{self.value:g}% of the steps"
        return f"{self.value:g} {self.unit.removesuffix('s') if self.value == 1 else self.unit}"


START = Moment(0.0, "steps")


def parse_moment(text: str) -> Moment:
    """``200steps``, ``2epochs``, ``25%`` or ``0``.

    Raises:
      ValueError: anything else, with what was expected.
    """
    found = _TYPED.fullmatch(text.strip())
    expected = f"expected such as 200steps, 1epoch or 25%, found {text!r}"
    if found is None:
        raise ValueError(expected)
    value, unit = float(found[1]), found[2]
    if unit is None:
        if value != 0:
            raise ValueError(f"{expected}: a number alone has no unit")
        return START
    if unit == "%":
        if value > 100:
            raise ValueError(f"{expected}: a run has 100%")
        return Moment(value, "%")
    return Moment(value, "epochs" if unit.startswith("epoch") else "steps")
