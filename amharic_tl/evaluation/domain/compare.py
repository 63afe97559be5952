"""All distances between two collections: over letters, as written and folded, over subwords, and by a classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from amharic_tl.evaluation.domain.passages import CHARACTERS, one_passage_each
from amharic_tl.evaluation.domain.proxy_a import ProxyA, proxy_a_distance
from amharic_tl.evaluation.domain.sampling import DRAWS, Measured, between_and_within
from amharic_tl.evaluation.domain.statistics import jensen_shannon, top_overlap
from amharic_tl.evaluation.domain.terms import character_ngrams, subwords

MOST_TEXTS = 2000


@dataclass(frozen=True)
class Distances:
    """What lies between two collections; a figure is None where there are too few texts for it.

    ``jensen_shannon`` (bits) and ``top_overlap`` by kind of terms: ``letters`` (3 characters within words, as written),
    ``letters_folded`` (spellings made one), ``subwords`` (where a tokenizer was given). ``texts``: of each side;
    ``measured``: how many of them were looked at.
    """

    jensen_shannon: dict[str, Measured | None]
    top_overlap: dict[str, Measured | None]
    proxy_a: ProxyA | None
    texts: tuple[int, int]
    measured: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def domain_distances(
    first: Sequence[str],
    second: Sequence[str],
    *,
    fold: Callable[[str], str] | None = None,
    encode: Callable[[Sequence[str]], Sequence[np.ndarray]] | None = None,
    key: Callable[[str], object] | None = None,
    draws: int = DRAWS,
    most: int = MOST_TEXTS,
    passage: int | None = CHARACTERS,
    seed: int = 0,
) -> Distances:
    """Measures all distances between two collections.

    Args:
      first, second: texts, each a unit of its own.
      fold: makes spellings one, such as a culture pack's ``grammar.fold``; None: no folded figures.
      encode: texts to token ids without special tokens; None: no figures over subwords.
      key: equal for texts that count as the same, which no fold of the classifier separates; None: the text itself.
      draws: of halves, for the intervals.
      most: texts of a side; a seeded sample of larger collections.
      passage: characters of the one passage of each text that is looked at; None: whole texts.
      seed: of all draws.

    Raises:
      ValueError: neither side holds a term.
    """
    a, b = (_sample(texts, most, seed + side) for side, texts in enumerate((first, second)))
    if passage is not None:
        a, b = (one_passage_each(texts, passage, seed + side) for side, texts in enumerate((a, b)))
    letters = character_ngrams(a, b)
    terms = {"letters": letters}
    if fold is not None:
        terms["letters_folded"] = character_ngrams(a, b, fold=fold)
    if encode is not None:
        terms["subwords"] = subwords(encode(a), encode(b))
    names = [[(key or str)(text) for text in side] for side in (a, b)]
    return Distances(
        jensen_shannon={
            name: between_and_within(*pair, jensen_shannon, draws=draws, seed=seed) for name, pair in terms.items()
        },
        top_overlap={
            name: between_and_within(*pair, top_overlap, draws=draws, seed=seed) for name, pair in terms.items()
        },
        proxy_a=proxy_a_distance(*_scaled(*letters), (names[0], names[1]), seed=seed),
        texts=(len(first), len(second)),
        measured=(len(a), len(b)),
    )


def _sample(texts: Sequence[str], most: int, seed: int) -> list[str]:
    if len(texts) <= most:
        return list(texts)
    chosen = np.random.default_rng(seed).choice(len(texts), most, replace=False)
    return [texts[index] for index in sorted(chosen)]


def _scaled(first: Any, second: Any) -> tuple[Any, Any]:
    """Sublinear TF-IDF of length 1, so that long texts are not told from short ones by their length."""
    from scipy.sparse import vstack
    from sklearn.feature_extraction.text import TfidfTransformer

    both = TfidfTransformer(sublinear_tf=True).fit_transform(vstack([first, second], format="csr"))
    return both[: first.shape[0]], both[first.shape[0] :]
