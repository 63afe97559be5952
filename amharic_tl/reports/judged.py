"""What a rule of the report says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Judged:
    """A rule's figure: whether it asks for action, and which."""

    act: bool
    figure: str
    advice: str
