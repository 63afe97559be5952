"""The task's training and validation rows: all texts for the gates, a bounded sample for features, folds of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amharic_tl.config import Config
from amharic_tl.data.rows import Row
from amharic_tl.errors import BadInputError
from amharic_tl.run.assembly import read_splits
from amharic_tl.studies.cross_validation.clusters import joined, near_duplicates
from amharic_tl.studies.cross_validation.items import Item
from amharic_tl.studies.cross_validation.making import split
from amharic_tl.studies.select_base.request import FEWEST_ROWS, Request

FOLDS = 5


@dataclass(frozen=True)
class TaskData:
    """What bases are judged on. An item is a text with a label, or a word with a tag.

    Attributes:
      problem: ``single-label`` or ``tags``.
      texts: of all rows, for the gates.
      tokens: the words of each of ``texts`` where the data has them, otherwise empty.
      rows: the sampled rows, whose features are looked at.
      names: the classes of the items.
      labels: int ``[items]``.
      clusters: int ``[items]``: near-duplicate texts, and the words of one, belong together.
      folds: int ``[items]``: the fold in which each is predicted.
      row_of: int ``[items]``: its place in ``rows``.
      fingerprint: of all rows and of the sample.
      notes: what was bounded, as sentences.
    """

    problem: str
    texts: list[str]
    tokens: list[tuple[str, ...]]
    rows: list[Row]
    names: list[str]
    labels: np.ndarray
    clusters: np.ndarray
    folds: np.ndarray
    row_of: np.ndarray
    fingerprint: str
    notes: list[str]

    def to_dict(self) -> dict[str, Any]:
        """What selection.json holds of it; no text."""
        counts = np.bincount(self.labels, minlength=len(self.names))
        return {
            "problem": self.problem,
            "rows": len(self.texts),
            "sampled_rows": len(self.rows),
            "items": len(self.labels),
            "clusters": len(np.unique(self.clusters)),
            "folds": int(self.folds.max()) + 1,
            "classes": dict(zip(self.names, counts.tolist(), strict=True)),
            "fingerprint": self.fingerprint,
            "notes": self.notes,
        }


def read_task(config: Config, request: Request) -> TaskData:
    """Reads the rows of train and validation (a config without test: see ``without_test``).

    Raises:
      MissingInputError, BadInputError: as a run's data; too few rows, clusters or classes in the sample.
    """
    assert config.data.test is None
    splits = read_splits(config, {})
    rows = [row for _, source in splits.items() for row in source.rows]
    tags = splits.problem == "tags"
    sample = _sample(rows, request, config.train.seed, tags)
    notes = []
    if len(sample) < len(rows):
        limit = f"--words {request.words}" if tags and len(sample) < request.rows else f"--rows {request.rows}"
        notes.append(
            f"features are of {len(sample):,} of the {len(rows):,} rows of train and validation, drawn by train.seed "
            f"({limit}); the gates look at all of them"
        )
    copies = np.asarray(joined(near_duplicates([row.text for row in sample]), len(sample)))
    row_of = np.concatenate([np.full(len(_labels(row, tags)), number) for number, row in enumerate(sample)])
    named = [label for row in sample for label in _labels(row, tags)]
    names = sorted(set(named))
    number = {name: place for place, name in enumerate(names)}
    labels = np.asarray([number[name] for name in named])
    clusters = copies[row_of]
    rare = [name for name in names if named.count(name) < FOLDS]
    if rare:
        notes.append(f"classes with fewer than {FOLDS} items in the sample weigh as much as others in macro-F1: {rare}")
    return TaskData(
        problem=splits.problem,
        texts=[row.text for row in rows],
        tokens=[row.tokens for row in rows] if tags else [],
        rows=sample,
        names=names,
        labels=labels,
        clusters=clusters,
        folds=_folds(named, clusters, config.train.seed),
        row_of=row_of,
        fingerprint=_fingerprint(rows, sample),
        notes=notes,
    )


def _labels(row: Row, tags: bool) -> tuple[str, ...]:
    return row.labels if tags else (str(row.label),)


def _sample(rows: Sequence[Row], request: Request, seed: int, tags: bool) -> list[Row]:
    """At most so many rows, and whole sentences of at most so many words; in their order."""
    order = np.random.default_rng([seed, 0xBA5E]).permutation(len(rows))[: request.rows]
    if tags:
        words = np.cumsum([len(rows[place].labels) for place in order])
        order = order[: max(1, int(np.searchsorted(words, request.words, side="right")))]
    return [rows[place] for place in sorted(order)]


def _folds(named: Sequence[str], clusters: np.ndarray, seed: int) -> np.ndarray:
    """int ``[items]``: stratified folds of whole clusters.

    Raises:
      BadInputError: too few items, clusters or classes.
    """
    parts = min(FOLDS, len(np.unique(clusters)))
    if len(named) < FEWEST_ROWS or parts < 2 or len(set(named)) < 2:
        raise BadInputError(
            f"config.data.train: {len(named)} items of {len(set(named))} classes in {len(np.unique(clusters))} "
            f"clusters of near-duplicates are too few to compare bases on; {FEWEST_ROWS} items of two classes are the "
            "least"
        )
    items = [
        Item(str(place), label, (label,), int(cluster), int(cluster))
        for place, (label, cluster) in enumerate(zip(named, clusters, strict=True))
    ]
    return np.asarray(split(items, parts, [seed, 0], clusters.tolist()))


def _fingerprint(rows: Sequence[Row], sample: Sequence[Row]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(repr((row.id, row.text, row.label, row.labels)).encode())
    digest.update(repr([row.id for row in sample]).encode())
    return digest.hexdigest()
