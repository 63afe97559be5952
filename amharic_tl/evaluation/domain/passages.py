"""Texts of unlike length made comparable: one passage of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CHARACTERS = 200


def one_passage_each(texts: Sequence[str], characters: int = CHARACTERS, seed: int = 0) -> list[str]:
    """One stretch of whole words of each text, about ``characters`` long, at a place drawn by seed.

    A shorter text stays whole. One of each, since passages of one article are no independent sample of a source, and
    because a classifier tells articles from posts by their length alone.
    """
    generator = np.random.default_rng([seed, 0xD0])
    return [
        _passage(text, characters, float(place))
        for text, place in zip(texts, generator.random(len(texts)), strict=True)
    ]


def _passage(text: str, characters: int, place: float) -> str:
    words = text.split()
    ends = np.cumsum([len(word) + 1 for word in words]) - 1
    if not words or ends[-1] <= characters:
        return text
    # A start from which at least ``characters`` are left.
    last = int(np.searchsorted(ends, ends[-1] - characters))
    start = int(place * (last + 1))
    begin = ends[start - 1] + 1 if start else 0
    stop = int(np.searchsorted(ends, begin + characters, side="right"))
    return " ".join(words[start : max(stop, start + 1)])
