"""Plain fine-tuning, the control of every other method."""

from __future__ import annotations

from amharic_tl.transfer.methods.recipe import Recipe, Request
from amharic_tl.transfer.rules import Rule


def full(request: Request) -> Recipe:
    """Everything trains from the first step."""
    del request
    return Recipe([Rule("full", ".*", True)], "every parameter trains (transfer.method=full)")
