"""CoNLL files: a token a line with its tag in the last column, an empty line between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from amharic_tl.data.delimited import lines_of
from amharic_tl.data.rows import Columns, place
from amharic_tl.errors import BadInputError, name_some

ENDINGS = (".txt", ".conll", ".conll2003", ".bio", ".iob", ".iob2", ".tsv")
_COMMENT = re.compile(r"#\s*\w+\s*=.*")
_DOCUMENT = "-DOCSTART-"


def read_conll(path: Path, text: str, columns: Columns) -> Iterator[tuple[int, tuple[str, ...], tuple[str, ...]]]:
    """The sentences of a file: the line of the first token, the tokens, their tags.

    Columns stand between tabs, or where a file has none, between spaces. The token is the first and the tag the last
    column, unless ``columns.header`` names them. Comments (``# name = ...``) and ``-DOCSTART-`` lines are left out.

    Raises:
      BadInputError: lines of other widths than the first one; up to ten are named.
    """
    if columns.group is not None:
        raise BadInputError(f"{path}: a conll file has no column {columns.group!r}; use jsonl or parquet")
    separator = re.compile("\t" if "\t" in text else " +")
    width, token_at, tag_at = len(columns.header or ()), 0, -1
    start = 0
    tokens: list[str] = []
    tags: list[str] = []
    problems: list[str] = []
    if columns.header is not None:
        token_at, tag_at = (_column(path, name, columns.header) for name in columns.wanted())
    for number, line in enumerate(lines_of(text), 1):
        if not line.strip():
            if tokens:
                yield start, tuple(tokens), tuple(tags)
            start, tokens, tags = 0, [], []
            continue
        fields = separator.split(line.strip(" "))
        if _COMMENT.fullmatch(line) and len(fields) != 2 or fields[0] == _DOCUMENT:
            continue
        width = width or max(len(fields), 2)
        if len(fields) != width or not fields[token_at].strip():
            problems.append(f"line {number}: expected {width} columns, found {len(fields)}")
            continue
        start = start or number
        tokens.append(fields[token_at])
        tags.append(fields[tag_at].strip())
    if tokens:
        yield start, tuple(tokens), tuple(tags)
    if problems:
        raise BadInputError(
            f"{path}: {len(problems)} lines are no token with a tag: {name_some(problems)}. A CoNLL file has one token "
            "a line, a space or a tab, and its tag"
        )


def _column(path: Path, name: str, header: tuple[str, ...]) -> int:
    if name not in header:
        raise BadInputError(
            f"{place(path, 1)}: config.data.columns names {', '.join(header)}, but no {name!r}; set config.data.text "
            "and config.data.label to two of these"
        )
    return header.index(name)
