"""Gradual unfreezing with discriminative rates (ULMFiT: Howard & Ruder 2018, sections 3.2 and 3.3)."""

from __future__ import annotations

from amharic_tl.config.moments import START, parse_moment
from amharic_tl.transfer.anatomy import EMBEDDING, Anatomy, head
from amharic_tl.transfer.methods.recipe import Recipe, Request
from amharic_tl.transfer.rules import Rule

ULMFIT = 2.6  # of a group's rate to that of the one below, section 3.2
MOST_GROUPS = 5  # with the head; the factor was found on four


def gradual(request: Request) -> Recipe:
    """The head alone for a stage, then one more group of blocks in each; the embeddings thaw with the lowest.

    Raises:
      ConfigError: more groups than blocks.
    """
    transfer = request.transfer
    length = parse_moment(transfer.stage_length)
    factor = ULMFIT if transfer.group_decay is None else transfer.group_decay
    rules = group_rules(request.anatomy, transfer.groups, factor)
    begins = (START, *(length.times(number) for number in range(1, transfer.groups + 1)))
    reason = (
        f"the head and the pooler train first, then, after every {length}, one more of {transfer.groups} groups of "
        f"blocks from the top, each at 1/{factor:g} of the rate of the one above (transfer.method=gradual)"
    )
    return Recipe(rules, reason, begins, warnings=tuple(rate_warnings(transfer.groups, factor, transfer.layer_decay)))


def group_rules(anatomy: Anatomy, groups: int, factor: float) -> list[Rule]:
    """The head in stage 0 at rate 1, group g (the top one is 1) in stage g at ``factor ** -g``."""
    rules = [Rule("embeddings", EMBEDDING, True, rate=factor**-groups, stage=groups)]
    for number, blocks in enumerate(anatomy.groups(groups), 1):
        name = f"block {blocks[0]}" if len(blocks) == 1 else f"blocks {blocks[0]}-{blocks[-1]}"
        rules.append(Rule(name, anatomy.blocks(blocks), True, rate=factor**-number, stage=number))
    return [*rules, head()]


def rate_warnings(groups: int, factor: float, layer_decay: float) -> list[str]:
    """What to know of rates that fall from group to group: the factor of 2.6 was found on four groups."""
    warnings = []
    if factor > 1 and layer_decay < 1:
        warnings.append(
            f"rates fall twice: by {factor:g} from group to group, and to {layer_decay:g} from block to block "
            "(transfer.layer_decay)"
        )
    if factor > 1 and groups + 1 > MOST_GROUPS:
        warnings.append(
            f"{groups + 1} groups with rates falling by {factor:g} from one to the next: the lowest has "
            f"1/{factor**groups:,.0f} of the rate of the head and hardly trains; ULMFiT had 4 groups. Use fewer "
            "transfer.groups, or a smaller transfer.group_decay"
        )
    return warnings
