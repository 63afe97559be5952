"""CORAL and MMD against numpy, and what they are blind to."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from amharic_tl.transfer.alignment import coral, squared_mmd
from amharic_tl.transfer.alignment.features import Alignment, mean_hidden_state
from amharic_tl.transfer.alignment.mmd import BANDWIDTHS

GENERATOR = np.random.default_rng(0)
N, M, WIDTH = 12, 9, 4


def _rows(count: int, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    return (scale * GENERATOR.normal(size=(count, WIDTH)) + shift).astype(np.float32)


def _ones(rows: np.ndarray) -> jax.Array:
    return jnp.ones(len(rows))


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
    assert float(coral(source, _ones(source), target, _ones(target))) == pytest.approx(expected, rel=1e-4)
    moved = source + 3.0  # second moments only: a shift of the mean is not seen
    assert float(coral(source, _ones(source), moved, _ones(moved))) == pytest.approx(0.0, abs=1e-6)


def test_mmd_is_the_unbiased_statistic() -> None:
    source, target = _rows(N), _rows(M, shift=1.0)
    found = float(squared_mmd(source, _ones(source), target, _ones(target)))
    assert found == pytest.approx(_mmd_by_loops(source, target), abs=1e-5)
    assert found > 0.05  # a shift of the mean is seen


def test_mmd_of_equal_distributions_is_0_on_average() -> None:
    draws = jnp.asarray(GENERATOR.normal(size=(300, 2, 8, WIDTH)), jnp.float32)
    values = np.asarray(jax.vmap(lambda both: squared_mmd(both[0], jnp.ones(8), both[1], jnp.ones(8)))(draws))
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values))
    assert values.min() < 0


@pytest.mark.parametrize("distance", [coral, squared_mmd])
def test_filler_rows_change_nothing(distance: object) -> None:
    source, target = _rows(N), _rows(M, scale=2.0)
    padded = np.concatenate([target, np.full((3, WIDTH), 1e3, np.float32)])
    weights = jnp.asarray([1.0] * M + [0.0] * 3)
    whole = Alignment("a", 1.0, distance).distance(source, _ones(source), target, _ones(target))
    found = Alignment("a", 1.0, distance).distance(source, _ones(source), padded, weights)
    assert float(found) == pytest.approx(float(whole), rel=1e-4)


@pytest.mark.parametrize("distance", [coral, squared_mmd])
def test_descending_brings_the_sets_together(distance: object) -> None:
    term = Alignment("a", 1.0, distance)
    target = jnp.asarray(_rows(M, scale=2.0, shift=1.0))

    def value(moved: jax.Array) -> jax.Array:
        rows = {"source": moved, "source_weights": jnp.ones(N), "target": target, "target_weights": jnp.ones(M)}
        return term.statistic(rows)

    source = jnp.asarray(_rows(N))
    before, step = float(value(source)), jax.jit(lambda x: x - 2.0 * jax.grad(value)(x))
    for _ in range(60):
        source = step(source)
    assert float(value(source)) < 0.5 * before


def test_fewer_than_two_rows_are_no_statistic() -> None:
    rows = {"source": jnp.ones((4, 2)), "source_weights": jnp.ones(4), "target": jnp.zeros((4, 2))}
    for distance in (coral, squared_mmd):
        term = Alignment("a", 1.0, distance)
        value, gradient = jax.value_and_grad(
            lambda x, term=term: term.statistic({**rows, "source": x, "target_weights": jnp.asarray([1.0, 0, 0, 0])})
        )(rows["source"])
        assert float(value) == 0.0 and np.isfinite(np.asarray(gradient)).all()


def test_features_are_means_over_tokens() -> None:
    hidden = jnp.asarray([[[1.0], [3.0], [99.0]]])
    assert float(mean_hidden_state(hidden, jnp.asarray([[1, 1, 0]]))[0, 0]) == 2.0
