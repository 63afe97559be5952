"""The top blocks train, with what stands on them (Lee, Tang & Lin 2019)."""

from __future__ import annotations

from amharic_tl.transfer.anatomy import head
from amharic_tl.transfer.methods.recipe import Recipe, Request


def top_layers(request: Request) -> Recipe:
    """The top ``transfer.trainable_layers`` blocks train.

    Raises:
      ConfigError: more layers asked for than the model has.
    """
    depth, top = request.anatomy.depth, request.transfer.trainable_layers or 0
    reason = f"the top {top} of {depth} blocks, the head and the pooler train (transfer.method=top-layers)"
    return Recipe([*request.anatomy.body(depth - top), head()], reason)
