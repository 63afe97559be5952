"""Groups of blocks thaw from the top when the loss on validation stalls."""

from __future__ import annotations

from amharic_tl.config.moments import START
from amharic_tl.transfer.methods.gradual import group_rules, rate_warnings
from amharic_tl.transfer.methods.recipe import Recipe, Request


def plateau(request: Request) -> Recipe:
    """The head alone, then one more group of blocks each time the smoothed loss has not fallen for some evaluations.

    Raises:
      ConfigError: more groups than blocks.
    """
    transfer = request.transfer
    factor = 1.0 if transfer.group_decay is None else transfer.group_decay
    reason = (
        f"the head and the pooler train first, then one more of {transfer.groups} groups of blocks from the top when "
        f"the loss on validation has not fallen for {transfer.thaw_patience} evaluations (transfer.method=plateau)"
    )
    return Recipe(
        group_rules(request.anatomy, transfer.groups, factor),
        reason,
        (START, *[None] * transfer.groups),
        warnings=tuple(rate_warnings(transfer.groups, factor, transfer.layer_decay)),
    )
