"""Bounds of an update's time, by hand."""

from __future__ import annotations

import pytest

from amharic_tl.studies.plan.chips import Chip
from amharic_tl.studies.plan.roofline import Work, budget, step_time, traffic

CHIP = Chip("made up", {"bfloat16": 100.0, "float32": 50.0}, 10, 20.0, 4.0, 2, "")
WORK = Work(model_flops=800, flops=1000, traffic=40.0, sent=2.0, tokens=64)


def test_between_the_longest_and_the_sum() -> None:
    found = step_time(WORK, CHIP, 2, "bfloat16")
    assert (found.products, found.memory, found.network) == (5.0, 2.0, 0.5)
    assert (found.least, found.most, found.bound) == (5.0, 7.5, "products")
    # What is computed again is no work of the model's.
    assert found.mfu_most == pytest.approx(800 / 200 / 5)
    assert found.mfu_least == pytest.approx(800 / 200 / 7.5)
    assert step_time(WORK, CHIP, 1, "float32").network == 0.0


def test_a_budget() -> None:
    found = budget(WORK, step_time(WORK, CHIP, 2, "bfloat16"), 6400 * 720 + 1, 2, 3.0)
    assert found["updates"] == 72001
    assert found["hours"] == pytest.approx([72001 * 5 / 3600, 72001 * 7.5 / 3600])
    assert found["price"] == pytest.approx([hours * 2 * 3 for hours in found["hours"]])
    assert "price" not in budget(WORK, step_time(WORK, CHIP, 2, "bfloat16"), 1.0, 2, None)


def test_traffic_of_parts() -> None:
    assert traffic(10, 4, 8, 3, parts=2, again=False) == 2 * (20 + 8 + 6) + 16 + 8
    assert traffic(10, 4, 8, 3, parts=2, again=True) == 2 * (30 + 8 + 6) + 16 + 8
