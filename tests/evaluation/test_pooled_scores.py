"""Scores of pooled predictions, and their intervals over clusters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from amharic_tl.evaluation.pooled import corrected_interval, pooled_metrics, pooled_summary

generator = np.random.default_rng(0)
N = 120
NUMBERS = generator.normal(size=N)
CASES: dict[str, tuple[list[Any], list[Any], list[str]]] = {
    "single-label": (["abc"[n % 3] for n in range(N)], ["abc"[n % 3 if n % 4 else 0] for n in range(N)], list("abc")),
    "multi-label": (
        [list("ab"[: n % 3]) for n in range(N)],
        [list("ab"[: n % 3 if n % 4 else 1]) for n in range(N)],
        list("ab"),
    ),
    "regression": (NUMBERS.tolist(), (NUMBERS + generator.normal(size=N)).tolist(), []),
    "tags": ([["B-X", "O"]] * N, [["B-X", "O"] if n % 3 else ["O", "O"] for n in range(N)], ["X"]),
}


@pytest.mark.parametrize("problem", CASES)
def test_the_score_is_that_of_all_rows_and_copies_narrow_nothing(problem: str) -> None:
    gold, predicted, names = CASES[problem]
    alone = pooled_summary(problem, gold, predicted, names, list(range(N)))
    assert alone["metrics"] == pytest.approx(pooled_metrics(problem, gold, predicted, names))
    doubled = pooled_summary(problem, gold * 2, predicted * 2, names, list(range(N)) * 2)
    assert "clusters" in doubled["interval"] and doubled["intervals"]
    for name, (low, high) in doubled["intervals"].items():
        assert low <= alone["metrics"][name] <= high
        assert (low, high) == pytest.approx(alone["intervals"][name], abs=1e-9)


def test_correlations_from_moments_are_those_of_scipy() -> None:
    from scipy.stats import pearsonr

    gold, predicted, _ = CASES["regression"]
    summary = pooled_summary("regression", gold, predicted, [], list(range(N)))
    low, high = summary["intervals"]["pearson"]
    expected = pearsonr(gold, predicted).confidence_interval(0.95, method=None)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.06)


def test_the_corrected_interval_is_wider_than_the_plain_one_by_the_known_factor() -> None:
    from scipy.stats import ttest_1samp

    differences = [0.02, 0.05, -0.01, 0.03, 0.04]
    found = corrected_interval(differences, test_rows=100, train_rows=400)
    plain = ttest_1samp(differences, 0.0).confidence_interval(0.95)
    assert found is not None
    factor = math.sqrt((1 / 5 + 100 / 400) / (1 / 5))
    assert found["high"] - found["low"] == pytest.approx(factor * (plain.high - plain.low))
    assert found["mean"] == pytest.approx(0.026) and found["p"] > ttest_1samp(differences, 0.0).pvalue
    assert corrected_interval([0.1], 1, 4) is None
    assert corrected_interval([float("nan"), 0.1], 1, 4) is None
