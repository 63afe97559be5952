"""What a check gives: figures for the page, findings, or the reason why it does not apply."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from amharic_tl.evaluation.intervals import wilson
from amharic_tl.records.findings import Finding, Severity


@dataclass(frozen=True)
class Checked:
    """The result of a check. ``not_checked``: why there is none."""

    figures: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    not_checked: str | None = None


def rate(count: int, n: int) -> dict[str, Any]:
    """A share with its 95% interval (Wilson 1927); None where there is nothing to count."""
    if n == 0:
        return {"count": int(count), "n": 0, "share": None, "interval": None}
    return {"count": int(count), "n": int(n), "share": count / n, "interval": list(wilson(int(count), int(n)))}


def row_count(count: int) -> str:
    """``1 row``, ``1,234 rows``."""
    return f"{count:,} row{'' if count == 1 else 's'}"


def graded(value: float, *, info: float = 0.0, warning: float, error: float | None = None) -> Severity | None:
    """The severity of a figure that grows worse: none up to ``info``, then by the threshold it exceeds."""
    if error is not None and value >= error:
        return "error"
    if value >= warning:
        return "warning"
    return "info" if value > info else None
