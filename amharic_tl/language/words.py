"""Words of a text with their places: abbreviations, numbers, links and user mentions stay whole."""

from __future__ import annotations

import functools
import re

from amharic_tl.language.forms import any_of
from amharic_tl.language.numerals import SIGNS
from amharic_tl.language.script import ETHIOPIC_LETTERS, LINKS_AND_MENTIONS
from amharic_tl.language.writing import Writing, open_writing

Span = tuple[int, int]


def word_spans(text: str, writing: str = "am") -> list[Span]:
    """Where each word begins and ends: ``text[start:end]``. Marks of punctuation and the word space ``፡`` are no words.

    An abbreviation is one word with its prefix and ending (``የም/ቤቱ``), and so are initials with dots between them
    (``ኤ.ኤፍ.ፒ``), a number with its separators (``1,200.5``, ``3:30``), a link and a user mention. Otherwise a word is
    a run of letters, digits and marks that combine with them.

    Raises:
      MissingInputError: no such language is known.
    """
    return [match.span() for match in _pattern(writing).finditer(text)]


def abbreviation_pattern(writing: Writing) -> str:
    """A pattern of abbreviations and dotted initials, with a prefix or none, and what endings follow them."""
    spelt = any_of([text for short in writing.abbreviations for text in (short.write, *short.also)])
    letter = f"[{ETHIOPIC_LETTERS}]"
    prefix = f"(?:{any_of(writing.prefixes)})?" if writing.prefixes else ""
    ethiopic = rf"(?<![{ETHIOPIC_LETTERS}./]){prefix}(?:{spelt}|{letter}(?:[./]{letter}+)+\.?(?!\w))(?:{letter}+)?"
    return rf"{ethiopic}|\b(?:[A-Za-z]\.){{2,}}"


@functools.cache
def _pattern(writing: str) -> re.Pattern[str]:
    number = r"\d+(?:[.,:/]\d+)*"
    letters = r"(?:(?![፩-፼])[^\W_]|[\u0300-\u036f\u135d-\u135f'’](?=[^\W_]))+"
    parts = [LINKS_AND_MENTIONS.pattern, abbreviation_pattern(open_writing(writing)), number, f"[{SIGNS}]+", letters]
    return re.compile("|".join(f"(?:{part})" for part in parts))
