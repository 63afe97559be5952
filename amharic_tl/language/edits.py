"""Replacements in a text, and what several rounds of them together did to the text that was there first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Edit(NamedTuple):
    """``text[start:end]`` is to become ``new``."""

    start: int
    end: int
    new: str
    form: str


@dataclass(frozen=True)
class Change:
    """``text[start:end]`` stands where ``original`` stood at ``source_start:source_end`` of the first text.

    Attributes:
      forms: which forms changed it, in order.
    """

    start: int
    end: int
    source_start: int
    source_end: int
    original: str
    forms: tuple[str, ...]


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with its edits, which are in order and do not overlap."""
    pieces, place = [], 0
    for edit in edits:
        pieces += [text[place : edit.start], edit.new]
        place = edit.end
    return "".join([*pieces, text[place:]])


def compose(source: str, changes: Sequence[Change], edits: Sequence[Edit]) -> list[Change]:
    """The changes from ``source`` after further edits of the text that ``changes`` made of it.

    An edit that overlaps earlier changes is joined with them.
    """
    merged: list[Change] = []
    to_source = to_new = 0  # what to add to a place of the present text for its place in the source and in the new text
    changed, edited = 0, 0
    while changed < len(changes) or edited < len(edits):
        starts = [change.start for change in changes[changed : changed + 1]]
        start = min(starts + [edit.start for edit in edits[edited : edited + 1]])
        source_start, new_start, end = start + to_source, start + to_new, start
        forms: list[str] = []
        while True:
            if changed < len(changes) and _joins(changes[changed].start, start, end):
                change = changes[changed]
                end = max(end, change.end)
                to_source = change.source_end - change.end
                forms += change.forms
                changed += 1
            elif edited < len(edits) and _joins(edits[edited].start, start, end):
                edit = edits[edited]
                end = max(end, edit.end)
                to_new += len(edit.new) - (edit.end - edit.start)
                forms.append(edit.form)
                edited += 1
            else:
                break
        original = source[source_start : end + to_source]
        merged.append(
            Change(new_start, end + to_new, source_start, end + to_source, original, tuple(dict.fromkeys(forms)))
        )
    return merged


def _joins(place: int, start: int, end: int) -> bool:
    """Whether what begins at ``place`` overlaps ``start:end`` (a new stretch, where it is empty)."""
    return place < end or place == start == end
