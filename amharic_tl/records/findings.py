"""What an audit of data found: one line a finding, by a name that does not change, with row ids and never with text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
MOST_ROWS = 1000


@dataclass(frozen=True)
class Finding:
    """A fault, or a fact that a reader of scores must know.

    Attributes:
      name: what was found, stable over versions; ``config.data.gates`` speaks it.
      severity: ``error``: scores on these data would mislead; ``warning``: act or say so; ``info``: know it.
      where: the part, pair of parts, or group it is about.
      sentence: what was found, with its figures.
      figure: the value that was compared.
      threshold: what it was compared with.
      rows: ids of the rows behind it, at most 1,000.
      rows_in_all: how many there are.
      advice: what to do.
    """

    name: str
    severity: Severity
    where: str
    sentence: str
    figure: float
    threshold: float
    rows: tuple[str, ...]
    rows_in_all: int
    advice: str

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "rows": list(self.rows)}


def finding(
    name: str,
    severity: Severity,
    where: str,
    sentence: str,
    figure: float,
    threshold: float,
    rows: Sequence[str] = (),
    advice: str = "",
) -> Finding:
    """A :class:`Finding` whose rows are counted and cut."""
    return Finding(
        name, severity, where, sentence, float(figure), float(threshold), tuple(rows[:MOST_ROWS]), len(rows), advice
    )


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """The gravest first, otherwise as they came."""
    return sorted(findings, key=lambda found: -SEVERITIES.index(found.severity))
