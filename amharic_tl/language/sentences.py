"""Sentences of a text with their places. Which marks end one is data of the language; the text is not changed."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from amharic_tl.language.forms import follows_something
from amharic_tl.language.script import LINKS_AND_MENTIONS
from amharic_tl.language.words import Span, abbreviation_pattern
from amharic_tl.language.writing import Writing, open_writing

_CLOSING = "\"'”’»›)]}"
# What stands in front of a full stop that ends no sentence: the number of an item, an initial.
_NUMBER_OR_INITIAL = re.compile(r"(?:^|[\s(\[])(?:\d{1,3}|[^\W\d_])$")


def sentence_spans(text: str, writing: str = "am") -> list[Span]:
    """Where each sentence begins and ends: ``text[start:end]``, without white space around it.

    A sentence ends at a mark that the language declares, together with closing quotes and brackets behind it, and at
    the end of a line. It does not end within abbreviations, numbers, links; after a number or letter that
    opens a line or stands for a name (``1.``, ``አ.``); in dots that trail off (``...``); nor after a quotation that the
    sentence goes on behind (``«መጣ።» አለ``). What holds neither letter nor digit belongs to the sentence before.

    Raises:
      MissingInputError: no such language is known.
    """
    marks = _marks(writing)
    spans: list[Span] = []
    start = 0
    for line in re.finditer(r"[^\r\n]+", text):
        start = line.start()
        whole = [match.span() for match in marks.whole.finditer(text, line.start(), line.end())]
        for run in marks.run.finditer(text, line.start(), line.end()):
            if run.start() >= start and _ends(text, run, marks, whole, start):
                end = _past_closing(text, run.end(), line.end())
                if not _goes_on(text, run.end(), end, marks.language):
                    _add(text, spans, start, end, line.start())
                    start = end
        _add(text, spans, start, line.end(), line.start())
    return spans


@dataclass(frozen=True)
class _Marks:
    language: Writing
    run: re.Pattern[str]
    whole: re.Pattern[str]


@functools.cache
def _marks(writing: str) -> _Marks:
    language = open_writing(writing)
    signs = "".join(sorted(set("".join((*language.ends, *language.ends_before_space)))))
    # A link may be followed by the mark that ends its sentence.
    links = f"(?:{LINKS_AND_MENTIONS.pattern})(?<![{re.escape(signs)}])"
    return _Marks(
        language, re.compile(f"[{re.escape(signs)}]+"), re.compile(f"{links}|{abbreviation_pattern(language)}")
    )


def _ends(text: str, run: re.Match[str], marks: _Marks, whole: list[Span], start: int) -> bool:
    """Whether a run of marks ends a sentence that began at ``start``."""
    found = run.group()
    if any(first <= run.start() < last for first, last in whole):
        # The last dot of an abbreviation may be followed by another mark.
        found = text[max(last for first, last in whole if first <= run.start()) : run.end()]
    if any(mark in found for mark in marks.language.ends):
        return follows_something(text, run.end() - len(found), run.end())
    if not any(mark in found for mark in marks.language.ends_before_space):
        return False
    behind = _past_closing(text, run.end(), len(text))
    if behind < len(text) and not text[behind].isspace():
        return False
    if found.strip(".") == "":
        return found == "." and not _NUMBER_OR_INITIAL.search(text[start : run.start()])
    return True


def _past_closing(text: str, place: int, stop: int) -> int:
    while place < stop and text[place] in _CLOSING:
        place += 1
    return place


def _goes_on(text: str, mark_end: int, end: int, language: Writing) -> bool:
    """Whether a word that carries a sentence on follows a closed quotation."""
    following = re.match(r"[\s፣,]*(\w+)", text[end:])
    return end > mark_end and following is not None and following.group(1) in language.after_quotation


def _add(text: str, spans: list[Span], start: int, end: int, line_start: int) -> None:
    piece = text[start:end]
    if not piece.strip():
        return
    start, end = start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
    if spans and spans[-1][0] >= line_start and not any(character.isalnum() for character in piece):
        spans[-1] = (spans[-1][0], end)
    else:
        spans.append((start, end))
