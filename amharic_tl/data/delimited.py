"""Comma- and tab-separated files, quoted or not. Which of the two a file is, is found out and said.

Read the wrong way, an unquoted file with a stray quotation mark silently swallows the lines up to the next one; a
quoted one keeps its quotation marks as text. Neither may happen unnoticed.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from amharic_tl.data.rows import Columns
from amharic_tl.errors import BadInputError, name_some

QUOTE = '"'
DELIMITERS = (",", "\t", ";")


@dataclass(frozen=True)
class Record:
    """Fields of one record, and the line it begins on."""

    line: int
    fields: list[str]


@dataclass(frozen=True)
class Reading:
    """A delimited text read one way.

    Attributes:
      choice: ``standard`` or ``none``.
      records: header included, where the file has one.
      problems: records with another number of fields than the first one, or bad quotes, by line.
      mended: records whose surplus delimiters were taken as part of the text.
    """

    choice: str
    records: list[Record]
    problems: list[str]
    mended: int = 0


def choose_delimiter(kind: str, first_line: str, columns: Columns) -> str:
    """Tab for ``tsv``; else the one of comma, tab, semicolon that parts the wanted columns, or the most frequent."""
    if kind == "tsv":
        return "\t"
    for mark in DELIMITERS:
        fields = [field.strip().strip(QUOTE) for field in first_line.split(mark)]
        if columns.header is None and len(fields) > 1 and set(columns.wanted()) <= set(fields):
            return mark
        if columns.header is not None and 1 < len(fields) == len(columns.header):
            return mark
    return max(DELIMITERS, key=first_line.count)


def read_quoted(text: str, delimiter: str) -> Reading:
    """Standard CSV (RFC 4180): fields may stand in quotation marks, inner ones doubled, line breaks inside allowed."""
    csv.field_size_limit(2**31 - 1)
    # Only \n ends a line, so that the numbers are those an editor shows.
    reader = csv.reader((f"{line}\n" for line in text.split("\n")), delimiter=delimiter, strict=True)
    records: list[Record] = []
    problems: list[str] = []
    line = 1
    try:
        for fields in reader:
            if fields:
                records.append(Record(line, fields))
            line = reader.line_num + 1
    except csv.Error as error:
        problems.append(f"line {line}: {error} (reading with quotes ended there)")
    width = len(records[0].fields) if records else 0
    uneven = [_uneven(record, width) for record in records if len(record.fields) != width]
    return Reading("standard", records, uneven + problems)


def read_unquoted(text: str, delimiter: str, columns: Columns) -> Reading:
    """Every line is a record, a quotation mark is text.

    A line with too many delimiters is mended where that has one meaning: the label is the last column and the text the
    only other one, so that the surplus delimiters are the text's.
    """
    records: list[Record] = []
    problems: list[str] = []
    header = list(columns.header or [])
    # A set of labels, or a number with a decimal comma, may hold delimiters of its own.
    mendable = columns.label_kind == "name"
    mended = 0
    for number, line in enumerate(lines_of(text), start=1):
        if not line:
            continue
        fields = line.split(delimiter)
        if not header:
            header = [name.strip() for name in fields]
        if len(fields) > len(header) == 2 and mendable and header == [columns.text, columns.label]:
            fields = [delimiter.join(fields[:-1]), fields[-1]]
            mended += 1
        record = Record(number, fields)
        if len(fields) != len(header):
            problems.append(_uneven(record, len(header)))
        records.append(record)
    return Reading("none", records, problems, mended)


def lines_of(text: str) -> Iterator[str]:
    r"""Lines without their ends. Only \n and \r\n end one: ``str.splitlines`` also cuts at U+2028 and others."""
    for line in text.split("\n"):
        yield line.removesuffix("\r")


def _uneven(record: Record, width: int) -> str:
    return f"line {record.line}: expected {width} fields, found {len(record.fields)}"


def read_delimited(
    path: Path, text: str, kind: str, columns: Columns, quoting: str, unusable: list[str] | None = None
) -> tuple[list[Record], dict[str, str]]:
    """Reads a delimited file.

    Args:
      path: for messages.
      text: the file's content.
      kind: ``tsv``, or anything else to look for the delimiter.
      columns: which columns matter, and the names of a file without header.
      quoting: ``standard``, ``none``, or ``auto`` to find out.
      unusable: where malformed records are to be named and left out; None: they are refused.

    Returns:
      The records, header included where the file has one, and ``{"choice", "reason"}``.

    Raises:
      BadInputError: records do not have the header's number of fields, named by line; up to ten.
    """
    delimiter = choose_delimiter(kind, text.split("\n", 1)[0], columns)
    if quoting == "standard":
        reading, reason = read_quoted(text, delimiter), "asked for"
    elif quoting == "none":
        reading, reason = read_unquoted(text, delimiter, columns), "asked for"
    elif QUOTE not in text:
        reading, reason = read_unquoted(text, delimiter, columns), "the file has no quotation marks"
    else:
        reading, reason = _find_out(path, text, delimiter, columns, unusable is not None)
    if reading.problems:
        if unusable is None:
            raise BadInputError(_malformed(path, reading, reason))
        reading = _whole_records(path, reading, columns, unusable)
    if reading.mended:
        reason += (
            f"; in {reading.mended} records the surplus {_delimiter_name(delimiter)} were taken as part of the text, "
            "as the label is the last column"
        )
    return reading.records, {"choice": reading.choice, "reason": reason}


def _whole_records(path: Path, reading: Reading, columns: Columns, unusable: list[str]) -> Reading:
    """The records that have the header's number of fields; what is wrong with the others is added to ``unusable``."""
    unusable.extend(f"{path.name}, {problem}" for problem in reading.problems)
    width = len(columns.header or (reading.records[0].fields if reading.records else ()))
    return replace(reading, records=[record for record in reading.records if len(record.fields) == width], problems=[])


def _malformed(path: Path, reading: Reading, reason: str) -> str:
    other = "none" if reading.choice == "standard" else "standard"
    hint = f", or try config.data.quoting={other}" if reason == "asked for" else ""
    return (
        f"{path}: {len(reading.problems)} malformed records (config.data.quoting={reading.choice}: {reason}): "
        f"{name_some(reading.problems)}. Mend or remove these lines{hint}."
    )


def _delimiter_name(delimiter: str) -> str:
    return {",": "commas", "\t": "tabs", ";": "semicolons"}[delimiter]


def _find_out(path: Path, text: str, delimiter: str, columns: Columns, tolerant: bool) -> tuple[Reading, str]:
    """Picks the reading in which every record is whole, and says why; ``tolerant``: else the one that is wholer."""
    quoted, unquoted = read_quoted(text, delimiter), read_unquoted(text, delimiter, columns)
    if not quoted.problems and unquoted.problems:
        return quoted, (
            f"read with quotes all {len(quoted.records)} records are whole; without, {len(unquoted.problems)} are not"
        )
    if quoted.problems and not unquoted.problems:
        return unquoted, (
            f"read without quotes all {len(unquoted.records)} records are whole; with them not ({quoted.problems[0]})"
        )
    if quoted.problems and tolerant:
        counts = f"{len(quoted.problems)} problems with quotes, {len(unquoted.problems)} without"
        return min(unquoted, quoted, key=lambda reading: len(reading.problems)), f"whole neither way: {counts}"
    if quoted.problems:
        raise BadInputError(
            f"{path} is whole neither with quotes ({len(quoted.problems)} problems: {name_some(quoted.problems, 5)}) "
            f"nor without ({len(unquoted.problems)} problems: {name_some(unquoted.problems, 5)}). Mend these lines, or "
            "set config.data.quoting to standard or none to have one kind of problem named in full."
        )
    if [record.fields for record in quoted.records] == [record.fields for record in unquoted.records]:
        return unquoted, "both ways give the same fields"
    wrapped, stray = _quote_counts(text, delimiter)
    if len(quoted.records) < len(unquoted.records):
        return _joined(quoted, unquoted, wrapped > stray, columns)
    counts = f"{wrapped} fields stand wholly in quotation marks, {stray} marks stand elsewhere"
    return (quoted if wrapped > stray else unquoted), f"both ways fit; {counts}"


def _joined(quoted: Reading, unquoted: Reading, looks_quoted: bool, columns: Columns) -> tuple[Reading, str]:
    """Both ways fit, but quotes would join lines: are those lines records of their own?"""
    count = len(unquoted.records) - len(quoted.records)
    if columns.label is None:
        whole = len(unquoted.records[0].fields) > 1 or not looks_quoted
        because = "by itself a whole record" if whole else "inside a wholly quoted field"
    else:
        whole = _labels(unquoted, columns) <= _labels(quoted, columns)
        because = "by itself a whole record with a label that others have" if whole else "no record with a known label"
    return (
        unquoted if whole else quoted
    ), f"both ways fit; each of the {count} lines that quotes would join is {because}"


def _labels(reading: Reading, columns: Columns) -> set[str]:
    """The values of the label column, empty where there is no such column."""
    header = list(columns.header or [name.strip() for name in reading.records[0].fields])
    if columns.label not in header:
        return set()
    at = header.index(columns.label)
    return {record.fields[at] for record in reading.records}


def _quote_counts(text: str, delimiter: str) -> tuple[int, int]:
    """How many fields are wholly quoted, and how many quotation marks stand elsewhere."""
    mark = re.escape(delimiter)
    wholly_quoted = re.compile(rf'(?:(?<=[\n{mark}])|\A)"(?:[^"]|"")*"(?=\r?\n|{mark}|\r?\Z)')
    rest, wrapped = wholly_quoted.subn("", text)
    return wrapped, rest.count(QUOTE)
