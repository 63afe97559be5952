"""What dividing needs to know of each row: its strata, its cluster, the groups it names. No text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from amharic_tl.data.rows import Row, Source
from amharic_tl.data.tags import entity_types
from amharic_tl.studies.cross_validation.clusters import joined, near_duplicates, same_value

FEW_ROWS = 20  # of a set of labels, below which it is no stratum of its own
BINS = 5  # strata of numbers: fifths
OTHER = "(other sets)"


@dataclass(frozen=True)
class Item:
    """A row, without its text.

    Attributes:
      id: of the row.
      stratum: what every fold has its share of.
      labels: classes that every fold must be able to learn and to test.
      copy: the number of its cluster of near-duplicates.
      cluster: the number of what never straddles folds: near-duplicates, joined with the rows of the same group.
      groups: the cultural groups that the row, or a near-duplicate of it, names.
    """

    id: str
    stratum: str
    labels: tuple[str, ...]
    copy: int
    cluster: int
    groups: frozenset[str] = frozenset()


def make_items(
    pool: Source,
    problem: str,
    by: Callable[[Row], str | None],
    names: Callable[[Row], Sequence[str]] = lambda row: (),
) -> list[Item]:
    """The items of a pool, ordered by id, so that nothing depends on the order of the rows.

    Args:
      pool: the rows.
      problem: as ``config.task.problem``, or ``tags``.
      by: what a row belongs to; None: to nothing beside its near-duplicates.
      names: the groups that a row names.
    """
    rows = sorted(pool.rows, key=lambda row: row.id)
    copies = near_duplicates([row.text for row in rows])
    groups = [frozenset(names(row)) for row in rows]
    copy = joined(copies, len(rows))
    cluster = joined([*copies, *same_value([by(row) for row in rows])], len(rows))
    named: dict[int, frozenset[str]] = {}
    for number, of in zip(copy, groups, strict=True):
        named[number] = named.get(number, frozenset()) | of
    strata, labels = strata_of(rows, problem), [labels_of(row, problem) for row in rows]
    return [Item(row.id, strata[n], labels[n], copy[n], cluster[n], named[copy[n]]) for n, row in enumerate(rows)]


def labels_of(row: Row, problem: str) -> tuple[str, ...]:
    """The classes of a row; none for a number."""
    if problem == "regression":
        return ()
    if problem == "tags":
        return tuple(entity_types(row.labels))
    return row.labels if problem == "multi-label" else (str(row.label),)


def strata_of(rows: Sequence[Row], problem: str) -> list[str]:
    """The label; of sets of labels and of entity types, the set, rare ones together; of numbers, the fifth."""
    if problem == "regression":
        numbers = np.asarray([float(row.label or "nan") for row in rows])
        edges = np.unique(np.quantile(numbers, np.arange(1, BINS) / BINS))
        return [str(bin_) for bin_ in np.searchsorted(edges, numbers, side="right")]
    if problem == "single-label":
        return [str(row.label) for row in rows]
    sets = [", ".join(labels_of(row, problem)) for row in rows]
    counts = Counter(sets)
    return [of if counts[of] >= FEW_ROWS else OTHER for of in sets]
