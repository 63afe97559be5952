"""Low-rank adapters train, and the head; the base stays as it is (Hu et al. 2021)."""

from __future__ import annotations

import re

from amharic_tl.models.adapters.low_rank import DOWN, UP
from amharic_tl.transfer.methods.recipe import Recipe, Request
from amharic_tl.transfer.rules import Rule


def lora(request: Request) -> Recipe:
    """The adapters that the model was given train, and the modules that are saved whole."""
    ends = "|".join(re.escape(f".{part}") for part in (DOWN, UP))
    rules = [Rule("adapters", f".*(?:{ends})", True)]
    reason = "adapters train (transfer.method=lora)"
    if request.saved_whole:
        names = "|".join(map(re.escape, request.saved_whole))
        rules.append(Rule("saved whole", rf"(?:{names})\..*", True))
        reason = f"adapters and {', '.join(request.saved_whole)} train (transfer.method=lora)"
    return Recipe([*rules, Rule("base stays", ".*", False)], reason)
