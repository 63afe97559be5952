"""Rows as they were read, and where each came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One example. ``file`` and ``line`` say where it stands (the first line of a quoted record); ``label`` is text."""

    id: str
    text: str
    label: str | None
    file: str
    line: int


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
    """Which columns are read. ``header`` gives the names of a file without a header line."""

    text: str
    label: str | None
    header: tuple[str, ...] | None = None

    def wanted(self) -> list[str]:
        """The columns that a file must have."""
        return [self.text] if self.label is None else [self.text, self.label]


def place(path: Path | str, line: int) -> str:
    """``file, line n`` for messages."""
    return f"{path}, line {line}"
