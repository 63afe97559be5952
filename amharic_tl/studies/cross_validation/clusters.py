"""Which rows must not be divided: near-duplicates, and rows that a column says belong together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from amharic_tl.audit.near_duplicates import SHINGLE, SIMILAR
from amharic_tl.audit.near_duplicates import clusters as components
from amharic_tl.language.script import duplicate_key, near_duplicate_key

_BLOCK = 1000  # texts compared at once: bounds memory
DESCRIBED = (
    "equal after NFC, white space and case; or with the same Ethiopic letters; or, of texts with at least 15 such "
    f"letters, with {SIMILAR:.0%} of their letter {SHINGLE}-grams in common (Jaccard), joined transitively"
)


def near_duplicates(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of texts that are near-duplicates: :data:`DESCRIBED`. Enough of them to join each cluster, not all."""
    pairs = []
    first: dict[str, int] = {}
    letters: dict[str, int] = {}
    for number, text in enumerate(texts):
        pairs.append((first.setdefault(duplicate_key(text), number), number))
        near = near_duplicate_key(text)
        if near is not None:
            pairs.append((letters.setdefault(near, number), number))
    numbers = list(letters.values())
    similar = _similar(list(letters))
    pairs += [(numbers[one], numbers[other]) for one, other in similar]
    return [(one, other) for one, other in pairs if one != other]


def _similar(letters: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs whose sets of letter n-grams have a Jaccard index of at least :data:`SIMILAR`; exact, no hashing."""
    from sklearn.feature_extraction.text import CountVectorizer

    if len(letters) < 2:
        return []
    grams = CountVectorizer(
        analyzer="char", ngram_range=(SHINGLE, SHINGLE), binary=True, lowercase=False, dtype=np.int32
    )
    matrix = grams.fit_transform(letters).tocsr()
    sizes = np.asarray(matrix.sum(axis=1)).ravel()
    pairs = []
    for start in range(0, len(letters), _BLOCK):
        common = (matrix[start : start + _BLOCK] @ matrix.T).tocoo()
        rows, columns = common.row + start, common.col
        jaccard = common.data / (sizes[rows] + sizes[columns] - common.data)
        kept = (jaccard >= SIMILAR) & (rows < columns)
        pairs += list(zip(rows[kept].tolist(), columns[kept].tolist(), strict=True))
    return pairs


def joined(pairs: Sequence[tuple[int, int]], count: int) -> list[int]:
    """The connected component of each of ``count`` rows, numbered in the order in which they are met."""
    found = components(count, np.asarray(pairs, np.int64).reshape(-1, 2))
    order: dict[int, int] = {}
    return [order.setdefault(int(component), len(order)) for component in found]


def same_value(values: Sequence[str | None]) -> list[tuple[int, int]]:
    """Pairs that join rows of one value."""
    first: dict[str, int] = {}
    pairs = [(first.setdefault(value, n), n) for n, value in enumerate(values) if value is not None]
    return [(one, other) for one, other in pairs if one != other]
