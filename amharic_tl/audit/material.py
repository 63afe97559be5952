"""What is audited: parts (splits or files) of labelled, tagged, paired or plain texts, and what checks share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from amharic_tl.audit.near_duplicates import NearPairs, clusters, near_pairs, normalise
from amharic_tl.config import Config
from amharic_tl.culture.pack import Pack, open_pack
from amharic_tl.data.audit import text_key
from amharic_tl.data.rows import Row, Source
from amharic_tl.data.tags import entity_types

# ``none``: texts without labels; ``pairs``: a text to read and one to write.
Problem = Literal["single-label", "multi-label", "regression", "tags", "pairs", "none"]


@dataclass(frozen=True)
class Part:
    """A split or a file.

    Attributes:
      name: what findings call it.
      source: its rows.
      unusable: what is wrong with rows that could not be read, by file and line.
      by: further columns, each with a value for rows by ``(file, line)``.
    """

    name: str
    source: Source
    unusable: tuple[str, ...] = ()
    by: Mapping[str, Mapping[tuple[str, int], str]] = field(default_factory=dict)

    @property
    def rows(self) -> list[Row]:
        """The rows that could be read."""
        return self.source.rows


@dataclass(frozen=True)
class View:
    """The texts of a side of the rows: all of them, or the source or target of pairs."""

    name: str
    text: Callable[[Row], str]

    def where(self, part: str) -> str:
        """What findings about this side of a part say."""
        return part if self.name == "text" else f"{part}, {self.name}"


_TEXT, _SOURCE = View("text", lambda row: row.text), View("source", lambda row: row.text)
_TARGET = View("target", lambda row: row.target or "")


@dataclass(frozen=True)
class Matches:
    """Which texts of all parts (those of ``against`` behind the others) are the same or nearly so.

    Attributes:
      starts: where each part's rows begin in the order of all of them.
      groups: int ``[rows]``, equal for the same text (see :func:`amharic_tl.data.audit.text_key`).
      near: pairs of groups that are nearly the same; ``neighbours`` has them by group.
      clusters: int ``[rows]``, equal along chains of same and near texts.
    """

    starts: np.ndarray
    groups: np.ndarray
    near: NearPairs
    neighbours: Mapping[int, frozenset[int]]
    clusters: np.ndarray

    def rows_of(self, part: int) -> slice:
        """The rows of a part."""
        return slice(int(self.starts[part]), int(self.starts[part + 1]))

    def found_in(self, part: int, other: int) -> tuple[np.ndarray, np.ndarray]:
        """Bool ``[rows of part]`` twice: which of its rows ``other`` has too, and which it has at least nearly."""
        there = set(self.groups[self.rows_of(other)].tolist())
        own = self.groups[self.rows_of(part)]
        same = np.asarray([group in there for group in own.tolist()], bool)
        near = [not there.isdisjoint(self.neighbours.get(group, ())) for group in own.tolist()]
        return same, same | np.asarray(near, bool)


@dataclass
class Material:
    """All that an audit looks at. What several checks need is made once, on first use."""

    config: Config
    problem: Problem
    parts: list[Part]
    labels: list[str] = field(default_factory=list)
    against: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    by: tuple[str, ...] = ()
    show_words: bool = False
    adaptation: Part | None = None

    @property
    def reference(self) -> Part:
        """The part that the others are compared with: train, or the first one."""
        return next((part for part in self.parts if part.name == "train"), self.parts[0])

    @property
    def others(self) -> list[Part]:
        """All parts but the reference."""
        return [part for part in self.parts if part is not self.reference]

    @property
    def views(self) -> tuple[View, ...]:
        """The sides of a row."""
        return (_SOURCE, _TARGET) if self.problem == "pairs" else (_TEXT,)

    def texts(self) -> Iterator[tuple[str, Part, View]]:
        """Every side of every part, with what findings call it."""
        for part in self.parts:
            for view in self.views:
                yield view.where(part.name), part, view

    def names(self, row: Row) -> tuple[str, ...]:
        """The labels of a row: its label, its set of labels, the types of its entities; none for a number."""
        if self.problem == "multi-label":
            return row.labels
        if self.problem == "tags":
            return tuple(entity_types(row.labels))
        return (row.label,) if self.problem == "single-label" and row.label is not None else ()

    @cached_property
    def pack(self) -> Pack:
        """The culture pack of ``config.safety.pack``."""
        return open_pack(self.config.safety.pack)

    @cached_property
    def matches(self) -> dict[str, Matches]:
        """By side of the rows, which texts repeat."""
        return {view.name: self._matches(view) for view in self.views}

    def _matches(self, view: View) -> Matches:
        texts = [[view.text(row) for row in part.rows] for part in self.parts]
        # A text to compare with may be either side of a pair.
        texts += [[row.text if view is not _TARGET else row.target or row.text for row in p.rows] for p in self.against]
        return match(texts, self.pack.grammar.fold)


def match(parts: Sequence[Sequence[str]], fold: Callable[[str], str]) -> Matches:
    """Compares the texts of all ``parts`` with one another; ``fold`` makes letters one that are read alike."""
    numbers: dict[str, int] = {}
    first: list[str] = []
    groups = []
    for text in (text for part in parts for text in part):
        key = text_key(text)
        if key not in numbers:
            numbers[key] = len(numbers)
            first.append(text)
        groups.append(numbers[key])
    near = near_pairs([normalise(text, fold) for text in first])
    neighbours: dict[int, set[int]] = {}
    for a, b in near.pairs.tolist():
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    of_group = clusters(len(first), near.pairs)
    row_groups = np.asarray(groups, np.int64)
    return Matches(
        np.cumsum([0, *(len(part) for part in parts)]),
        row_groups,
        near,
        {group: frozenset(others) for group, others in neighbours.items()},
        of_group[row_groups] if len(row_groups) else row_groups,
    )
