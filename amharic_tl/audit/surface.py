"""What can be seen of a text without reading it: length, marks, digits, scripts, and how it opens and closes.

A word is told by its place and number only (``first word no. 3``), because words of posts may be slurs or names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from amharic_tl.language.script import LINKS_AND_MENTIONS, script_counts

# Marks by what they are called in findings.
MARKS = {
    "Ethiopic full stop": "።", "Ethiopic word space": "፡", "Ethiopic comma": "፣", "Ethiopic semicolon": "፤",
    "full stop": ".", "comma": ",", "exclamation mark": "!", "question mark": "?፧", "quotation mark": "\"“”«»'‘’",
    "bracket": "()[]", "hyphen or dash": "-–—", "colon": ":", "slash": "/",
}  # fmt: skip
_REPEATED = re.compile(r"(\w)\1\1")
_PICTURES = re.compile("[\u2600-\u27bf\U0001f000-\U0001faff]")
_MENTION, _TAG, _LINK = re.compile(r"@\w+"), re.compile(r"#\w+"), re.compile(r"https?://|www\.")
# How a text opens and closes: the words at these places.
_PLACES: dict[str, Callable[[Sequence[str]], tuple[str, ...]]] = {
    "first word": lambda words: tuple(words[:1]),
    "first three words": lambda words: tuple(words[:3]) if len(words) >= 3 else (),
    "last word": lambda words: tuple(words[-1:]),
    "last three words": lambda words: tuple(words[-3:]) if len(words) >= 3 else (),
}
COMMON_ROWS, COMMON_SHARE, MOST_PHRASES = 10, 0.005, 100


@dataclass(frozen=True)
class Surface:
    """Surface features of texts.

    Attributes:
      measures: names of the ``numbers``, float ``[rows, measures]``.
      phrases: names of the ``flags``, bool ``[rows, phrases]``: whether a text opens or closes as many others do.
      words: what the phrases are, in their order; not to be printed unasked.
    """

    measures: tuple[str, ...]
    numbers: np.ndarray
    phrases: tuple[str, ...]
    flags: np.ndarray
    words: tuple[str, ...]


def surface(texts: Sequence[str]) -> Surface:
    """The surface features of ``texts``."""
    measured = [_measures(text) for text in texts]
    numbers = np.asarray([list(one.values()) for one in measured], float)
    names, words, flags = [], [], []
    split = [text.split() for text in texts]
    least = max(COMMON_ROWS, COMMON_SHARE * len(texts))
    for place, taken in _PLACES.items():
        found = [taken(one) for one in split]
        common = [(phrase, n) for phrase, n in Counter(found).most_common(MOST_PHRASES) if n >= least and phrase]
        for number, (phrase, _) in enumerate(common, 1):
            names.append(f"{place} no. {number}")
            words.append(" ".join(phrase))
            flags.append([one == phrase for one in found])
    matrix = np.asarray(flags, bool).T if flags else np.zeros((len(texts), 0), bool)
    return Surface(tuple(measured[0]), numbers, tuple(names), matrix, tuple(words))


def _measures(text: str) -> dict[str, float]:
    words = text.split()
    scripts = script_counts(LINKS_AND_MENTIONS.sub(" ", text))
    letters = max(sum(scripts.values()), 1)
    characters = max(len(text), 1)
    counts = Counter(text)
    last = text.rstrip()[-1:]
    measures: dict[str, float] = {
        "length in characters": len(text),
        "length in words": len(words),
        "mean length of words": letters / max(len(words), 1),
        "digits": sum(counts[digit] for digit in "0123456789") / characters,
        "Latin letters": scripts["latin"] / letters,
        "letters of other scripts": scripts["other"] / letters,
        "pictures": len(_PICTURES.findall(text)),
        "letters written three times or more": len(_REPEATED.findall(text)),
        "user names": len(_MENTION.findall(text)),
        "hash tags": len(_TAG.findall(text)),
        "links": len(_LINK.findall(text)),
        "line breaks": counts["\n"],
    }
    for name, marks in MARKS.items():
        measures[name] = sum(counts[mark] for mark in marks) / characters
        measures[f"{name} at the end"] = float(bool(last) and last in marks)
    return measures


def encode(found: Surface, train: np.ndarray, fifths: int = 5) -> tuple[Callable[[np.ndarray], np.ndarray], list[str]]:
    """A way to turn rows into float ``[rows, columns]``, learned from the ``train`` rows, and the feature behind each
    column. Numbers become flags of the fifth of the training rows that they fall into: any shape can be learned.
    """
    columns: list[tuple[int, np.ndarray]] = []
    names: list[str] = []
    for index, name in enumerate(found.measures):
        edges = np.unique(np.quantile(found.numbers[train, index], np.arange(1, fifths) / fifths))
        if not np.ptp(found.numbers[train, index]):
            continue
        # Most texts may have none of a thing: having any is a step of its own.
        edges = np.unique(np.append(edges, found.numbers[train, index].min()))
        columns.append((index, edges))
        names += [name] * (len(edges) + 1)
    names += found.phrases

    def rows(chosen: np.ndarray) -> np.ndarray:
        parts = [
            np.eye(len(edges) + 1)[np.searchsorted(edges, found.numbers[chosen, index], side="left")]
            for index, edges in columns
        ]
        return np.concatenate([*parts, found.flags[chosen].astype(float)], axis=1)

    return rows, names
