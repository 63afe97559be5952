"""Surgical fine-tuning (Lee et al. 2023): a few neighbouring blocks train, the rest stays."""

from __future__ import annotations

from amharic_tl.errors import ConfigError
from amharic_tl.transfer.anatomy import EMBEDDING, Anatomy, head
from amharic_tl.transfer.methods.recipe import Recipe, Request
from amharic_tl.transfer.rules import Rule


def surgical(request: Request) -> Recipe:
    """The chosen blocks and the head train.

    With ``transfer.blocks=auto`` those neighbours are chosen whose gradients are largest in relation to their
    parameters, on average (the relative gradient norm of the paper's section 4.2, ``||g|| / ||theta||``).

    Raises:
      ConfigError: blocks that the model does not have.
    """
    anatomy, asked = request.anatomy, request.transfer.blocks
    if asked == "embeddings":
        rules = [Rule("embeddings", EMBEDDING, True), Rule("blocks stay", anatomy.blocks(range(anatomy.depth)), False)]
        return Recipe([*rules, head()], "the embeddings, the head and the pooler train (transfer.method=surgical)")
    if asked == "auto":
        chosen = _largest(anatomy, request)
        why = "whose gradients are largest in relation to their parameters"
    else:
        first, _, last = asked.partition("-")
        chosen, why = range(int(first), int(last or first) + 1), "as asked for"
        if not chosen or chosen[-1] >= anatomy.depth:
            raise ConfigError(
                f"config.transfer.blocks: {asked} asked for, but the model has the blocks 0 to {anatomy.depth - 1}"
            )
    rules = [Rule("embeddings stay", EMBEDDING, False)]
    name = f"block {chosen[0]}" if len(chosen) == 1 else f"blocks {chosen[0]}-{chosen[-1]}"
    rules.append(Rule(name, anatomy.blocks(chosen), True))
    others = [block for block in range(anatomy.depth) if block not in chosen]
    if others:
        rules.append(Rule("other blocks stay", anatomy.blocks(others), False))
    reason = f"{name} ({why}), the head and the pooler train (transfer.method=surgical)"
    return Recipe([*rules, head()], reason)


def _largest(anatomy: Anatomy, request: Request) -> range:
    width = request.transfer.auto_blocks
    if width > anatomy.depth:
        raise ConfigError(f"config.transfer.auto_blocks: {width} asked for, but the model has {anatomy.depth} blocks")
    # Without measurements (a plan that is only looked at) the lowest blocks stand for those that would be chosen.
    norms = [request.measured.get(f"block {block}", 0.0) for block in range(anatomy.depth)]
    starts = range(anatomy.depth - width + 1)
    start = max(starts, key=lambda place: sum(norms[place : place + width]))
    return range(start, start + width)
