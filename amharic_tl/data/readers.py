"""Reading one file into rows, whatever its format; every complaint names file and line."""

from __future__ import annotations

import difflib
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from amharic_tl.data.delimited import read_delimited
from amharic_tl.data.rows import Columns, Row, SourceFile, place
from amharic_tl.errors import BadInputError, InputOutputError, MissingInputError, name_some

FORMATS = ("csv", "tsv", "jsonl", "txt", "parquet")
_BY_ENDING = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".json": "jsonl", ".txt": "txt", ".parquet": "parquet"}
_ID_COLUMNS = ("id", "tweet_id", "ID", "uid")

# (id found in the file or None, text, label or None, line)
RawRow = tuple[str | None, object, object, int]


def format_of(path: Path, asked: str) -> str:
    """The format by the file's ending (``.gz`` aside), unless one is asked for.

    Raises:
      BadInputError: the ending says nothing.
    """
    if asked != "auto":
        return asked
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if suffixes and suffixes[-1] in _BY_ENDING:
        return _BY_ENDING[suffixes[-1]]
    raise BadInputError(f"{path}: the ending says no format; set config.data.format to one of {', '.join(FORMATS)}")


def read_file(path: Path, columns: Columns, asked_format: str, quoting: str) -> tuple[list[Row], SourceFile, str, dict[str, str] | None]:
    """Reads a file.

    Returns:
      Rows, what the file was, its format, and how quotes were read (None for formats without).

    Raises:
      MissingInputError: there is no such file.
      BadInputError: it is empty, not UTF-8, malformed, or lacks a column; up to ten offenders by line.
    """
    data = _bytes(path)
    kind = format_of(path, asked_format)
    content = _decompress(path, data) if path.suffix.lower() == ".gz" else data
    if not content.strip():
        raise BadInputError(f"{path} is empty")
    chosen: dict[str, str] | None = None
    if kind == "parquet":
        raw: Iterable[RawRow] = _parquet(path, content, columns)
    else:
        text = _decode(path, content)
        if kind == "txt" and columns.label is None:
            raw = _lines_of_text(text)
        elif kind == "jsonl":
            raw = _json_lines(path, text, columns)
        else:
            records, chosen = read_delimited(path, text, columns, quoting)
            raw = _records(path, records, columns)
    rows = _check(path, list(raw), columns)
    return rows, SourceFile(path.name, hashlib.sha256(data).hexdigest(), len(data), len(rows)), kind, chosen


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else [], n=3)
        hint = f"; near it are {', '.join(near)}" if near else ""
        raise MissingInputError(f"there is no file {path}{hint}") from None
    except IsADirectoryError:
        raise MissingInputError(f"{path} is a directory; name a file, or a pattern such as {path}/*.csv") from None
    except OSError as error:
        raise InputOutputError(f"could not read {path}: {error.strerror}") from error


def _decompress(path: Path, data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInputError(f"{path} is not a whole gzip file: {error}") from None


def _decode(path: Path, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadInputError(
            f"{place(path, line)}: not UTF-8 (byte 0x{content[error.start]:02X} at position {error.start}); convert the file first"
        ) from None
    if "\0" in text:
        raise BadInputError(f"{place(path, text[: text.index(chr(0))].count(chr(10)) + 1)}: a NUL character; this is no text file")
    return text


def _lines_of_text(text: str) -> Iterator[RawRow]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield None, line.removesuffix("\r"), None, number


def _json_lines(path: Path, text: str, columns: Columns) -> Iterator[RawRow]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise BadInputError(f"{place(path, number)}: not valid JSON: {error}") from None
        if not isinstance(record, dict):
            raise BadInputError(f"{place(path, number)}: expected an object, found {type(record).__name__}")
        for column in (columns.text, columns.label):
            if column is not None and column not in record:
                raise BadInputError(f"{place(path, number)}: {_no_column(column, list(record))}")
        identity = next((record[name] for name in _ID_COLUMNS if name in record), None)
        label = record[columns.label] if columns.label is not None else None
        yield None if identity is None else str(identity), record[columns.text], label, number


def _parquet(path: Path, content: bytes, columns: Columns) -> Iterator[RawRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInputError(f"{path} is not a whole parquet file: {error}") from None
    for column in (columns.text, columns.label):
        if column is not None and column not in table.column_names:
            raise BadInputError(f"{path}: {_no_column(column, table.column_names)}")
    name = next((name for name in _ID_COLUMNS if name in table.column_names), None)
    identities = table[name].to_pylist() if name else [None] * table.num_rows
    labels = table[columns.label].to_pylist() if columns.label is not None else [None] * table.num_rows
    for number, (identity, text, label) in enumerate(zip(identities, table[columns.text].to_pylist(), labels, strict=True), 1):
        yield None if identity is None else str(identity), text, label, number


def _records(path: Path, records: list, columns: Columns) -> Iterator[RawRow]:  # type: ignore[type-arg]
    header = list(columns.header) if columns.header is not None else [name.strip() for name in records[0].fields]
    if columns.header is not None and len(header) != len(records[0].fields):
        raise BadInputError(
            f"{path}: config.data.columns names {len(header)} columns ({', '.join(header)}), the file has {len(records[0].fields)}"
        )
    for column in (columns.text, columns.label):
        if column is not None and column not in header:
            raise BadInputError(f"{path}: {_no_column(column, header)}")
    text_at = header.index(columns.text)
    label_at = header.index(columns.label) if columns.label is not None else None
    id_at = next((header.index(name) for name in _ID_COLUMNS if name in header), None)
    for record in records if columns.header is not None else records[1:]:
        identity = record.fields[id_at] if id_at is not None else None
        yield identity, record.fields[text_at], record.fields[label_at] if label_at is not None else None, record.line


def _no_column(column: str, found: list[str]) -> str:
    near = difflib.get_close_matches(column, found, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return (
        f"there is no column {column!r}{hint} The columns are {name_some(repr(name) for name in found)} "
        "(set config.data.text and config.data.label; config.data.columns for a file without header)"
    )


def _check(path: Path, raw: list[RawRow], columns: Columns) -> list[Row]:
    """Rows with an id, a text and (where asked for) a label; refuses the file where one lacks."""
    if not raw:
        raise BadInputError(f"{path} has no rows")
    problems = []
    for _, text, label, line in raw:
        if not isinstance(text, str) or not text.strip():
            problems.append(f"line {line}: no text in column {columns.text!r}")
        if columns.label is not None and (label is None or not str(label).strip()):
            problems.append(f"line {line}: no label in column {columns.label!r}")
    if problems:
        raise BadInputError(f"{path}: {len(problems)} rows cannot be used: {name_some(problems)}. Mend or remove these rows.")
    identities = [identity for identity, *_ in raw]
    own = None not in identities and len(set(identities)) == len(identities)
    return [
        Row(
            id=str(identity) if own else f"{path.name}:{line}",
            text=str(text),
            label=None if columns.label is None else _label_text(label),
            file=path.name,
            line=line,
        )
        for identity, text, label, line in raw
    ]


def _label_text(label: object) -> str:
    """A label as text: white space at its ends taken off, whole numbers without a decimal point."""
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return str(label).strip()
