"""Texts written in one way, for comparing, counting and scoring. What changed, and where, is always told.

Each form is declared in the pack of a language (:mod:`amharic_tl.language.writing`). Nothing outside them is touched:
spaces, case, Unicode composition, other marks. Normalising twice gives what normalising once gives.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from amharic_tl.language.edits import Change, apply, compose
from amharic_tl.language.writing import Form, open_writing

# What is safe for comparing: letters that are read alike wherever they stand, and the full stop.
DEFAULT_FORMS = ("homophones", "punctuation")


@dataclass(frozen=True)
class Normalised:
    """A text in its normal form, and the way back.

    Attributes:
      text: the normal form.
      changes: where it differs from the source, in order.
    """

    text: str
    changes: tuple[Change, ...]

    @functools.cached_property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """For each character of ``text``, where what it was made of begins and ends in the source.

        The characters of a change (one letter, or a numeral, a mark, an abbreviation) have the span of the whole of it.
        """
        spans: list[tuple[int, int]] = []
        for change in (*self.changes, None):
            shift = spans[-1][1] - len(spans) if spans else 0
            stop = change.start if change else len(self.text)
            spans += [(place + shift, place + shift + 1) for place in range(len(spans), stop)]
            if change:
                spans += [(change.source_start, change.source_end)] * (change.end - change.start)
        return tuple(spans)

    @property
    def source(self) -> str:
        """The text as it was."""
        pieces, place = [], 0
        for change in self.changes:
            pieces += [self.text[place : change.start], change.original]
            place = change.end
        return "".join([*pieces, self.text[place:]])

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """Where what stands at ``text[start:end]`` (not empty) was in the source.

        Raises:
          ValueError: there is nothing at ``start:end``.
        """
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"expected 0 <= start < end <= {len(self.text)}; found {start} and {end}")
        return self.spans[start][0], self.spans[end - 1][1]


class Normaliser:
    """Some forms of a language."""

    def __init__(self, forms: Sequence[str] = DEFAULT_FORMS, writing: str = "am") -> None:
        """Forms by name; their order does not matter, the pack has one of its own.

        Raises:
          BadInputError: the language has no such form.
          MissingInputError: no such language is known.
        """
        self.name = writing
        self.writing = open_writing(writing)
        self.forms: tuple[Form, ...] = self.writing.choose(forms)

    def __call__(self, text: str) -> Normalised:
        """The normal form of a text with the way back."""
        source = text
        changes: list[Change] = []
        for form in self.forms:
            if edits := list(form.edits(text)):
                changes = compose(source, changes, edits)
                text = apply(text, edits)
        kept = [change for change in changes if text[change.start : change.end] != change.original]
        return Normalised(text, tuple(kept))

    def text(self, text: str) -> str:
        """The normal form alone: faster, for many texts."""
        for form in self.forms:
            text = apply(text, form.edits(text))
        return text


def normalise(text: str, forms: Sequence[str] = DEFAULT_FORMS, writing: str = "am") -> Normalised:
    """The normal form of a text by some forms of a language, with the way back.

    Raises:
      BadInputError: the language has no such form.
      MissingInputError: no such language is known.
    """
    return Normaliser(forms, writing)(text)
