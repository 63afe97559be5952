"""BitFit (Ben Zaken, Goldberg & Ravfogel 2022): biases and norms train, matrices stay."""

from __future__ import annotations

from amharic_tl.transfer.anatomy import EMBEDDING, head
from amharic_tl.transfer.methods.recipe import Recipe, Request
from amharic_tl.transfer.rules import Rule


def bias_only(request: Request) -> Recipe:
    """Biases, the weights of norms, and the whole of the head and the pooler train."""
    anatomy = request.anatomy
    rules = [
        Rule("biases and norms", anatomy.vectors(), True),
        Rule("embeddings stay", EMBEDDING, False),
        Rule("matrices of blocks stay", anatomy.blocks(range(anatomy.depth)), False),
    ]
    rules += anatomy.rest(rules, head())
    return Recipe(rules, "biases, norms, the head and the pooler train (transfer.method=bias-only)")
