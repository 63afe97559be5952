"""Rows of the tables for new tokens: a mixture of old rows for each, or a draw around their mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from amharic_tl.errors import ConfigError
from amharic_tl.transfer.vocabulary.serialised import Change, Serialised

Method = Literal["subword-mean", "focus", "mean", "random"]
METHODS: tuple[Method, ...] = ("subword-mean", "focus", "mean", "random")


@dataclass(frozen=True)
class Rows:
    """What each row of the new tables is made of.

    Attributes:
      origin: int64 ``[rows]``, the old row that is copied bit for bit, -1 for none.
      mixtures: for a new row, old rows and their weights, which sum to 1.
      drawn: bool ``[rows]``: neither copied nor mixed, but drawn from N(mean, deviation) of the old rows.
      known: int64 ``[old rows used]``, the old rows that mean and deviation are taken over.
    """

    origin: np.ndarray
    mixtures: dict[int, tuple[np.ndarray, np.ndarray]]
    drawn: np.ndarray
    known: np.ndarray

    @property
    def new(self) -> np.ndarray:
        """The numbers of rows that are not copied."""
        return np.flatnonzero(self.origin < 0)


def plan_rows(
    old: Serialised,
    change: Change,
    old_rows: int,
    method: Method,
    focus: Callable[[np.ndarray], dict[int, tuple[np.ndarray, np.ndarray]]] | None = None,
) -> Rows:
    """Decides what the rows are made of. Rows of an extended vocabulary that no token names stay.

    ``subword-mean``: the mean of the rows of the pieces the old tokenizer cuts the new one into (FVT, Gee et al. 2022,
    section 3.2); where it knows none of it, a draw. ``mean``: the mean of all old rows. ``random``: a draw from
    N(mean, deviation) of each column, the control that a method must beat. ``focus``: Dobler and de Melo 2023.

    Args:
      old: the old tokenizer.
      change: the new one.
      old_rows: rows of the old tables.
      method: one of :data:`METHODS`.
      focus: from the new ids to their mixtures, for ``focus``.

    Raises:
      ConfigError: an unknown method.
    """
    if method not in METHODS:
        raise ConfigError(f"--initialise: expected one of {', '.join(METHODS)}, found {method!r}")
    rows = len(change.origin)
    extended = np.array_equal(change.origin[: len(old.tokens)], np.arange(len(old.tokens)))
    origin = np.where(change.origin < old_rows, change.origin, -1)
    if extended and old_rows > rows:
        origin = np.concatenate([origin, np.arange(rows, old_rows)])
    known = np.asarray(sorted(place for place in old.ids.values() if place < old_rows), np.int64)
    new = np.flatnonzero(origin < 0)
    tokens = change.tokenizer.tokens
    mixtures: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    if method == "subword-mean":
        cut = Cutter(old)
        for row in new:
            parts = np.asarray([part for part in cut(str(tokens[row])) if part < old_rows], np.int64)
            if len(parts):
                mixtures[int(row)] = (parts, np.full(len(parts), 1 / len(parts)))
    elif method == "mean":
        everything = (known, np.full(len(known), 1 / len(known)))
        mixtures = {int(row): everything for row in new}
    elif method == "focus" and focus is not None:
        mixtures = focus(new)
    drawn = np.zeros(len(origin), bool)
    drawn[[row for row in new if int(row) not in mixtures]] = True
    return Rows(origin, mixtures, drawn, known)


class Cutter:
    """Cuts a piece of a new vocabulary into pieces of the old one."""

    def __init__(self, old: Serialised) -> None:
        self._old, self._model = old, old.build().model
        self._not = {old.ids[old.unknown]} if old.unknown is not None else set()

    def __call__(self, piece: str) -> list[int]:
        """Old ids, unknown ones left out; none where the old tokenizer knows no more of it than where words begin."""
        old = self._old
        if piece in old.model_ids:
            return [old.model_ids[piece]]
        if old.kind == "WordPiece":
            found = self._longest_first(piece)
        else:
            found = [token.id for token in self._model.tokenize(piece)]
        found = [place for place in found if place not in self._not]
        says_something = old.byte_level or any(old.text(str(old.tokens[place])) for place in found)
        return found if says_something else []

    def _longest_first(self, piece: str) -> list[int]:
        """WordPiece's own way (Wu et al. 2016), which is not offered for a piece from inside a word.

        A letter that is known inside words only, or at their beginning only, is taken from there.
        """
        ids, prefix = self._old.model_ids, self._old.prefix
        rest, inside = piece.removeprefix(prefix), bool(prefix) and piece.startswith(prefix)
        found: list[int] = []
        while rest:
            marks = (prefix, "") if inside else ("", prefix)
            known = [(end, mark) for mark in marks for end in range(len(rest), 0, -1) if mark + rest[:end] in ids]
            end, mark = next((one for one in known if one[1] == marks[0]), known[0] if known else (0, ""))
            if end:
                found.append(ids[mark + rest[:end]])
            rest, inside = rest[end or 1 :], True
        return found


def fill_table(rows: Rows, table: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The new table.

    Args:
      rows: what they are made of.
      table: the old one, ``[old rows, ...]`` of any floating dtype; computed in float32, or float64 where it is that.
      generator: of draws. A table of one dimension (a bias) takes the mean where others are drawn.

    Returns:
      ``[rows, ...]`` of the dtype of ``table``.
    """
    wide: Any = np.promote_types(table.dtype, np.float32) if table.dtype != np.float64 else np.float64
    new = np.empty((len(rows.origin), *table.shape[1:]), table.dtype)
    copied = rows.origin >= 0
    new[copied] = table[rows.origin[copied]]
    values = table[rows.known].astype(wide)
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    for row, (parts, weights) in rows.mixtures.items():
        if parts is rows.known:
            new[row] = mean.astype(table.dtype)
        else:
            new[row] = np.tensordot(weights.astype(wide), table[parts].astype(wide), axes=1).astype(table.dtype)
    places = np.flatnonzero(rows.drawn)
    if len(places):
        noise = generator.standard_normal((len(places), *table.shape[1:])).astype(wide) if table.ndim > 1 else 0.0
        new[places] = (mean + deviation * noise).astype(table.dtype)
    return new
