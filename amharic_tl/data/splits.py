"""The three splits of a run, their labels, and a validation split made where none is given."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from amharic_tl.data.rows import Columns, Row, Source
from amharic_tl.data.sources import read_source
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.language.script import duplicate_key, near_duplicate_key

VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class Splits:
    """What a run trains on and is judged by.

    ``labels``: the model's order of classes, from the training rows alone. ``empty``: splits that were named and have
    no rows, with what they were named as.
    """

    train: Source
    validation: Source
    test: Source | None
    labels: list[str]
    notes: list[str] = field(default_factory=list)
    empty: dict[str, str] = field(default_factory=dict)

    def items(self) -> list[tuple[str, Source]]:
        """The splits that exist, by name."""
        named = [("train", self.train), ("validation", self.validation), ("test", self.test)]
        return [(name, source) for name, source in named if source is not None]

    def label_ids(self, source: Source) -> np.ndarray:
        """int32 ``[rows]``: the class of each row, -1 for a label that the training rows do not have."""
        index = {label: number for number, label in enumerate(self.labels)}
        return np.asarray([index.get(row.label or "", -1) for row in source.rows], np.int32)


def load_splits(data: Any, *, labelled: bool, seed: int) -> Splits:
    """Reads the splits that ``config.data`` names.

    Args:
      data: a :class:`amharic_tl.config.DataConfig`.
      labelled: whether rows need a label.
      seed: of the validation split, where one has to be made.

    Raises:
      ConfigError: no training data is named.
      MissingInputError, BadInputError: as :func:`amharic_tl.data.sources.read_source`; fewer than two classes.
    """
    if data.train is None:
        raise ConfigError("config.data.train is not set: name a file, for example --config.data.train=train.csv")
    columns = Columns(data.text, data.label if labelled else None, data.columns)

    def read(spec: Any, may_be_empty: bool) -> Source:
        return read_source(spec, columns, data.format, data.quoting, may_be_empty=may_be_empty)

    train = read(data.train, may_be_empty=False)
    if labelled:
        _check_labels(train, data.label)
    named = {"validation": data.validation, "test": data.test}
    others = {name: read(spec, may_be_empty=True) for name, spec in named.items() if spec is not None}
    empty = {name: source.spec for name, source in others.items() if not source.rows}
    notes = [f"{spec} has no rows: there is no {name} split" for name, spec in empty.items()]
    validation, test = (others[name] if name in others.keys() - empty.keys() else None for name in named)
    if validation is None:
        train, validation = make_validation(train, seed)
        why = "the validation data has no rows" if "validation" in empty else "no validation data was named"
        notes.append(
            f"{why}: {len(validation.rows)} of the training rows ({VALIDATION_SHARE:.0%}, stratified by label, "
            "near-duplicates kept together) were set aside"
        )
    labels = _label_order({row.label for row in train.rows if row.label is not None})
    return Splits(train, validation, test, labels, notes, empty)


def _check_labels(train: Source, column: str) -> None:
    """Refuses training rows from whose labels nothing can be learned.

    Raises:
      BadInputError: one label, or those of a column that is likely to be another one.
    """
    labels = {row.label for row in train.rows}
    if len(labels) < 2:
        raise BadInputError(
            f"{train.spec}: column {column!r} holds the same label in all {len(train.rows)} rows; a classifier "
            "needs two labels or more"
        )
    if len(labels) > max(100, len(train.rows) // 2):
        # The values are not shown: in a wrong column they are likely to be posts.
        raise BadInputError(
            f"{train.spec}: column {column!r} holds {len(labels)} different labels in {len(train.rows)} rows; is "
            "it the right column? Set config.data.label"
        )


def make_validation(source: Source, seed: int) -> tuple[Source, Source]:
    """Cuts a tenth off a source: stratified by label, rows that are near-duplicates on the same side.

    Returns:
      What is left for training, and the validation split.

    Raises:
      BadInputError: too few rows.
    """
    clusters: dict[str, list[int]] = {}
    for number, row in enumerate(source.rows):
        clusters.setdefault(near_duplicate_key(row.text) or duplicate_key(row.text), []).append(number)
    by_label: dict[str | None, list[list[int]]] = {}
    for members in clusters.values():
        by_label.setdefault(source.rows[members[0]].label, []).append(members)
    generator = np.random.default_rng([seed, 0x5EED])
    chosen: set[int] = set()
    for label in sorted(by_label, key=str):
        groups = by_label[label]
        wanted = VALIDATION_SHARE * sum(map(len, groups))
        taken = 0
        for index in generator.permutation(len(groups)):
            if taken >= wanted or len(groups) == 1:
                break
            chosen.update(groups[index])
            taken += len(groups[index])
    if not chosen:
        raise BadInputError(
            f"{source.spec}: too few rows ({len(source.rows)}) to set a validation split aside; name one with "
            "config.data.validation"
        )

    def part(keep: bool) -> list[Row]:
        return [row for number, row in enumerate(source.rows) if (number in chosen) is keep]

    return replace(source, rows=part(False)), replace(source, rows=part(True))


def _label_order(labels: set[str]) -> list[str]:
    """Sorted; by value where all are whole numbers."""
    # ASCII digits only: int() refuses other signs that str.isdigit takes, the Ethiopic numerals among them.
    if all(re.fullmatch("-?[0-9]+", label) for label in labels):
        return sorted(labels, key=lambda label: (int(label), label))
    return sorted(labels)
