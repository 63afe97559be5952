"""Comma- and tab-separated files, quoted or not. Which of the two a file is, is found out and said.

Read the wrong way, an unquoted file with a stray quotation mark silently swallows the lines up to the next one; a quoted
one keeps its quotation marks as text. Neither may happen unnoticed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from amharic_tl.data.rows import Columns, place
from amharic_tl.errors import BadInputError, name_some

QUOTE = '"'


@dataclass(frozen=True)
class Record:
    """Fields of one record, and the line it begins on."""

    line: int
    fields: list[str]


@dataclass(frozen=True)
class Reading:
    """A delimited text read one way. ``problems`` are records with another number of fields than the header, or bad quotes."""

    records: list[Record]
    problems: list[str]
    quoted_fields: int = 0


def choose_delimiter(path: Path, first_line: str) -> str:
    """Tab for ``.tsv``; otherwise the most frequent of comma, tab and semicolon in the first line."""
    if ".tsv" in path.suffixes:
        return "\t"
    counts = {mark: first_line.count(mark) for mark in (",", "\t", ";")}
    return max(counts, key=lambda mark: counts[mark])


def read_quoted(text: str, delimiter: str) -> Reading:
    """Standard CSV (RFC 4180): fields may stand in quotation marks, inner ones doubled, line breaks inside allowed."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    csv.field_size_limit(2**31 - 1)
    records: list[Record] = []
    problems: list[str] = []
    line = 1
    try:
        for fields in reader:
            if fields:
                records.append(Record(line, fields))
            line = reader.line_num + 1
    except csv.Error as error:
        problems.append(f"line {line}: {error}")
    if records:
        width = len(records[0].fields)
        problems += [
            f"line {record.line}: {len(record.fields)} fields, expected {width}"
            for record in records
            if len(record.fields) != width
        ]
    return Reading(records, problems, sum(1 for record in text.split("\n") if record.lstrip("\ufeff").startswith(QUOTE)))


def read_unquoted(text: str, delimiter: str, columns: Columns) -> Reading:
    """Every line is a record, a quotation mark is text.

    A line with too many commas is mended where that has one meaning: the label is the last column and the text the only other
    one, so that the surplus commas are the text's.
    """
    records: list[Record] = []
    problems: list[str] = []
    header: list[str] = list(columns.header or [])
    for number, line in enumerate(_lines(text), start=1):
        if not line.strip():
            continue
        fields = line.split(delimiter)
        if not header:
            header = fields
        if len(fields) > len(header) == 2 and columns.label is not None and header == [columns.text, columns.label]:
            fields = [delimiter.join(fields[:-1]), fields[-1]]
        if len(fields) != len(header):
            problems.append(f"line {number}: {len(fields)} fields, expected {len(header)}")
        records.append(Record(number, fields))
    return Reading(records, problems)


def _lines(text: str) -> Iterator[str]:
    # Only \n and \r\n end a line: str.splitlines would also cut at characters that real texts hold, such as U+2028.
    for line in text.split("\n"):
        yield line.removesuffix("\r")


def read_delimited(path: Path, text: str, columns: Columns, quoting: str) -> tuple[list[Record], dict[str, str]]:
    """Reads a delimited file.

    Args:
      path: for messages and the delimiter.
      text: the file's content.
      columns: which columns matter, and the names of a file without header.
      quoting: ``standard``, ``none``, or ``auto`` to find out.

    Returns:
      The records, header included where the file has one, and ``{"choice", "reason"}``.

    Raises:
      BadInputError: records do not have the header's number of fields, named by line; up to ten.
    """
    delimiter = choose_delimiter(path, text.split("\n", 1)[0])
    if quoting == "auto":
        return _find_out(path, text, delimiter, columns)
    reading = read_quoted(text, delimiter) if quoting == "standard" else read_unquoted(text, delimiter, columns)
    if reading.problems:
        other = "none" if quoting == "standard" else "standard"
        raise BadInputError(
            f"{path}: {len(reading.problems)} malformed records with config.data.quoting={quoting}: "
            f"{name_some(reading.problems)}. Mend these lines, or try config.data.quoting={other}."
        )
    return reading.records, {"choice": quoting, "reason": "asked for"}


def _find_out(path: Path, text: str, delimiter: str, columns: Columns) -> tuple[list[Record], dict[str, str]]:
    if QUOTE not in text:
        reading = read_unquoted(text, delimiter, columns)
        if reading.problems:
            raise BadInputError(
                f"{path}: {len(reading.problems)} malformed records (the file has no quotation marks): "
                f"{name_some(reading.problems)}. Mend these lines."
            )
        return reading.records, {"choice": "none", "reason": "the file has no quotation marks"}
    quoted, unquoted = read_quoted(text, delimiter), read_unquoted(text, delimiter, columns)
    fields = [field for record in quoted.records for field in record.fields]
    wrapped = _wrapped_share(text, delimiter)
    if not quoted.problems and unquoted.problems:
        return quoted.records, {
            "choice": "standard",
            "reason": f"read with quotes every record is whole ({len(quoted.records)}); without, {len(unquoted.problems)} are not",
        }
    if not unquoted.problems and quoted.problems:
        return unquoted.records, {
            "choice": "none",
            "reason": f"read without quotes every line is a whole record ({len(unquoted.records)}); with, "
            f"{len(quoted.problems)} problems ({quoted.problems[0]})",
        }
    if not quoted.problems:
        swallowed = len(unquoted.records) - len(quoted.records)
        stray = sum(1 for field in fields if QUOTE in field)
        if wrapped and (not swallowed or stray == 0 or wrapped > stray):
            return quoted.records, {
                "choice": "standard",
                "reason": f"both ways fit; {wrapped} fields stand wholly in quotation marks",
            }
        return unquoted.records, {
            "choice": "none",
            "reason": f"both ways fit, but no field stands wholly in quotation marks ({swallowed} lines would be joined)",
        }
    raise BadInputError(
        f"{path} is whole neither with quotes ({len(quoted.problems)} problems: {name_some(quoted.problems, 5)}) nor without "
        f"({len(unquoted.problems)}: {name_some(unquoted.problems, 5)}). Mend these lines, or say config.data.quoting=standard or "
        "none to have one kind of problem named in full."
    )


def _wrapped_share(text: str, delimiter: str) -> int:
    """How many fields of single lines begin and end with a quotation mark."""
    count = 0
    for line in _lines(text):
        count += sum(1 for field in line.split(delimiter) if len(field) > 1 and field[0] == QUOTE == field[-1])
    return count
