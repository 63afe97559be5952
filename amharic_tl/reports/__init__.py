"""Reports made from the files of a workdir."""

from __future__ import annotations

from pathlib import Path


def write_report(workdir: str | Path) -> Path:
    """Placeholder until the page is built."""
    return Path(workdir) / "report.html"
