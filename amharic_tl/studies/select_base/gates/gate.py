"""A gate as it was judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

# failed: the base is rejected; flagged: said, not rejected; unknown: could not be judged; waived: failed, and the user
# goes on all the same.
Verdict = Literal["passed", "failed", "flagged", "unknown", "waived"]


@dataclass(frozen=True)
class Gate:
    """One gate of one base. ``figure`` and ``threshold`` are as they are printed; ``sentence`` says what it means."""

    name: str
    figure: str
    threshold: str
    verdict: Verdict
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def waive(gates: Iterable[Gate], waived: Sequence[str]) -> list[Gate]:
    """The gates with those that failed and are waived marked so."""
    return [
        replace(gate, verdict="waived") if gate.verdict == "failed" and gate.name in waived else gate for gate in gates
    ]


def rejections(gates: Iterable[Gate]) -> list[Gate]:
    """The gates that reject a base."""
    return [gate for gate in gates if gate.verdict == "failed"]
