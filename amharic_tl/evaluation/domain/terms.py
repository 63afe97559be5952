"""Texts as counts of terms, one column a term that both collections share.

Whole words will not do for Amharic: two thirds of their types occur once, so that any two samples look far apart. Terms
are strings of letters within words, or the subwords of a tokenizer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from amharic_tl.language.script import LINKS_AND_MENTIONS

LETTERS = 3


def character_ngrams(
    first: Sequence[str], second: Sequence[str], letters: int = LETTERS, fold: Callable[[str], str] | None = None
) -> tuple[Any, Any]:
    """Counts of the strings of ``letters`` characters within words, a space at each end of a word.

    Links and user mentions are left out: they would tell a platform from a newspaper before any word is read.

    Args:
      first, second: texts.
      letters: of a term.
      fold: makes spellings one before counting, such as homophone letters; None: texts as they are.

    Returns:
      Two sparse int64 ``[texts, terms]`` with the same columns.

    Raises:
      ValueError: the texts hold no term.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    def prepared(texts: Sequence[str]) -> list[str]:
        bare = (LINKS_AND_MENTIONS.sub(" ", text) for text in texts)
        return [fold(text) if fold is not None else text for text in bare]

    counter = CountVectorizer(analyzer="char_wb", ngram_range=(letters, letters), lowercase=False, dtype=np.int64)
    counts = counter.fit_transform([*prepared(first), *prepared(second)])
    return counts[: len(first)], counts[len(first) :]


def subwords(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> tuple[Any, Any]:
    """Counts of token ids, ``int [tokens]`` a text, as :func:`character_ngrams` gives them.

    Raises:
      ValueError: the texts hold no token.
    """
    from scipy.sparse import csr_matrix

    lengths = [len(ids) for ids in (*first, *second)]
    if not sum(lengths):
        raise ValueError("the texts hold no token")
    ids = np.concatenate([*first, *second])
    rows = np.repeat(np.arange(len(lengths)), lengths)
    _, columns = np.unique(ids, return_inverse=True)
    counts = csr_matrix((np.ones(len(ids), np.int64), (rows, columns)), shape=(len(lengths), int(columns.max()) + 1))
    return counts[: len(first)], counts[len(first) :]
