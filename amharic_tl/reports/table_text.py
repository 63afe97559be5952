"""Rows of tables as text: a line of Markdown, a file of comma-separated values."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from amharic_tl.reports.text import visible

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula at the start of a text
_NUMBER = re.compile(r"[+-]?\d[\d.,]*")


def markdown_row(cells: Iterable[str]) -> str:
    """``| a | b |``, each cell as :func:`markdown_text`."""
    return "| " + " | ".join(map(markdown_text, cells)) + " |"


def markdown_text(text: str) -> str:
    """``text`` on one line, so that Markdown prints it as it is; control characters are shown as codes."""
    shown = visible(re.sub(r"\s+", " ", text), 10_000)
    return re.sub(r"([\\|`*_<>\[\]])", r"\\\1", shown) if re.search(r"[|`*<>\\]|_.*_", shown) else shown


def comma_separated(lines: Iterable[Sequence[object]]) -> str:
    """CSV; a text that a spreadsheet would run as a formula begins with an apostrophe."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows([_harmless(cell) if isinstance(cell, str) else cell for cell in line] for line in lines)
    return file.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell) else cell
