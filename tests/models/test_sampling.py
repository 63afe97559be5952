"""How the next token is chosen from scores, apart from any model."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from amharic_tl.models.sampling import (
    Controls,
    Strategy,
    adjust_scores,
    choose_tokens,
    keep_top_k,
    keep_top_p,
    penalise_repetition,
)

PROBABILITIES = np.asarray([[0.5, 0.05, 0.3, 0.15], [0.1, 0.2, 0.3, 0.4]], np.float32)
SCORES = jnp.log(PROBABILITIES)


def _kept(scores: jax.Array) -> list[list[int]]:
    return [np.flatnonzero(np.isfinite(row)).tolist() for row in np.asarray(scores)]


def _drawn(strategy: Strategy, controls: Controls, count: int = 4000) -> np.ndarray:
    """The share of each token among many draws from the first row."""
    rows = jnp.broadcast_to(SCORES[0], (count, SCORES.shape[1]))
    tokens = choose_tokens(rows, jax.random.key(0), strategy, controls)
    return np.bincount(np.asarray(tokens), minlength=4) / count


def test_the_repetition_penalty_divides_positive_and_multiplies_negative_scores() -> None:
    scores = jnp.asarray([[2.0, -2.0, 3.0, 0.0]])
    seen = jnp.asarray([[True, True, False, True]])
    np.testing.assert_allclose(penalise_repetition(scores, seen, 4.0), [[0.5, -8.0, 3.0, 0.0]])


@pytest.mark.parametrize(
    ("k", "kept"), [(1, [[0], [3]]), (2, [[0, 2], [2, 3]]), (4, [[0, 1, 2, 3]] * 2), (9, [[0, 1, 2, 3]] * 2)]
)
def test_top_k_keeps_the_k_likeliest(k: int, kept: list[list[int]]) -> None:
    assert _kept(keep_top_k(SCORES, k)) == kept


@pytest.mark.parametrize(
    ("p", "kept"),
    [
        (0.01, [[0], [3]]),
        (0.45, [[0], [2, 3]]),
        (0.79, [[0, 2], [1, 2, 3]]),
        (0.94, [[0, 2, 3], [0, 1, 2, 3]]),
        (1.0, [[0, 1, 2, 3], [0, 1, 2, 3]]),
    ],
)
def test_top_p_keeps_the_smallest_set_of_that_probability(p: float, kept: list[list[int]]) -> None:
    assert _kept(keep_top_p(SCORES, p)) == kept


def test_draws_follow_the_probabilities() -> None:
    pad = jnp.int32(0)
    sample = Strategy(new_tokens=1, sample=True)
    np.testing.assert_allclose(_drawn(sample, Controls(pad)), PROBABILITIES[0], atol=0.03)
    sharper = PROBABILITIES[0] ** 2 / (PROBABILITIES[0] ** 2).sum()
    np.testing.assert_allclose(_drawn(sample, Controls(pad, temperature=jnp.float32(0.5))), sharper, atol=0.03)
    two = np.asarray([0.5, 0.0, 0.3, 0.0]) / 0.8
    np.testing.assert_allclose(_drawn(Strategy(1, sample=True, top_k=2), Controls(pad)), two, atol=0.03)
    np.testing.assert_allclose(_drawn(sample, Controls(pad, top_p=jnp.float32(0.79))), two, atol=0.03)
    # The temperature comes before the share: flattened, three tokens are needed for it.
    flat = _drawn(sample, Controls(pad, temperature=jnp.float32(5.0), top_p=jnp.float32(0.7)))
    assert np.flatnonzero(flat).tolist() == [0, 2, 3]


def test_without_drawing_the_best_is_chosen() -> None:
    chosen = choose_tokens(SCORES, jax.random.key(0), Strategy(new_tokens=1), Controls(jnp.int32(0)))
    np.testing.assert_array_equal(chosen, [0, 3])


def test_forced_tokens_are_alone_at_their_step() -> None:
    controls = Controls(jnp.int32(0), forced_first=jnp.int32(2), forced_last_F=jnp.asarray([1, 3]))
    kept = [_kept(adjust_scores(SCORES, None, jnp.int32(step), Strategy(3), controls)) for step in range(3)]
    assert kept == [[[2]] * 2, [[0, 1, 2, 3]] * 2, [[1, 3]] * 2]
