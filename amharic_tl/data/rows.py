"""Rows as they were read, and where each came from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

# How a label is written: a name, a set of names (multi-label), a number (regression), a tag for each token.
LabelKind = Literal["name", "set", "number", "tags"]


@dataclass(frozen=True, slots=True)
class Row:
    """One example. ``file`` and ``line`` say where it stands (the first line of a quoted record).

    ``label`` is text in one form, whatever it was in the file: a name, the names of a set joined with commas, a number.
    ``labels`` are the names of a set, or the tags of ``tokens``. ``target`` is the text to write, where a text answers
    a text. ``group`` is what the row belongs to where a column says so, such as the address of its article.
    """

    id: str
    text: str
    label: str | None
    file: str
    line: int
    labels: tuple[str, ...] = ()
    target: str | None = None
    tokens: tuple[str, ...] = ()
    group: str | None = None


@dataclass(frozen=True)
class SourceFile:
    """A file that was read: its bytes (as stored, compressed or not) are known by their sha256."""

    path: str
    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class Source:
    """The rows of one split and how they were read. ``quoting`` is None for formats that have none."""

    spec: str
    rows: list[Row]
    files: list[SourceFile]
    format: str
    quoting: dict[str, str] | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Columns:
    """Which columns are read.

    Attributes:
      text: the column that holds the text.
      label: the one that holds the label, None for none.
      header: the names of the columns of a file without a header line.
      label_columns: several columns of 0 and 1, one a label, in the place of ``label``.
      label_kind: how labels are written.
      separator: between the names of a set that stand in one column.
      target: the column that holds the text to write.
      group: the column that says what a row belongs to.
    """

    text: str
    label: str | None
    header: tuple[str, ...] | None = None
    label_columns: tuple[str, ...] = ()
    label_kind: LabelKind = "name"
    separator: str = ","
    target: str | None = None
    group: str | None = None

    def wanted(self) -> list[str]:
        """The columns that a file must have: text, label or labels, target, group."""
        named = (self.text, self.label, *self.label_columns, self.target, self.group)
        return [name for name in named if name is not None]

    def stripped(self) -> Columns:
        """The same with white space at the ends of names taken off, as it is from a delimited file's header."""
        return replace(
            self,
            text=self.text.strip(),
            label=self.label and self.label.strip(),
            label_columns=tuple(name.strip() for name in self.label_columns),
            target=self.target and self.target.strip(),
            group=self.group and self.group.strip(),
        )


def place(path: Path | str, line: int) -> str:
    """``file, line n`` for messages."""
    return f"{path}, line {line}"
