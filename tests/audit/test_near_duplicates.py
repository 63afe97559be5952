"""MinHash against the exact Jaccard index of all pairs."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from amharic_tl.audit.near_duplicates import SIMILAR, clusters, jaccard, near_pairs, normalise, shingles, windows
from tests.audit.clean import word


def exact(texts: list[str]) -> dict[tuple[int, int], float]:
    """The Jaccard index of every pair, by sets of strings: no hashing at all."""
    sets = [{text[at : at + 5] for at in range(len(text) - 4)} for text in texts]
    found = {}
    for a, b in itertools.combinations(range(len(texts)), 2):
        union = len(sets[a] | sets[b])
        found[a, b] = len(sets[a] & sets[b]) / union if union else 0.0
    return found


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Texts with copies in which one to eight letters are changed, so that pairs lie on both sides of the threshold."""
    generator = random.Random(0)
    made = []
    for _ in range(45):
        original = "".join(word(generator) for _ in range(generator.randint(10, 60)))
        made.append(original)
        for changes in (1, 2, 3, 5, 8):
            letters = list(original)
            for _ in range(changes):
                letters[generator.randrange(len(letters))] = "ቨ"
            made.append("".join(letters))
    return made


def test_every_pair_above_the_threshold_is_found_and_no_other(texts: list[str]) -> None:
    expected = {pair for pair, index in exact(texts).items() if index >= SIMILAR}
    found = near_pairs(texts)
    pairs = {tuple(pair) for pair in found.pairs.tolist()}
    assert len(expected) > 100, "the made texts lie around the threshold"
    assert pairs <= expected, "what is found is checked exactly"
    assert len(pairs) >= 0.99 * len(expected), f"recall {len(pairs) / len(expected):.4f}"
    assert found.left_out == 0


def test_the_index_is_that_of_sets(texts: list[str]) -> None:
    expected = exact(texts[:12])
    for (a, b), index in expected.items():
        assert jaccard(shingles(texts[a]), shingles(texts[b])) == pytest.approx(index)


def test_short_texts_have_no_near_duplicates() -> None:
    assert len(near_pairs(["ሰላምለዓለም", "ሰላምለዓለምም", "x" * 14, "x" * 14]).pairs) == 0
    assert len(near_pairs([]).pairs) == len(near_pairs(["ሀ" * 20]).pairs) == 0


def test_marks_links_mentions_spaces_and_homophones_do_not_count() -> None:
    fold = {ord("ሐ"): "ሀ"}
    same = [normalise(text, lambda text: text.translate(fold)) for text in ("@a ሀገር፣ ሰላም! https://x.y", "ሐገርሰላም")]
    assert same[0] == same[1] == "ሀገርሰላም"


def test_windows_are_told_apart_by_content_alone() -> None:
    assert windows("ሀለሐመሠ", 3)[1] == windows("xለሐመ", 3)[1]
    assert len(np.unique(windows("".join(map(chr, range(0x1200, 0x1240))), 5))) == 60
    assert len(windows("ሀለ", 3)) == 0


def test_clusters_follow_chains() -> None:
    assert len(set(clusters(5, np.asarray([[0, 1], [1, 2]])).tolist())) == 3
