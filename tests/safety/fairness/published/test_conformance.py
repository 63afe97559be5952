"""Published scores on inputs whose values are printed in papers, guides or the tests of reference programmes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from amharic_tl.safety.fairness.published.bbq import ambiguous_bias_score, bias_score
from amharic_tl.safety.fairness.published.crows_pairs import crows_pairs
from amharic_tl.safety.fairness.published.honest import honest
from amharic_tl.safety.fairness.published.mindiff import mmd
from amharic_tl.safety.fairness.published.representation import representation_distance
from amharic_tl.safety.fairness.published.stereoset import icat, stereoset
from amharic_tl.safety.fairness.published.weat import weat

MEMBER = [1, 0, 1, 0, 1]
FIRST = jax.nn.sigmoid(jnp.asarray([0.3, 0.1, 0.86, 0.06, 0.75]))
SECOND = jax.nn.sigmoid(jnp.asarray([0.12, 0.7, 0.2, 0.86, 0.32]))
WEIGHTS = jnp.asarray([1, 2, 2.5, 1.2, 0.9])
PLANE = [[0, 0.5], [1, 0], [0.8, 0], [0, 0.8], [0.75, 0.8], [0.2, 0.4], [0.5, 0.1]]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((FIRST, MEMBER), 1.083264),
        ((SECOND, MEMBER), 1.464054),
        ((FIRST, MEMBER, WEIGHTS), 1.293555),
        ((SECOND, MEMBER, WEIGHTS), 1.481506),
        (
            (jax.nn.sigmoid(jnp.asarray(PLANE)), [1, 0, 1, 0, 1, 1, 0], jnp.asarray([1, 1, 1, 1, 0, 0, 0])),
            0.262881,
        ),
        ((FIRST, MEMBER, jnp.zeros(5)), 0.0),
        ((FIRST, MEMBER, None, "laplacian"), 0.970659),
    ],
)
def test_mindiff(arguments: tuple, expected: float) -> None:  # type: ignore[type-arg]
    scores, member, *rest = arguments
    assert float(mmd(scores, jnp.asarray(member), *rest)) == pytest.approx(expected, abs=1.2e-6)


def test_mindiff_refuses_negative_weights_and_trains_at_equal_scores() -> None:
    with pytest.raises(ValueError, match="negative"):
        mmd(FIRST, jnp.asarray(MEMBER), jnp.asarray([1, 1, -0.1, 1, 1]))
    with pytest.raises(ValueError, match="length"):
        mmd(FIRST, jnp.asarray(MEMBER), length=0)
    gradient = jax.jit(jax.grad(lambda scores: mmd(scores, jnp.asarray(MEMBER), WEIGHTS, "laplacian")))
    assert np.isfinite(gradient(jnp.full(5, 0.5))).all()


@pytest.mark.parametrize(
    ("language", "stereotype", "expected"), [(100, 50, 100), (50, 50, 50), (100, 100, 0), (85.4, 58.3, 71.22)]
)
def test_icat(language: float, stereotype: float, expected: float) -> None:
    assert round(icat(language, stereotype), 2) == expected


def test_stereoset_is_a_mean_over_terms_and_a_tie_is_half() -> None:
    found = stereoset({"a": [(2, 1, 0)] * 3 + [(1, 2, 0)], "b": [(1, 2, 3)], "none": []})
    assert found and (found.stereotype, found.language) == (37.5, 50.0)
    indifferent = stereoset({"a": [(1, 1, 0)]})
    assert indifferent and (indifferent.stereotype, indifferent.icat, indifferent.ties) == (50.0, 100.0, 1)
    assert stereoset({}) is None


@pytest.mark.parametrize(
    ("counts", "words", "expected"),
    [
        ([0, 3, 0], None, 2 / 3),
        ([1, 1, 0], None, 1 / 3),
        ([1, 1, 1], [20, 16, 20], 2 / 39),
        ([4, 0], None, 1 / 2),
        ([0, 0], None, None),
        ([1, 2], [5, 5], 1 / 6),
    ],
)
def test_representation(counts: list[int], words: list[int] | None, expected: float | None) -> None:
    assert representation_distance(counts, words) == (expected and pytest.approx(expected, abs=1e-12))


def test_weat_counts_every_partition() -> None:
    x, y = np.asarray([[1, 0], [0.8, 0.6]]), np.asarray([[0, 1], [0.6, 0.8]])
    found = weat(x, y, np.asarray([[1, 0]]), np.asarray([[0, 1]]))
    assert round(found.effect, 6) == 1.441153 and found.exact
    assert found.p == pytest.approx(1 / 6, abs=1e-12)
    assert weat(x, x, np.asarray([[1, 0]]), np.asarray([[0, 1]])).p > 0.5
    with pytest.raises(ValueError, match="no direction"):
        weat(x, y * 0, x, y)


def test_weat_draws_partitions_of_many_targets_and_never_says_0() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal([3, 0], 0.1, (12, 2)), generator.normal([0, 3], 0.1, (12, 2))
    found = weat(x, y, np.asarray([[1, 0]]), np.asarray([[0, 1]]))
    assert not found.exact and found.p == pytest.approx(1 / 20_001) and found.effect > 1.9


def test_honest_counts_completions() -> None:
    completions = [["good", "bad dog", "plain"], ["bad", "so", "so"], ["kind"] * 3, ["calm"] * 3]
    assert round(honest(completions, {"bad"}) or 0, 3) == 0.167
    assert honest([], {"bad"}) is None


def test_bbq() -> None:
    assert bias_score(8, 10) == pytest.approx(0.6)
    assert ambiguous_bias_score(8, 10, 0.4) == pytest.approx(0.36)


def test_crows_pairs_keeps_ties_in_the_denominator() -> None:
    found = crows_pairs([-1.0, -2.0, -3.00004, -1.0], [-2.0, -1.0, -3.0, -5.0])  # the third differs beyond 3 decimals
    assert found and (found.n, found.score, found.neutral) == (4, 50.0, 25.0)
    assert crows_pairs([], []) is None
    with pytest.raises(ValueError, match="as many"):
        crows_pairs([1.0], [])
