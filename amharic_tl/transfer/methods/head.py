"""A linear probe, or nearly: the head on a body that stays as it is."""

from __future__ import annotations

from amharic_tl.transfer.anatomy import head
from amharic_tl.transfer.methods.recipe import Recipe, Request


def head_alone(request: Request) -> Recipe:
    """The head and the pooler train."""
    rules = [*request.anatomy.body(request.anatomy.depth), head()]
    return Recipe(rules, "only the head and the pooler train (transfer.method=head)")
