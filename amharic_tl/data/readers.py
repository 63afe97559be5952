"""Reading one file into rows, whatever its format; every complaint names file and line, never the text."""

from __future__ import annotations

import difflib
import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from amharic_tl.data.class_names import Classes, named, stored_names
from amharic_tl.data.conll import ENDINGS as CONLL_ENDINGS
from amharic_tl.data.conll import read_conll
from amharic_tl.data.delimited import QUOTE, Record, lines_of, read_delimited
from amharic_tl.data.rows import Columns, Row, SourceFile, place
from amharic_tl.data.values import UnusableValue, make_row
from amharic_tl.errors import BadInputError, InputOutputError, MissingInputError, name_some

FORMATS = ("csv", "tsv", "jsonl", "txt", "parquet", "conll")
# Those that can hold a list of tokens and a tag for each.
_TAGGED = ("conll", "jsonl", "parquet")
_BY_ENDING = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".json": "jsonl", ".txt": "txt", ".parquet": "parquet"}
# Hugging Face's name of the column that holds a text in each of several languages.
TRANSLATION = "translation"
# Other names by which a column is found where it has not the usual one.
_ALIASES = {"tags": "ner_tags"}
ID_COLUMNS = ("id", "ID", "tweet_id", "uid")
# A longer "column name" is a post in a file without header, and posts are not printed.
_LONGEST_COLUMN_NAME, _MOST_WORDS = 32, 4
_COLUMN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ .-]{0,31}")
_FROM_JSON = "; jq -c '.[]' FILE.json > FILE.jsonl writes the objects of an array so"


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as found, unchecked: the values of the wanted columns. ``line`` counts rows in formats without lines."""

    id: object
    values: tuple[object, ...]
    line: int


def format_of(path: Path, asked: str, tagged: bool = False) -> str:
    """The format by the file's ending (``.gz`` aside), unless one is asked for.

    Raises:
      BadInputError: the ending says nothing, or the format cannot hold tags where rows are ``tagged``.
    """
    found: str | None = asked
    if asked == "auto":
        suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
        last = suffixes[-1] if suffixes else ""
        found = "conll" if tagged and last in CONLL_ENDINGS else _BY_ENDING.get(last)
    if found is not None and tagged != (found == "conll") and found not in _TAGGED[1:]:
        raise BadInputError(
            f"{path}: a {found} file cannot hold a tag for each token; use one of {', '.join(_TAGGED)}"
            if tagged
            else f"{path}: a conll file holds tagged tokens, which only token-classification reads"
        )
    if found is not None:
        return found
    raise BadInputError(f"{path}: the ending says no format; set config.data.format to one of {', '.join(FORMATS)}")


def read_file(
    path: Path,
    columns: Columns,
    asked_format: str,
    quoting: str,
    unusable: list[str] | None = None,
    classes: Classes | None = None,
) -> tuple[list[Row], SourceFile, str, dict[str, str] | None]:
    """Reads a file. One that holds a header and nothing else has no rows; what that means is the caller's to say.

    ``unusable``: where malformed rows are to be named and left out, for who looks at data rather than learns from it;
    None: a file with such rows is refused.
    ``classes``: names behind columns of class numbers, by column, where the file itself tells none.

    Returns:
      Rows, what the file was, its format, and how quotes were read (None for formats without).

    Raises:
      MissingInputError: there is no such file.
      BadInputError: it is empty, not UTF-8, malformed, or lacks a column; up to ten offenders by line.
      InputOutputError: it cannot be read.
    """
    data, classes = _bytes(path), classes or {}
    kind = format_of(path, asked_format, columns.label_kind == "tags")
    content = _decompress(path, data)
    chosen: dict[str, str] | None = None
    if kind == "parquet":
        raw = list(_parquet(path, content, columns, classes))
    else:
        text = _decode(path, content)
        if kind == "jsonl":
            raw = list(_with_names(_json_lines(path, text, columns), columns, classes))
        elif kind == "conll":
            raw = [RawRow(None, (tokens, tags), line) for line, tokens, tags in read_conll(path, text, columns)]
        elif kind == "txt" and columns.wanted() == [columns.text]:
            raw = [RawRow(None, (line,), number) for number, line in enumerate(lines_of(text), 1) if line.strip()]
        else:
            columns = columns.stripped()
            records, chosen = read_delimited(path, text, kind, columns, quoting, unusable)
            raw = list(_with_names(_records(path, records, columns), columns, classes))
    rows = _check(path, raw, columns, "row" if kind == "parquet" else "line", unusable)
    return rows, SourceFile(path.name, hashlib.sha256(data).hexdigest(), len(data), len(rows)), kind, chosen


def read_text(path: Path) -> str:
    """The content of a UTF-8 file (a byte order mark taken off; gzip undone where the name ends in ``.gz``).

    Raises:
      MissingInputError: there is no such file.
      BadInputError: it is empty or not UTF-8.
      InputOutputError: it cannot be read.
    """
    return _decode(path, _decompress(path, _bytes(path)))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        siblings = [sibling.name for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, siblings, n=3)
        hint = f"; near it are {', '.join(near)}" if near else ""
        raise MissingInputError(f"there is no file {path}{hint}") from None
    except IsADirectoryError:
        raise MissingInputError(f"{path} is a directory; name a file, or a pattern such as {path}/*.csv") from None
    except OSError as error:
        raise InputOutputError(f"could not read {path}: {error.strerror}") from error


def _decompress(path: Path, data: bytes) -> bytes:
    if path.suffix.lower() != ".gz":
        if data.startswith(b"\x1f\x8b"):
            raise BadInputError(f"{path} is gzip-compressed; rename it to {path.name}.gz, or decompress it")
        if data.startswith(b"PK\x03\x04"):
            raise BadInputError(f"{path} is a zip archive, as .xlsx files are; unpack it, or save the sheet as csv")
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInputError(f"{path} is not a whole gzip file: {error}") from None


def _decode(path: Path, content: bytes) -> str:
    start = 3 if content.startswith(b"\xef\xbb\xbf") else 0
    try:
        text = content[start:].decode("utf-8")
    except UnicodeDecodeError as error:
        position = start + error.start
        line = content.count(b"\n", 0, position) + 1
        encoding = "UTF-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "its encoding"
        raise BadInputError(
            f"{place(path, line)}: not UTF-8 (byte 0x{content[position]:02X} at position {position}); "
            f"convert the file from {encoding} to UTF-8"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise BadInputError(f"{place(path, line)}: a NUL character; this is no text file")
    if not text.strip():
        raise BadInputError(f"{path} is empty")
    if "\r" in text and "\n" not in text:
        raise BadInputError(
            f"{path}: its lines end in a carriage return alone; convert them, for example with tr '\\r' '\\n'"
        )
    return text


def _json_lines(path: Path, text: str, columns: Columns) -> Iterator[RawRow]:
    checked = False
    for number, line in enumerate(lines_of(text), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise BadInputError(
                f"{place(path, number)}: not valid JSON: {error.msg} at column {error.colno} "
                f"(one object a line is expected{_FROM_JSON if text.lstrip()[:1] == '[' else ''})"
            ) from None
        except RecursionError:
            raise BadInputError(f"{place(path, number)}: the JSON is nested too deeply") from None
        if not isinstance(record, dict):
            raise BadInputError(f"{place(path, number)}: expected an object, found {type(record).__name__}{_FROM_JSON}")
        if "\\u" in line and _has_lone_surrogate(record):
            raise BadInputError(
                f"{place(path, number)}: a lone surrogate (\\ud800 to \\udfff without its other half), which is no "
                "character; mend or remove this line"
            )
        if not checked:
            _require_columns(place(path, number), columns, _names(record, columns))
            checked = True
        identity = next((record[name] for name in ID_COLUMNS if name in record), None)
        yield RawRow(identity, tuple(_value(record, name) for name in columns.wanted()), number)


def _names(record: dict[str, Any], columns: Columns) -> list[str]:
    """The columns of a record, and those wanted ones that lie inside one of them."""
    return [*record, *(name for name in columns.wanted() if name not in record and _value(record, name) is not None)]


def _value(record: dict[str, Any], column: str) -> Any:
    """A column's value, or one inside a nested record: ``translation.amh``, for which ``amh`` is enough."""
    if column in record:
        return record[column]
    if (alias := _ALIASES.get(column)) in record:
        return record[alias]
    outer, _, inner = column.partition(".")
    nested = record.get(outer) if inner else record.get(TRANSLATION)
    return _value(nested, inner or column) if isinstance(nested, dict) else None


def _has_lone_surrogate(record: Any) -> bool:
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _parquet(path: Path, content: bytes, columns: Columns, told: Classes) -> Iterator[RawRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        names = file.schema_arrow.names
        identity = next((name for name in ID_COLUMNS if name in names), None)
        roots = {
            name
            for column in columns.wanted()
            for name in (column, column.partition(".")[0], _ALIASES.get(column), TRANSLATION)
        }
        table = _plain(path, file.read(columns=[name for name in names if name in roots or name == identity]))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise BadInputError(f"{path} is not a whole parquet file: {error}") from None
    records = table.to_pylist()
    inner = _names(records[0], columns)[table.num_columns :] if records else []
    _require_columns(str(path), columns, [*names, *inner])
    found = (
        RawRow(
            record.get(identity) if identity is not None else None,
            tuple(_value(record, name) for name in columns.wanted()),
            number,
        )
        for number, record in enumerate(records, 1)
    )
    yield from _with_names(found, columns, {**told, **stored_names(table.schema.metadata)})


def _with_names(rows: Iterator[RawRow], columns: Columns, told: Classes) -> Iterator[RawRow]:
    """Rows with class numbers turned into their names, where any are told."""
    wanted, labels = columns.wanted(), (columns.label, *columns.label_columns)
    names = [told.get(name, told.get(_ALIASES.get(name, name))) if name in labels else None for name in wanted]
    for row in rows:
        yield replace(row, values=tuple(map(named, row.values, names))) if any(names) else row


def _plain(path: Path, table: Any) -> Any:
    """The table with texts stored as bytes as texts, and decimal numbers as the usual ones."""
    import pyarrow as pa

    for index, field in enumerate(table.schema):
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            wanted = pa.large_string()
        elif pa.types.is_decimal(field.type):
            wanted = pa.float64()
        else:
            continue
        try:
            table = table.set_column(index, field.name, table[index].cast(wanted))
        except pa.ArrowInvalid:
            raise BadInputError(f"{path}: column {field.name!r} holds bytes that are not UTF-8 texts") from None
    return table


def _records(path: Path, records: list[Record], columns: Columns) -> Iterator[RawRow]:
    first = [name.strip() for name in records[0].fields]
    header = first if columns.header is None else list(columns.header)
    if columns.header is not None:
        if len(header) != len(first):
            raise BadInputError(
                f"{path}: config.data.columns names {len(header)} columns ({', '.join(header)}), "
                f"the file has {len(first)}"
            )
        if first == header:
            raise BadInputError(f"{place(path, records[0].line)} is a header; leave config.data.columns unset")
        _refuse_other_header(path, records, header, columns.label)
    _require_columns(str(path), columns, header)
    wanted = [header.index(name) for name in columns.wanted()]
    id_at = next((header.index(name) for name in ID_COLUMNS if name in header), None)
    for record in records if columns.header is not None else records[1:]:
        fields = record.fields
        yield RawRow(
            fields[id_at] if id_at is not None else None,
            tuple(fields[at] for at in wanted),
            record.line,
        )


def _refuse_other_header(path: Path, records: list[Record], header: list[str], label: str | None) -> None:
    """Refuses a first line that would become a row, and its word for the labels a class of one."""
    first = [field.strip() for field in records[0].fields]
    if label not in header or not all(map(_COLUMN_NAME.fullmatch, first)):
        return
    at = header.index(label)
    if len(records) > 2 and all(record.fields[at].strip() != first[at] for record in records[1:]):
        raise BadInputError(
            f"{place(path, records[0].line)} looks like a header ({', '.join(first)}): no other line has the label "
            f"{first[at]!r}. Leave config.data.columns unset and set config.data.text and config.data.label to names "
            "of this line; if it is a row, remove it, as a class of one row cannot be learned"
        )


def _require_columns(where: str, columns: Columns, found: list[str]) -> None:
    """Refuses a file that lacks a wanted column, or has it twice."""
    for column in columns.wanted():
        if found.count(column) > 1:
            raise BadInputError(f"{where}: {found.count(column)} columns are called {column!r}; rename all but one")
        if column not in found:
            raise BadInputError(f"{where}: {_no_column(column, found, columns)}")


def _no_column(column: str, found: list[str], columns: Columns) -> str:
    near = difflib.get_close_matches(column, found, n=1)
    hint = f"; did you mean {near[0]!r}?" if near and _is_name(near[0]) else "."
    shown = name_some(repr(name) if _is_name(name) else f"(a text of {len(name)} characters)" for name in found)
    headerless = (
        ""
        if all(map(_is_name, found))
        else " This looks like a file without a header line: name its columns with config.data.columns=first,second,..."
    )
    leaves = "text and config.data.label" if columns.target is None else "source and config.data.target"
    return f"there is no column {column!r}{hint} Found: {shown}. Set config.data.{leaves} to two of these.{headerless}"


def _is_name(name: str) -> bool:
    return len(name) <= _LONGEST_COLUMN_NAME and len(name.split()) <= _MOST_WORDS and QUOTE not in name


def _check(path: Path, raw: list[RawRow], columns: Columns, unit: str, unusable: list[str] | None) -> list[Row]:
    """Rows with an id, a text and (where asked for) a label; where one lacks it is named, or the file refused."""
    identities = [str(row.id).strip() if row.id is not None else "" for row in raw]
    own = all(identities) and len(set(identities)) == len(identities)
    rows: list[Row] = []
    problems: list[str] = []
    for identity, row in zip(identities, raw, strict=True):
        try:
            name = identity if own else f"{path.name}:{row.line}"
            rows.append(make_row(name, row.values, columns, path.name, row.line))
        except UnusableValue as error:
            problems.extend(f"{unit} {row.line}: {problem}" for problem in error.args)
    if unusable is not None:
        unusable.extend(f"{path.name}, {problem}" for problem in problems)
    elif problems:
        raise BadInputError(
            f"{path}: {len(problems)} values cannot be used: {name_some(problems)}. Mend or remove these {unit}s."
        )
    return rows
