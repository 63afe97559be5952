"""Two text files whose lines belong together: the usual form of a parallel corpus."""

from __future__ import annotations

import hashlib
from pathlib import Path

from amharic_tl.data.delimited import lines_of
from amharic_tl.data.readers import read_text
from amharic_tl.data.rows import Columns, Row, SourceFile
from amharic_tl.data.values import UnusableValue, make_row
from amharic_tl.errors import BadInputError, name_some

# Between the two files, the one to read first: bible.eng.txt::bible.amh.txt
BETWEEN = "::"


def read_parallel(first: Path, second: Path, columns: Columns) -> tuple[list[Row], list[SourceFile]]:
    """The rows of two files; lines that are empty in both are left out.

    Raises:
      MissingInputError: one is absent.
      BadInputError: they have different numbers of lines, or a line has no counterpart; up to ten are named.
    """
    sides = [list(lines_of(read_text(path).removesuffix("\n"))) for path in (first, second)]
    if len(sides[0]) != len(sides[1]):
        raise BadInputError(
            f"{first} has {len(sides[0])} lines and {second} {len(sides[1])}; parallel files have a line for each line"
        )
    rows: list[Row] = []
    problems: list[str] = []
    for number, pair in enumerate(zip(*sides, strict=True), start=1):
        if not any(text.strip() for text in pair):
            continue
        try:
            rows.append(make_row(f"{first.name}:{number}", pair, columns, first.name, number))
        except UnusableValue as error:
            problems.extend(f"line {number}: {problem}" for problem in error.args)
    if problems:
        raise BadInputError(
            f"{first} and {second}: {len(problems)} values cannot be used: {name_some(problems)}. Mend or remove these "
            "lines in both."
        )
    return rows, [_file(path, len(rows)) for path in (first, second)]


def _file(path: Path, rows: int) -> SourceFile:
    data = path.read_bytes()
    return SourceFile(path.name, hashlib.sha256(data).hexdigest(), len(data), rows)
