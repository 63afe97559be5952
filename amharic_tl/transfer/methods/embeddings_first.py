"""The word table first, then everything: for a vocabulary that is new to the body."""

from __future__ import annotations

from amharic_tl.config.moments import START, parse_moment
from amharic_tl.transfer.anatomy import EMBEDDING, head
from amharic_tl.transfer.methods.recipe import Recipe, Request
from amharic_tl.transfer.rules import Rule


def embeddings_first(request: Request) -> Recipe:
    """The embeddings and the head for a stage, then everything."""
    anatomy, length = request.anatomy, parse_moment(request.transfer.stage_length)
    rules = [
        Rule("embeddings", EMBEDDING, True),
        Rule("blocks", anatomy.blocks(range(anatomy.depth)), True, stage=1),
        head(),
    ]
    reason = (
        f"the embeddings, the head and the pooler train for {length}, then everything "
        "(transfer.method=embeddings-first)"
    )
    return Recipe(rules, reason, (START, length))
