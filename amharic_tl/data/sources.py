"""From what a user writes as data (files, patterns, ``sample:``, ``tfds:``, ``hf:``) to rows."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from amharic_tl.config import DataConfig
from amharic_tl.data.hub import FilesOfSplit, hub_split, pin
from amharic_tl.data.parallel_text import BETWEEN, read_parallel
from amharic_tl.data.readers import read_file
from amharic_tl.data.rows import Columns, Row, Source
from amharic_tl.errors import BadInputError, MissingInputError, name_some

Spec = str | Sequence[str]


def read_source(
    spec: Spec,
    columns: Columns,
    format: str = "auto",
    quoting: str = "auto",
    *,
    may_be_empty: bool = False,
    unusable: list[str] | None = None,
) -> Source:
    """Reads a split.

    Args:
      spec: a file; a pattern; several of them (a list, or joined with commas); ``sample:SPLIT`` for the bundled sample;
        for pairs of texts also ``source.txt::target.txt``, two files of lines that belong together;
        ``tfds:name/config:split``; ``hf:owner/name[@revision]/config:split``.
      columns: which columns are the text and the label.
      format: ``auto`` (by ending), or csv, tsv, jsonl, txt, parquet.
      quoting: of csv and tsv: auto, standard, none.
      may_be_empty: whether the source may have no rows at all (a header alone).
      unusable: where malformed rows of files are to be named and left out; None: they are refused.

    Raises:
      MissingInputError: a file, pattern or data set that is not there.
      BadInputError: something that is there and wrong.
    """
    parts = parts_of(spec)
    if any(part.startswith("tfds:") for part in parts):
        from amharic_tl.data.catalog import read_tfds

        if len(parts) > 1:
            raise BadInputError(f"{', '.join(parts)}: a tfds: source stands alone, not in a list")
        return read_tfds(parts[0], columns)
    if columns.target is not None and any(BETWEEN in part for part in parts):
        return _parallel(parts, columns)
    found = [_files(part) for part in parts]
    name = ", ".join(part.spec for part in found)
    files = [path for part in found for path in part.files]
    classes = {path: part.classes for part in found for path in part.files}
    repeated = [str(path) for path, count in Counter(path.resolve() for path in files).items() if count > 1]
    if repeated:
        raise BadInputError(f"{name} names a file more than once: {name_some(repeated)}")
    rows: list[Row] = []
    read = []
    formats, choices = [], []
    for path in files:
        more, file, kind, chosen = read_file(path, columns, format, quoting, unusable, classes[path])
        rows.extend(more)
        read.append(file)
        formats.append(kind)
        if chosen is not None:
            choices.append((path.name, chosen))
    without = [str(path) for path, file in zip(files, read, strict=True) if not file.rows]
    if without and (rows or not may_be_empty):
        raise BadInputError(f"{name_some(without)} has no rows")
    return Source(
        spec=name,
        rows=distinct_ids(rows),
        files=read,
        format=", ".join(dict.fromkeys(formats)),
        quoting=_join_choices(choices),
        notes=[note for part in found for note in part.notes],
    )


def pinned(data: DataConfig, read_before: Mapping[str, str]) -> DataConfig:
    """The config with hub data at the commit at which ``read_before`` (by split) says that it was read."""

    def at_commit(spec: Spec, recorded: str) -> Spec:
        parts, before = parts_of(spec), parts_of(recorded)
        if len(parts) != len(before):  # the recorded names of files may hold commas
            return spec
        found = [pin(part, old) for part, old in zip(parts, before, strict=True)]
        return found[0] if isinstance(spec, str) and len(found) == 1 else tuple(found)

    named = {name: getattr(data, name) for name in read_before if getattr(data, name, None) is not None}
    found: dict[str, Any] = {name: at_commit(spec, read_before[name]) for name, spec in named.items()}
    return replace(data, **found)


def _parallel(parts: list[str], columns: Columns) -> Source:
    """Pairs of text files, of which each part names one."""
    rows: list[Row] = []
    read = []
    for part in parts:
        first, between, second = part.partition(BETWEEN)
        if not between:
            raise BadInputError(f"{', '.join(parts)}: pairs of text files ({BETWEEN}) stand alone; {part} is no pair")
        more, files = read_parallel(Path(first), Path(second), columns)
        rows.extend(more)
        read.extend(files)
    return Source(spec=", ".join(parts), rows=distinct_ids(rows), files=read, format="txt")


def parts_of(spec: Spec) -> list[str]:
    """What a user named, one by one: the members of a list, or what commas join where that is no file by itself."""
    if not isinstance(spec, str):
        return list(spec)
    if "," not in spec or Path(spec).exists():
        return [spec]
    return [part.strip() for part in spec.split(",") if part.strip()]


def _files(part: str) -> FilesOfSplit:
    """The files of one part of a specification, and the part as it should be recorded (revisions resolved)."""
    if part.startswith("sample:"):
        path = Path(str(resources.files("amharic_tl") / "assets" / "sample" / f"{part.removeprefix('sample:')}.csv"))
        if not path.is_file():
            raise MissingInputError(f"{part}: the bundled sample has the splits train, validation and test")
        return FilesOfSplit(part, [path])
    if part.startswith("hf:"):
        return hub_split(part)
    if any(mark in part for mark in "*?[") and not Path(part).exists():
        found = sorted(Path(path) for path in glob.glob(part, recursive=True) if Path(path).is_file())  # noqa: PTH207
        if not found:
            raise MissingInputError(f"the pattern {part!r} matches no file")
        return FilesOfSplit(part, found)
    return FilesOfSplit(part, [Path(part)])


def _join_choices(choices: list[tuple[str, dict[str, str]]]) -> dict[str, str] | None:
    if not choices:
        return None
    if len({(choice["choice"], choice["reason"]) for _, choice in choices}) == 1:
        return choices[0][1]
    return {
        "choice": ", ".join(dict.fromkeys(choice["choice"] for _, choice in choices)),
        "reason": "; ".join(f"{name}: {choice['choice']}, {choice['reason']}" for name, choice in choices),
    }


def distinct_ids(rows: list[Row]) -> list[Row]:
    """Ids that name one row only: those of several files get the file's name in front where they would clash."""
    if len({row.id for row in rows}) == len(rows):
        return rows
    seen: dict[str, int] = {}
    result = []
    for row in rows:
        identity = row.id if row.id.startswith(f"{row.file}:") else f"{row.file}:{row.id}"
        seen[identity] = seen.get(identity, 0) + 1
        if seen[identity] > 1:
            identity = f"{identity}#{seen[identity]}"
        result.append(replace(row, id=identity))
    return result
