"""Linear probing, then fine-tuning (Kumar et al. 2022): a head that fits the features first, so that these are not
bent to serve one drawn at random.
"""

from __future__ import annotations

from amharic_tl.config.moments import START, parse_moment
from amharic_tl.transfer.anatomy import EMBEDDING
from amharic_tl.transfer.methods.recipe import Recipe, Request
from amharic_tl.transfer.rules import Rule


def lp_ft(request: Request) -> Recipe:
    """The head on what the body gives without dropout, then everything."""
    anatomy, length = request.anatomy, parse_moment(request.transfer.stage_length)
    rules = [
        Rule("head and pooler", anatomy.head(), True),
        Rule("embeddings", EMBEDDING, True, stage=1),
        Rule("blocks", anatomy.blocks(range(anatomy.depth)), True, stage=1),
    ]
    rules += anatomy.rest(rules, Rule("last norm", ".*", True, stage=1))
    reason = (
        f"the head and the pooler train for {length} on features that stay, then everything (transfer.method=lp-ft)"
    )
    return Recipe(rules, reason, (START, length), features_first=True)
