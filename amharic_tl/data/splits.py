"""The three splits of a run, their labels, and a validation split made where none is given."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from amharic_tl.data.mixture import Mixed, Mixture
from amharic_tl.data.rows import Columns, LabelKind, Row, Source
from amharic_tl.data.sources import distinct_ids, parts_of, read_source
from amharic_tl.data.tags import entity_types, tag_order
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.language.script import duplicate_key, near_duplicate_key

VALIDATION_SHARE = 0.1
FEW_ROWS = 20  # of a set of labels, below which it is no stratum of its own
_LABEL_KINDS: dict[str, LabelKind] = {
    "single-label": "name",
    "multi-label": "set",
    "regression": "number",
    "tags": "tags",
}
# What the columns of tagged tokens are usually called, where config.data.text and .label are left alone.
_TAGGED = {"text": "tokens", "label": "tags"}


@dataclass(frozen=True)
class Splits:
    """What a run trains on and is judged by.

    ``labels``: the model's order of classes, from the training rows alone, or as several columns were named; none for a
    problem that has no classes. ``problem``: as ``config.task.problem``, or ``tags`` where each token has a label.
    ``empty``: splits that were named and have no rows, with what they were named as. ``mixture``: the sources of the
    training rows, where they are mixed in shares of their own.
    """

    train: Source
    validation: Source
    test: Source | None
    labels: list[str]
    notes: list[str] = field(default_factory=list)
    problem: str = "single-label"
    empty: dict[str, str] = field(default_factory=dict)
    mixture: Mixture | None = None

    def mixed(self, row_source: Sequence[int]) -> Mixed | None:
        """How what was made of the training rows is mixed (``row_source``: the row of each); None where it is not."""
        return None if self.mixture is None else self.mixture.of(row_source)

    def items(self) -> list[tuple[str, Source]]:
        """The splits that exist, by name."""
        named = [("train", self.train), ("validation", self.validation), ("test", self.test)]
        return [(name, source) for name, source in named if source is not None]

    def label_ids(self, source: Source) -> np.ndarray:
        """int32 ``[rows]``: the class of each row, -1 for a label that the training rows do not have."""
        index = {label: number for number, label in enumerate(self.labels)}
        return np.asarray([index.get(row.label or "", -1) for row in source.rows], np.int32)

    def label_flags(self, source: Source) -> np.ndarray:
        """float32 ``[rows, labels]``: 1 for each label of a row; labels that the training rows lack are left out."""
        flags = [[name in row.labels for name in self.labels] for row in source.rows]
        return np.asarray(flags, np.float32).reshape(len(source.rows), len(self.labels))

    def numbers(self, source: Source) -> np.ndarray:
        """float32 ``[rows]``: the labels of a regression."""
        return np.asarray([float(row.label or "nan") for row in source.rows], np.float32)


def load_splits(data: Any, *, labelled: bool, seed: int, problem: str = "single-label", paired: bool = False) -> Splits:
    """Reads the splits that ``config.data`` names.

    Args:
      data: a :class:`amharic_tl.config.DataConfig`.
      labelled: whether rows need a label.
      seed: of the validation split, where one has to be made.
      problem: what a label is: as ``config.task.problem``, or ``tags`` for a tag for each token.
      paired: whether rows are a text to read and one to write.

    Raises:
      ConfigError: no training data is named.
      MissingInputError, BadInputError: as :func:`amharic_tl.data.sources.read_source`; fewer than two classes.
    """
    if data.train is None:
        raise ConfigError("config.data.train is not set: name a file, for example --config.data.train=train.csv")
    columns = columns_of(data, labelled, problem, paired)

    def read(spec: Any, may_be_empty: bool) -> Source:
        return read_source(spec, columns, data.format, data.quoting, may_be_empty=may_be_empty)

    train, parts = _read_train(data, read)
    labels = labels_of(train, columns)
    if labelled:
        check_labels(train, columns, labels)
    named = {"validation": data.validation, "test": data.test}
    others = {name: read(spec, may_be_empty=True) for name, spec in named.items() if spec is not None}
    empty = {name: source.spec for name, source in others.items() if not source.rows}
    notes = [f"{spec} has no rows: there is no {name} split" for name, spec in empty.items()]
    validation, test = (others[name] if name in others.keys() - empty.keys() else None for name in named)
    if validation is None:
        train, validation = make_validation(train, seed, stratum_of(train, problem))
        why = "the validation data has no rows" if "validation" in empty else "no validation data was named"
        how = "" if problem == "regression" else "stratified by label, "
        notes.append(
            f"{why}: {len(validation.rows)} of the training rows ({VALIDATION_SHARE:.0%}, {how}near-duplicates kept "
            "together) were set aside"
        )
        labels = labels_of(train, columns)
    mixture = None
    if parts:
        of_row = np.asarray([parts[row.id] for row in train.rows], np.int64)
        mixture = Mixture(tuple(parts_of(data.train)), of_row, data.mixture)
    return Splits(train, validation, test, labels, notes, problem, empty, mixture)


def _read_train(data: Any, read: Callable[[Any, bool], Source]) -> tuple[Source, dict[str, int]]:
    """The training rows, and where sources are mixed the number of the source of each row, by id."""
    mixture = getattr(data, "mixture", None)
    if mixture is None or not mixture.is_set:
        return read(data.train, False), {}
    named = parts_of(data.train)
    if len(named) < 2:
        raise ConfigError(
            f"config: a mixture needs two sources or more, found {', '.join(named)}; name them with commas between"
        )
    sources = [read(part, False) for part in named]
    rows = distinct_ids([row for source in sources for row in source.rows])
    numbers = [number for number, source in enumerate(sources) for _ in source.rows]
    joined = Source(
        spec=", ".join(source.spec for source in sources),
        rows=rows,
        files=[file for source in sources for file in source.files],
        format=", ".join(dict.fromkeys(source.format for source in sources)),
        quoting=next((source.quoting for source in sources if source.quoting is not None), None),
        notes=[note for source in sources for note in source.notes],
    )
    return joined, {row.id: number for row, number in zip(rows, numbers, strict=True)}


def columns_of(data: Any, labelled: bool, problem: str = "single-label", paired: bool = False) -> Columns:
    """The columns that rows are read from; arguments as of :func:`load_splits`.

    Several columns of labels may be typed as one text.
    """
    if paired:
        return Columns(data.source, None, data.columns, target=data.target)
    if not labelled:
        return Columns(data.text, None, data.columns)
    label, columns = data.label, data.columns
    if problem == "tags":
        names = (_TAGGED.get(data.text, data.text), _TAGGED.get(str(label), str(label)))
        return Columns(*names, columns, label_kind="tags")
    if problem == "multi-label" and isinstance(label, str) and "," in label:
        label = tuple(name.strip() for name in label.split(",") if name.strip())
    if isinstance(label, tuple):
        return Columns(data.text, None, columns, label_columns=label, label_kind="set")
    separator = data.label_separator if problem == "multi-label" else ","
    return Columns(data.text, label, columns, label_kind=_LABEL_KINDS[problem], separator=separator)


def labels_of(train: Source, columns: Columns) -> list[str]:
    """The classes of the training rows, in the model's order; none where labels are numbers."""
    if columns.label_kind == "number":
        return []
    if columns.label_columns:
        return list(columns.label_columns)
    if columns.label_kind == "tags":
        return tag_order(tag for row in train.rows for tag in row.labels)
    if columns.label_kind == "set":
        return _label_order({name for row in train.rows for name in row.labels})
    return _label_order({row.label for row in train.rows if row.label is not None})


def check_labels(train: Source, columns: Columns, labels: Sequence[str]) -> None:
    """Refuses training rows from whose labels nothing can be learned.

    Raises:
      BadInputError: one label, or one number, or labels of a column that is likely to be another one.
    """
    named = repr(columns.label)
    if columns.label_kind == "number" and len({row.label for row in train.rows}) > 1:
        return
    if columns.label_kind == "set" and not any(row.labels for row in train.rows):
        raise BadInputError(f"{train.spec}: none of the {len(train.rows)} rows has a label; set config.data.label")
    if columns.label_kind == "tags" and len(labels) < 2:
        raise BadInputError(f"{train.spec}: all tokens of the {len(train.rows)} sentences are tagged O")
    if len(labels) < 2 and columns.label_kind != "set":
        raise BadInputError(
            f"{train.spec}: column {named} holds the same label in all {len(train.rows)} rows; there must "
            "be two or more"
        )
    if len(labels) > max(100, len(train.rows) // 2):
        # The values are not shown: in a wrong column they are likely to be posts.
        raise BadInputError(
            f"{train.spec}: column {named} holds {len(labels)} different labels in {len(train.rows)} rows; is "
            "it the right column? Set config.data.label"
        )


def stratum_of(source: Source, problem: str) -> Callable[[Row], str | None]:
    """What a validation split is stratified by: the label, or the types of entities that a sentence has; sets of labels
    that few rows have count as one.
    """
    if problem == "regression":
        return lambda row: None
    if problem == "single-label":
        return lambda row: row.label
    if problem == "tags":
        return lambda row: " ".join(entity_types(row.labels))
    counts = Counter(row.label for row in source.rows)
    return lambda row: row.label if counts[row.label] >= FEW_ROWS else None


def make_validation(
    source: Source, seed: int, stratum: Callable[[Row], str | None] = lambda row: row.label
) -> tuple[Source, Source]:
    """Cuts a tenth off a source: stratified, rows that are near-duplicates on the same side.

    Args:
      source: the training rows.
      seed: of the choice.
      stratum: of a row; each gives a tenth.

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
        by_label.setdefault(stratum(source.rows[members[0]]), []).append(members)
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
