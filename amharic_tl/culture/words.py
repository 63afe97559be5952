"""Words of a text, and lists of words and phrases that are found in it whatever clitics they carry."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from amharic_tl.language.clitics import Grammar

_WORD = re.compile(r"[^\W\d_]+")
_PARTS = re.compile(r"[\s\-]+")

Value = TypeVar("Value")


class Token(NamedTuple):
    """A word and where it stands. ``joined``: nothing but space between it and the word before."""

    start: int
    end: int
    text: str
    folded: str
    joined: bool


def tokens(text: str, grammar: Grammar) -> Iterator[Token]:
    """The words of ``text`` in order."""
    end = 0
    for match in _WORD.finditer(text):
        joined = end > 0 and grammar.between_words.fullmatch(text[end : match.start()]) is not None
        yield Token(match.start(), match.end(), match.group(), grammar.fold(match.group()), joined)
        end = match.end()


def parts(phrase: str) -> list[str]:
    """The words of a name or phrase."""
    return _PARTS.split(phrase)


class Phrases(Generic[Value]):
    """Phrases of one or more words, each with a value. The last word is found in every inflection."""

    def __init__(self, grammar: Grammar, values: Mapping[str, Value], *, prefixed: bool = False) -> None:
        """``prefixed``: found with a prefix on the first word too."""
        self._grammar = grammar
        self._prefixed = prefixed
        self._values: dict[tuple[str, ...], Value] = {}
        for phrase, value in values.items():
            *before, last = parts(phrase)
            for written, _ in grammar.inflections(last):
                self._values.setdefault(tuple(grammar.fold(word) for word in (*before, written)), value)
        self._lengths = sorted({len(key) for key in self._values}, reverse=True)

    def at(self, words: Sequence[Token], index: int) -> tuple[Value, int] | None:
        """The value of the longest phrase that begins at ``words[index]``, and how many words it has."""
        for length in self._lengths:
            run = words[index : index + length]
            if len(run) < length or not all(token.joined for token in run[1:]):
                continue
            for key in self._keys([token.folded for token in run]):
                if key in self._values:
                    return self._values[key], length
        return None

    def _keys(self, run: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Ways to read these words as a key: a prefix on the first word, outer suffixes on the last."""
        *before, last = run
        prefix_there = self._prefixed and not before
        lasts = [middle for middle, outer in self._grammar.readings(last) if prefix_there or not outer.prefix]
        if not before:
            yield from ((middle,) for middle in lasts)
            return
        firsts = [
            middle
            for middle, outer in self._grammar.readings(before[0])
            if not outer.suffixes and (not outer.prefix or self._prefixed)
        ]
        yield from ((first, *before[1:], middle) for first in firsts for middle in lasts)
