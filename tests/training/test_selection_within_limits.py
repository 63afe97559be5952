"""The best evaluation: by score, and by score among those that keep to the limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from amharic_tl.training.memory import Memory
from amharic_tl.training.selection import Selection

Evaluations = Sequence[Mapping[str, float]]
LIMITS = {"upper/flip_rate": 0.05}


def best_of(selection: Selection, evaluations: Evaluations) -> Memory:
    memory = Memory()
    for step, metrics in enumerate(evaluations):
        selection.take(step, metrics, memory)
    return memory


def line(score: float, flips: float | None = None, loss: float = 1.0) -> dict[str, float]:
    return {"macro_f1": score, "loss": loss} | ({} if flips is None else {"upper/flip_rate": flips})


@pytest.mark.parametrize(
    ("evaluations", "best", "within"),
    [
        ([line(0.9, 0.2), line(0.5, 0.05), line(0.6, 0.01), line(0.55, 0.0)], 2, True),
        ([line(0.5, 0.2), line(0.9, 0.3), line(0.6, 0.06)], 1, False),  # none keeps to it: by score
        ([line(0.5, 0.01), line(0.9, 0.3)], 0, True),  # a better score never buys the way out
        ([line(0.5), line(0.4, 0.01)], 1, True),  # what was not measured keeps to nothing
        ([line(float("nan"), 0.01), line(0.9, 0.01, float("nan")), line(0.1, 0.9)], 2, False),
    ],
)
def test_the_best_under_limits(evaluations: Evaluations, best: int, within: bool) -> None:
    memory = best_of(Selection("validation/macro_f1", False, LIMITS), evaluations)
    assert (memory.best_step, memory.best_within) == (best, within)
    assert memory.since_best == len(evaluations) - 1 - best


def test_without_limits_score_alone_decides_and_nothing_more_is_remembered() -> None:
    found = best_of(Selection("validation/loss", True), [line(0, 0, 3.0), line(0, 9, 1.0), line(0, 0, 2.0)])
    assert (found.best_step, found.best_value, found.best_within) == (1, 1.0, None)
    assert "best_within" not in found.stored() and "steering" not in found.stored()
    assert Memory(**found.stored()) == found
