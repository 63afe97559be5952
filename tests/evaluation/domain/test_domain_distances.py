"""Distances of collections of texts: known values, and what they must say of equal and of different sources."""

from __future__ import annotations

import numpy as np
import pytest

from amharic_tl.evaluation.domain import (
    between_and_within,
    character_ngrams,
    domain_distances,
    jensen_shannon,
    one_passage_each,
    proxy_a_distance,
    subwords,
    top_overlap,
)

SYLLABLES = "ሀለመሰረቀበተነአከወዘየደገጠፈ"


def texts(count: int, syllables: str, seed: int) -> list[str]:
    generator = np.random.default_rng(seed)

    def word() -> str:
        return "".join(generator.choice(list(syllables), generator.integers(2, 5)))

    return [" ".join(word() for _ in range(8)) for _ in range(count)]


def test_jensen_shannon_of_hand_worked_vectors() -> None:
    assert jensen_shannon(np.array([1, 1]), np.array([5, 5])) == pytest.approx(0, abs=1e-12)
    assert jensen_shannon(np.array([3, 0]), np.array([0, 2])) == pytest.approx(1)
    # p = (1/2, 1/2), q = (1, 0), m = (3/4, 1/4): H(m) - (H(p) + H(q)) / 2 = 0.811278 - 0.5
    assert jensen_shannon(np.array([1, 1]), np.array([4, 0])) == pytest.approx(0.3112781, abs=1e-6)
    with pytest.raises(ValueError, match="at least one term"):
        jensen_shannon(np.zeros(2), np.ones(2))


def test_top_overlap_counts_the_most_frequent_terms() -> None:
    first, second = np.array([9, 8, 7, 1, 0]), np.array([9, 0, 7, 8, 0])
    assert top_overlap(first, second, most=2) == 0.5
    assert top_overlap(first, second, most=100) == pytest.approx(1.0 * 2 / 3)


def test_terms_share_columns_and_leave_links_and_mentions_out() -> None:
    first, second = character_ngrams(["ሰላም @ሰው http://x.y"], ["ሰላም ሰላም"])
    assert second.sum() == 2 * first.sum()
    assert (second.toarray() == 2 * first.toarray()).all()
    folded, other = character_ngrams(["ሠላም"], ["ሰላም"], fold=lambda text: text.replace("ሠ", "ሰ"))
    assert (folded != other).nnz == 0
    a, b = subwords([np.array([5, 7, 7])], [np.array([7])])
    assert a.toarray().tolist() == [[1, 2]] and b.toarray().tolist() == [[0, 1]]


def test_halves_of_one_source_show_no_excess_and_other_sources_do() -> None:
    same = character_ngrams(texts(120, SYLLABLES, 0), texts(120, SYLLABLES, 1))
    apart = character_ngrams(texts(120, SYLLABLES[:12], 0), texts(120, SYLLABLES[6:], 1))
    alike, different = (between_and_within(*pair, jensen_shannon, draws=60) for pair in (same, apart))
    assert alike is not None and different is not None
    assert alike.excess_low < 0 < alike.excess_high
    assert alike.baseline > 0.02  # the figure itself is far from 0 where nothing differs
    assert different.excess_low > 0.2
    assert different.low <= different.value <= different.high
    assert between_and_within(same[0][:3], same[1], jensen_shannon) is None


def test_the_spread_of_half_samples_is_that_of_fresh_samples() -> None:
    """Of a mean, whose spread is known: the interval's width must be 2 x 1.96 standard errors of the whole sample."""
    generator = np.random.default_rng(0)
    sides = [np.stack([generator.normal(size=400), np.ones(400)], axis=1) for _ in range(2)]
    found = between_and_within(*sides, lambda a, b: float(a[0] / a[1] - b[0] / b[1]), draws=400)
    assert found is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(2 / 400), rel=0.15)


def test_a_classifier_tells_sources_apart_and_not_halves() -> None:
    near = proxy_a_distance(*character_ngrams(texts(100, SYLLABLES, 0), texts(100, SYLLABLES, 1)))
    far = proxy_a_distance(*character_ngrams(texts(100, SYLLABLES[:9], 0), texts(100, SYLLABLES[9:], 1)))
    assert near is not None and far is not None and near.baseline is not None
    assert near.distance < 0.5 and near.baseline < 0.5
    assert far.distance > 1.9 and far.low <= far.distance <= far.high
    assert proxy_a_distance(np.ones((19, 2)), np.ones((90, 2))) is None


def test_copies_of_a_text_do_not_help_the_classifier() -> None:
    """Rows of noise repeated five times on their own side: known from other folds, unless copies stay together."""
    generator = np.random.default_rng(0)
    sides = [np.repeat(generator.normal(size=(30, 40)), 5, axis=0) for _ in range(2)]
    groups = [[f"{side}:{row // 5}" for row in range(150)] for side in range(2)]
    apart = proxy_a_distance(*sides)
    together = proxy_a_distance(*sides, (groups[0], groups[1]))
    assert apart is not None and together is not None
    assert apart.distance > together.distance + 0.5


def test_all_distances_of_two_collections_are_repeatable() -> None:
    first, second = texts(60, SYLLABLES, 0), texts(80, SYLLABLES[4:], 1)

    def encode(some: list[str]) -> list[np.ndarray]:
        return [np.frombuffer(text.encode("utf-32-le"), np.uint32) for text in some]

    found = domain_distances(first, second, fold=str.casefold, encode=encode, draws=20, most=50)
    assert found.jensen_shannon.keys() == found.top_overlap.keys() == {"letters", "letters_folded", "subwords"}
    assert found.texts == (60, 80) and found.measured == (50, 50)
    assert (
        found.to_dict()
        == domain_distances(first, second, fold=str.casefold, encode=encode, draws=20, most=50).to_dict()
    )


def test_one_passage_of_each_text_is_of_whole_words_and_of_one_length() -> None:
    long = " ".join(f"ቃል{number}" for number in range(400))
    found = one_passage_each([long] * 50 + ["አጭር ጽሑፍ", ""], 60, seed=1)
    assert found[50:] == ["አጭር ጽሑፍ", ""]
    assert all(passage in long and 40 <= len(passage) <= 60 for passage in found[:50])
    assert all(set(passage.split()) <= set(long.split()) for passage in found[:50])
    assert len(set(found[:50])) > 25 and found == one_passage_each([long] * 50 + ["አጭር ጽሑፍ", ""], 60, seed=1)


def test_articles_and_posts_of_one_source_are_not_told_apart_by_their_length() -> None:
    posts = texts(200, SYLLABLES, 0)
    articles = [" ".join(texts(12, SYLLABLES, seed)) for seed in range(1, 101)]
    found = domain_distances(posts, articles, draws=20, passage=40).proxy_a
    assert found is not None and found.distance < 0.5
