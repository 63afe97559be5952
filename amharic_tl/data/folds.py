"""A folds file: which rows, by id, each fold of a cross-validation trains on, chooses by and is tested on.

The file holds ids and no text. A fold is a selection of rows of the sources that a config names, pooled: no data is
copied, and a row keeps the id that it has in its file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from amharic_tl.data.rows import Columns, Row, Source
from amharic_tl.data.sources import distinct_ids, pinned, read_source
from amharic_tl.data.splits import Splits, check_labels, columns_of, labels_of
from amharic_tl.errors import BadInputError, ConfigError, name_some
from amharic_tl.records.files import read_json, write_json

VERSION = 1


@dataclass(frozen=True)
class Fold:
    """One fold, by row ids; whatever is not named trains.

    Attributes:
      name: of the fold, also of its folder.
      repeat: which repetition it belongs to, from 0.
      test: rows that it is scored on.
      validation: rows that early stopping, the best checkpoint and a grid are chosen by.
      left_out: rows that neither train nor test.
      group: what was left out of training, where folds are groups.
    """

    name: str
    repeat: int
    test: tuple[str, ...]
    validation: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    group: str | None = None


@dataclass(frozen=True)
class Folds:
    """All folds of a cross-validation.

    Attributes:
      settings: what they were made by: ``folds repeats seed group_by`` and more.
      fingerprint: of the pooled rows, see :func:`pool_fingerprint`.
      rows: how many rows were pooled.
      folds: in the order in which they are run.
      clusters: by row id, the number of the cluster that never straddles folds.
      notes: sentences on what was done with rows that do not fit the plan.
      read_from: by split, what the rows were read from, revisions resolved: hub data is read at that commit again.
    """

    settings: Mapping[str, Any]
    fingerprint: str
    rows: int
    folds: tuple[Fold, ...]
    clusters: Mapping[str, int]
    notes: tuple[str, ...] = field(default_factory=tuple)
    read_from: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pool(Source):
    """The rows of several splits in one source; ``read_from`` as in :class:`Folds`."""

    read_from: Mapping[str, str] = field(default_factory=dict)


def write_folds(path: Path, folds: Folds) -> None:
    """Writes a folds file, atomically."""
    write_json(path, {"version": VERSION, **asdict(folds)})


def read_folds(path: Path) -> Folds:
    """Reads a folds file.

    Raises:
      MissingInputError: there is none.
      BadInputError: it is not one.
    """
    stored = read_json(path)
    try:
        folds = tuple(
            Fold(
                name=str(one["name"]),
                repeat=int(one["repeat"]),
                test=tuple(map(str, one["test"])),
                validation=tuple(map(str, one["validation"])),
                left_out=tuple(map(str, one["left_out"])),
                group=one["group"],
            )
            for one in stored["folds"]
        )
        clusters = {str(row): int(number) for row, number in stored["clusters"].items()}
        return Folds(
            dict(stored["settings"]),
            str(stored["fingerprint"]),
            int(stored["rows"]),
            folds,
            clusters,
            tuple(stored["notes"]),
            dict(stored.get("read_from", {})),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInputError(f"{path} is no folds file of amharic-tl cross-validate: {error!r}") from None


def read_pool(data: Any, problem: str, group: str | None = None) -> Pool:
    """The rows of all splits that ``config.data`` names, in one source, each with the id it has in its file.

    Ids that several files count anew get the file's name in front.

    Args:
      data: a :class:`amharic_tl.config.DataConfig`.
      problem: as ``config.task.problem``, or ``tags``.
      group: a column that says what a row belongs to.

    Raises:
      ConfigError: no training data is named.
      MissingInputError, BadInputError: as :func:`amharic_tl.data.sources.read_source`; a file, or a row with its id,
        that stands in several splits; labels from which nothing can be learned.
    """
    if data.train is None:
        raise ConfigError("config.data.train is not set: name a file, for example --config.data.train=train.csv")
    columns = replace(columns_of(data, True, problem), group=group)
    named = {name: getattr(data, name) for name in ("train", "validation", "test")}
    sources = {
        name: read_source(spec, columns, data.format, data.quoting, may_be_empty=name != "train")
        for name, spec in named.items()
        if spec is not None
    }
    _refuse_repeated_files(sources)
    rows = [row for source in sources.values() for row in source.rows]
    _refuse_repeated_rows(rows)
    pool = Pool(
        spec=", ".join(source.spec for source in sources.values()),
        rows=distinct_ids(rows),
        files=[file for source in sources.values() for file in source.files],
        format=", ".join(dict.fromkeys(source.format for source in sources.values())),
        quoting=next(iter(sources.values())).quoting,
        notes=list(dict.fromkeys(note for source in sources.values() for note in source.notes)),
        read_from={name: source.spec for name, source in sources.items()},
    )
    check_labels(pool, columns, labels_of(pool, columns))
    return pool


def _refuse_repeated_files(sources: Mapping[str, Source]) -> None:
    seen: dict[str, str] = {}
    for name, source in sources.items():
        for file in source.files:
            other = seen.setdefault(file.sha256, name)
            if other != name:
                raise BadInputError(
                    f"config.data.{other} and config.data.{name} both hold {file.path}: its rows would count twice; "
                    f"set config.data.{name}=none"
                )


def _refuse_repeated_rows(rows: Sequence[Row]) -> None:
    """Refuses rows that stand in the pool twice with their id and their text."""
    seen: set[tuple[str, str]] = set()
    repeated = []
    for row in rows:
        if (row.id, row.text) in seen:
            repeated.append(row.id)
        seen.add((row.id, row.text))
    if repeated:
        raise BadInputError(
            f"{len(repeated)} rows stand in several of config.data.train, .validation and .test with the same id and "
            f"text: {name_some(repeated)}. A fold is a set of ids: name each row once"
        )


def pool_fingerprint(rows: Sequence[Row]) -> str:
    """A sha256 of ids, texts and labels, whatever the order of the rows."""
    digest = hashlib.sha256()
    for line in sorted(json.dumps([row.id, row.text, row.label]) for row in rows):
        digest.update(line.encode())
    return digest.hexdigest()


def load_fold(data: Any, *, labelled: bool, seed: int, problem: str = "single-label", paired: bool = False) -> Splits:
    """The splits of ``config.data.fold``: as :func:`~amharic_tl.data.splits.load_splits`, but divided by a folds file.

    Classes come from the rows that the fold trains on.

    Raises:
      ConfigError: the file has no such fold, or was made from other rows.
      MissingInputError, BadInputError: as :func:`read_folds` and :func:`read_pool`.
    """
    del seed
    if not labelled or paired:
        raise ConfigError("config.data.folds: folds are made of labelled rows; this task has none")
    folds = read_folds(Path(data.folds))
    fold = next((one for one in folds.folds if one.name == data.fold), None)
    if fold is None:
        names = name_some(one.name for one in folds.folds)
        raise ConfigError(f"config.data.fold: {data.folds} has no fold {data.fold!r}; it has {names}")
    pool = read_pool(pinned(data, folds.read_from), problem)
    refuse_other_rows(data.folds, folds, pool.rows)
    return divide(pool, fold, columns_of(data, True, problem), problem)


def refuse_other_rows(path: Path | str, folds: Folds, rows: Sequence[Row]) -> None:
    """Refuses a folds file that was made from other rows than these.

    Raises:
      ConfigError: see above.
    """
    found = pool_fingerprint(rows)
    if found != folds.fingerprint:
        raise ConfigError(
            f"{path} was made from other rows: {folds.rows} with fingerprint {folds.fingerprint[:12]}, here are "
            f"{len(rows)} with {found[:12]}; nothing was changed. Take back the change of the data, or name a new "
            "directory"
        )


def divide(pool: Source, fold: Fold, columns: Columns, problem: str) -> Splits:
    """The rows of a fold as splits, in the order of the pool; ``test`` is what the fold is tested on."""
    part_of = {identity: name for name in ("test", "validation", "left_out") for identity in getattr(fold, name)}
    parts: dict[str, list[Row]] = {name: [] for name in ("train", "validation", "test", "left_out")}
    for row in pool.rows:
        parts[part_of.get(row.id, "train")].append(row)
    train, validation, test = (replace(pool, rows=parts[name]) for name in ("train", "validation", "test"))
    labels = labels_of(train, columns)
    check_labels(train, columns, labels)
    left_out = f", {len(parts['left_out'])} left out" if parts["left_out"] else ""
    note = (
        f"fold {fold.name}: of {len(pool.rows)} pooled rows {len(train.rows)} train, {len(validation.rows)} choose the "
        f"checkpoint, {len(test.rows)} are tested{left_out}"
    )
    return Splits(train, validation, test, labels, [note], problem)
