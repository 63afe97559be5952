"""Texts that are nearly the same: MinHash on normalised letters, every candidate checked by its exact Jaccard index.

Two texts are near-duplicates where their sets of 5-letter shingles have a Jaccard index of at least 0.8. Signatures of
100 minima (Broder 1997) are cut into 20 bands of 5; a pair that agrees in any band is a candidate. A pair at the
threshold itself is overlooked with probability (1 - 0.8^5)^20 = 0.0004; a pair that is found is never wrong, as the
index itself decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from amharic_tl.language.script import LINKS_AND_MENTIONS, MINIMUM_LETTERS

SHINGLE = 5
BANDS, ROWS_OF_BAND = 20, 5
SIMILAR = 0.8
# A signature's estimate of a pair at the threshold has a standard deviation of 0.04: five of them below it.
_WORTH_CHECKING = SIMILAR - 0.2
_CHUNK = 1_000_000  # shingles at once
MOST_CANDIDATES = 5_000_000

Fold = Callable[[str], str]


@dataclass(frozen=True)
class NearPairs:
    """Pairs of texts.

    Attributes:
      pairs: int ``[n, 2]``, the smaller index first, sorted.
      similarity: float ``[n]``, the Jaccard index.
      left_out: candidates that were not looked at because there were more than :data:`MOST_CANDIDATES`.
    """

    pairs: np.ndarray
    similarity: np.ndarray
    left_out: int = 0


def normalise(text: str, fold: Fold = str.casefold) -> str:
    """Letters and digits alone, links and user mentions taken out, ``fold`` applied: for comparing, never to be shown.

    Spaces go too, so that a tokenised text is the same as the one it was made of.
    """
    return "".join(character for character in fold(LINKS_AND_MENTIONS.sub(" ", text)) if character.isalnum())


def shingles(text: str) -> np.ndarray:
    """uint64, sorted, each once: hashes of the :data:`SHINGLE`-letter strings of a normalised text."""
    return np.unique(windows(text, SHINGLE))


def windows(text: str, length: int) -> np.ndarray:
    """uint64 ``[len(text) - length + 1]``: a hash of every string of ``length`` characters, in order."""
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64)
    count = len(codes) - length + 1
    if count < 1:
        return np.zeros(0, np.uint64)
    hashed = np.zeros(count, np.uint64)
    for offset in range(length):
        hashed *= np.uint64(0x100000001B3)
        hashed += codes[offset : offset + count]
    return _mix(hashed)


def near_pairs(texts: Sequence[str]) -> NearPairs:
    """Pairs of normalised ``texts`` with a Jaccard index of at least :data:`SIMILAR`.

    Texts of fewer than 15 letters have no near-duplicates, as a single letter changes most of their shingles.
    """
    kept = np.asarray([index for index, text in enumerate(texts) if len(text) >= MINIMUM_LETTERS], np.int64)
    sets = [shingles(texts[index]) for index in kept]
    if len(kept) < 2:
        return NearPairs(np.zeros((0, 2), np.int64), np.zeros(0))
    signatures = _signatures(sets)
    candidates, left_out = _candidates(signatures)
    estimate = np.concatenate(
        [
            np.mean(signatures[part[:, 0]] == signatures[part[:, 1]], axis=1)
            for part in np.array_split(candidates, len(candidates) // 100_000 + 1)
        ]
    )
    sizes = np.asarray([len(one) for one in sets])[candidates]
    worth = (estimate >= _WORTH_CHECKING) & (sizes.min(axis=1) >= SIMILAR * sizes.max(axis=1))
    candidates = candidates[worth]
    index = np.asarray([jaccard(sets[a], sets[b]) for a, b in candidates], float).reshape(-1)
    found = index >= SIMILAR
    pairs = kept[candidates[found]].reshape(-1, 2)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return NearPairs(pairs[order], index[found][order], left_out)


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Common elements by all elements of two sorted sets; 0 where one is empty."""
    if not len(first) or not len(second):
        return 0.0
    places = np.searchsorted(second, first)
    places[places == len(second)] = 0
    common = int(np.count_nonzero(second[places] == first))
    return common / (len(first) + len(second) - common)


def clusters(count: int, pairs: np.ndarray) -> np.ndarray:
    """int ``[count]``: a number for each text, the same where a chain of pairs leads from one to the other."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(pairs))
    graph = coo_matrix((ones, (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1])


def _mix(values: np.ndarray) -> np.ndarray:
    """A bijection of 64 bits that leaves no pattern (the finaliser of SplitMix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _signatures(sets: Sequence[np.ndarray]) -> np.ndarray:
    """uint32 ``[texts, 100]``: the smallest value of each hash function over a text's shingles."""
    generator = np.random.default_rng(0)
    functions = BANDS * ROWS_OF_BAND
    factors = generator.integers(0, 2**63, functions, np.uint64) * np.uint64(2) + np.uint64(1)
    signatures = np.zeros((len(sets), functions), np.uint32)
    start = 0
    while start < len(sets):
        stop, size = start, 0
        while stop < len(sets) and (stop == start or size + len(sets[stop]) <= _CHUNK):
            size += len(sets[stop])
            stop += 1
        values = np.concatenate(sets[start:stop])
        begins = np.cumsum([0, *(len(one) for one in sets[start : stop - 1])])
        for function, factor in enumerate(factors):
            # Multiply-shift hashing (Dietzfelbinger et al. 1997): the upper half of a product with an odd number.
            hashed = ((values * factor) >> np.uint64(32)).astype(np.uint32)
            signatures[start:stop, function] = np.minimum.reduceat(hashed, begins)
        start = stop
    return signatures


def _candidates(signatures: np.ndarray) -> tuple[np.ndarray, int]:
    """int ``[n, 2]``: pairs that agree in a band, each once, and how many were left out."""
    found: list[np.ndarray] = []
    total, left_out = 0, 0
    for band in range(BANDS):
        part = np.ascontiguousarray(signatures[:, band * ROWS_OF_BAND : (band + 1) * ROWS_OF_BAND])
        keys = part.view([("", part.dtype)] * ROWS_OF_BAND).ravel()
        order = np.argsort(keys, kind="stable")
        changes = np.flatnonzero(keys[order][1:] != keys[order][:-1]) + 1
        for group in np.split(order, changes):
            if len(group) < 2:
                continue
            pairs = len(group) * (len(group) - 1) // 2
            if total + pairs > MOST_CANDIDATES:
                left_out += pairs
                continue
            total += pairs
            first, second = np.triu_indices(len(group), 1)
            found.append(
                np.stack([np.minimum(group[first], group[second]), np.maximum(group[first], group[second])], 1)
            )
    if not found:
        return np.zeros((0, 2), np.int64), left_out
    return np.unique(np.concatenate(found), axis=0), left_out
