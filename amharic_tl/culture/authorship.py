"""Who wrote an entry of a pack, from what, and which native speakers have signed it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Authorship:
    """Who wrote an entry, from what, and which native speakers have signed it."""

    drafted_by: str
    source: str
    reviewers: tuple[str, ...]
    status: str

    @property
    def reviewed(self) -> bool:
        """Whether a native speaker has signed it."""
        return self.status == "reviewed"

    @property
    def retired(self) -> bool:
        """Whether the entry is kept for the record only: it is read as if it were not there."""
        return self.status == "retired"


def authorship(entry: Mapping[str, Any]) -> Authorship:
    """The authorship of an entry that the schema has checked."""
    return Authorship(entry["drafted_by"], entry["source"], tuple(entry["reviewers"]), entry["status"])
