"""Debiased CKA: the estimate against its definition, and what a diagnosis may rely on."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from amharic_tl.transfer.alignment.cka import MinibatchCKA, unbiased_hsic

GENERATOR = np.random.default_rng(0)


def _cka(x: np.ndarray, y: np.ndarray, batch: int | None = None) -> float:
    measure = MinibatchCKA()
    for start in range(0, len(x), batch or len(x)):
        measure.add(x[start : start + (batch or len(x))], y[start : start + (batch or len(x))])
    return measure.value


def _biased_cka(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(0), y - y.mean(0)
    return float(np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)))


def test_hsic_is_the_mean_over_all_distinct_quadruples() -> None:
    """The U-statistic that HSIC_1 is (Song et al. 2012, theorem 1), by brute force."""
    x, y = GENERATOR.normal(size=(6, 3)), GENERATOR.normal(size=(6, 2))
    k, m = x @ x.T, y @ y.T
    terms = [k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in permutations(range(6), 4)]
    assert unbiased_hsic(k, m) == pytest.approx(np.mean(terms), rel=1e-9)


def test_the_same_features_turned_and_scaled_are_alike() -> None:
    x = GENERATOR.normal(size=(40, 5))
    turn, _ = np.linalg.qr(GENERATOR.normal(size=(5, 5)))
    assert _cka(x, 3.0 * x @ turn + 7.0) == pytest.approx(1.0, abs=1e-9)


def test_noise_is_not_alike_although_features_outnumber_rows() -> None:
    draws = [[GENERATOR.normal(size=(16, 64)) for _ in range(2)] for _ in range(40)]
    assert np.mean([_biased_cka(*pair) for pair in draws]) > 0.7
    values = [_cka(*pair) for pair in draws]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values)) + 0.01


def test_minibatches_estimate_what_all_rows_give() -> None:
    x = GENERATOR.normal(size=(1024, 6))
    y = x @ GENERATOR.normal(size=(6, 6)) + 1.0 * GENERATOR.normal(size=(1024, 6))
    assert _cka(x, y, batch=64) == pytest.approx(_cka(x, y), abs=0.03)
    assert _cka(x, y) == pytest.approx(_biased_cka(x, y), abs=0.02)  # many rows: the bias is gone


def test_features_without_differences_have_no_value() -> None:
    assert np.isnan(_cka(np.ones((8, 3)), GENERATOR.normal(size=(8, 3))))
    with pytest.raises(ValueError, match="at least 4"):
        unbiased_hsic(np.eye(3), np.eye(3))
