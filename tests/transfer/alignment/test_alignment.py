"""CORAL and MMD against numpy, and what they are blind to."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from amharic_tl.transfer.alignment import coral, squared_mmd
from amharic_tl.transfer.alignment.features import Alignment, Distance, mean_hidden_state
from amharic_tl.transfer.alignment.mmd import BANDWIDTHS

GENERATOR = np.random.default_rng(0)
N, M, WIDTH = 12, 9, 4


def _rows(count: int, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    return (scale * GENERATOR.normal(size=(count, WIDTH)) + shift).astype(np.float32)


FILLER = 3
COMPILED = {"coral": jax.jit(coral), "mmd": jax.jit(squared_mmd)}


def _distance(name: str, source: np.ndarray, target: np.ndarray, filler: float = 0.0) -> float:
    """With filler rows behind the target's, so that one shape is compiled."""
    padded = np.concatenate([target, np.full((FILLER, WIDTH), filler, np.float32)])
    weights = np.asarray([1.0] * len(target) + [0.0] * FILLER, np.float32)
    return float(COMPILED[name](source, np.ones(len(source), np.float32), padded, weights))


def _mmd_by_loops(source: np.ndarray, target: np.ndarray) -> float:
    rows = np.concatenate([source, target]).astype(np.float64)
    squares = ((rows[:, None] - rows[None]) ** 2).sum(-1)
    median = np.median(squares[~np.eye(len(rows), dtype=bool)])

    def kernel(i: int, j: int) -> float:
        return float(np.mean([np.exp(-squares[i, j] / (scale * median)) for scale in BANDWIDTHS]))

    n, m = len(source), len(target)
    within = np.mean([kernel(i, j) for i in range(n) for j in range(n) if i != j])
    other = np.mean([kernel(n + i, n + j) for i in range(m) for j in range(m) if i != j])
    across = np.mean([kernel(i, n + j) for i in range(n) for j in range(m)])
    return float(within + other - 2 * across)


def test_coral_is_the_squared_distance_of_covariances() -> None:
    source, target = _rows(N), _rows(M, scale=2.0, shift=5.0)
    expected = np.sum((np.cov(source.T) - np.cov(target.T)) ** 2) / (4 * WIDTH**2)
    assert _distance("coral", source, target) == pytest.approx(expected, rel=1e-4)
    # Second moments only: a shift of the mean is not seen.
    assert _distance("coral", source, target - 7.0) == pytest.approx(expected, rel=1e-3)


def test_mmd_is_the_unbiased_statistic() -> None:
    source, target = _rows(N), _rows(M, shift=1.0)
    found = _distance("mmd", source, target)
    assert found == pytest.approx(_mmd_by_loops(source, target), abs=1e-5)
    assert found > 0.05  # a shift of the mean is seen


def test_mmd_of_equal_distributions_is_0_on_average() -> None:
    values = np.asarray([_distance("mmd", _rows(N), _rows(M)) for _ in range(300)])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values))
    assert values.min() < 0


@pytest.mark.parametrize("name", ["coral", "mmd"])
def test_filler_rows_change_nothing(name: str) -> None:
    source, target = _rows(N), _rows(M, scale=2.0)
    assert _distance(name, source, target, filler=1e3) == pytest.approx(_distance(name, source, target), rel=1e-4)


@pytest.mark.parametrize("distance", [coral, squared_mmd])
def test_descending_brings_the_sets_together_unless_there_is_a_single_row(distance: Distance) -> None:
    term = Alignment("a", 1.0, distance)
    target = jnp.asarray(_rows(M, scale=2.0, shift=1.0))

    @jax.jit
    def value_and_gradient(moved: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
        rows = {"source_weights": jnp.ones(N), "target": target, "target_weights": weights}
        return jax.value_and_grad(lambda source: term.statistic({**rows, "source": source}))(moved)

    source, weights = _rows(N), np.ones(M, np.float32)
    before = float(value_and_gradient(source, weights)[0])
    for _ in range(60):
        source = source - 2.0 * np.asarray(value_and_gradient(source, weights)[1])
    assert float(value_and_gradient(source, weights)[0]) < 0.5 * before
    value, gradient = value_and_gradient(source, np.eye(M, dtype=np.float32)[0])
    assert float(value) == 0.0
    np.testing.assert_array_equal(np.asarray(gradient), 0.0)


def test_features_are_means_over_tokens() -> None:
    hidden = jnp.asarray([[[1.0], [3.0], [99.0]]])
    assert float(mean_hidden_state(hidden, jnp.asarray([[1, 1, 0]]))[0, 0]) == 2.0
