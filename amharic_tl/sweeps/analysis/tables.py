"""A table, and how it is written in Markdown, LaTeX and CSV."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from amharic_tl.reports.table_text import comma_separated, markdown_row, markdown_text
from amharic_tl.reports.text import visible
from amharic_tl.sweeps.analysis.latex import PREAMBLE, escaped


@dataclass(frozen=True)
class Table:
    """Cells as text.

    Attributes:
      name: of its files.
      title: above it.
      header: of the columns; the first column is text, the others are figures.
      rows: of cells.
      notes: below it.
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def markdown(table: Table) -> str:
    """With the title as a heading."""
    lines = [
        f"## {markdown_text(table.title)}",
        "",
        markdown_row(table.header),
        "| --- |" + " ---: |" * (len(table.header) - 1),
        *map(markdown_row, table.rows),
    ]
    if table.notes:
        lines += ["", *(f"- {markdown_text(note)}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def latex(table: Table) -> str:
    """A ``tabular`` with booktabs' rules; the notes are comments."""
    columns = "l" + "r" * (len(table.header) - 1)
    said = [visible(re.sub(r"\s+", " ", note), 10_000) for note in (table.title, *table.notes)]
    notes = "".join(f"% {note}\n" for note in said)
    body = "\n".join(_latex_row(row) for row in table.rows)
    return (
        f"{PREAMBLE}{notes}\\begin{{tabular}}{{{columns}}}\n\\toprule\n{_latex_row(table.header)}\n\\midrule\n"
        f"{body}\n\\bottomrule\n\\end{{tabular}}\n"
    )


def as_csv(table: Table) -> str:
    """The header and the rows, UTF-8."""
    return comma_separated([table.header, *table.rows])


def figure(value: float | None, signed: bool = False) -> str:
    """Three digits behind the point, two for figures of 10 and more (BLEU, chrF)."""
    if value is None:
        return ""
    digits = 2 if abs(value) >= 10 else 3
    return f"{value:{'+' if signed else ''}.{digits}f}"


def span(low: float | None, high: float | None, signed: bool = False) -> str:
    """An interval, or nothing."""
    return "" if low is None or high is None else f"[{figure(low, signed)}, {figure(high, signed)}]"


def probability(p: float | None) -> str:
    """A p-value: as small as 0.0001 is said to be below that."""
    if p is None:
        return ""
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"


def _latex_row(cells: Sequence[str]) -> str:
    # A hyphen before a digit is a minus.
    return " & ".join(re.sub(r"(?<![\w.])-(?=\d)", "$-$", escaped(cell)) for cell in cells) + r" \\"
