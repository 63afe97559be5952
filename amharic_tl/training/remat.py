"""Which blocks of a model keep what for the backward pass, from the rules of ``train.remat``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flax import nnx

from amharic_tl.errors import ConfigError, name_some
from amharic_tl.models.stack import Stack


def set_remat(model: nnx.Module, rules: Sequence[tuple[str, str]]) -> None:
    """Says what each block of a model keeps, and cuts its stacks in place where that changes.

    Args:
      model: any of this package.
      rules: ``(pattern, policy)``; a pattern matches the whole name of a block, such as ``roberta.encoder.layer.3``.
        The first match holds; a block that none matches keeps all.

    Raises:
      ConfigError: a pattern matches no block.
    """
    names: list[str] = []
    for _, stack in nnx.iter_modules(model):
        if isinstance(stack, Stack):
            blocks = stack.block_names()
            names += blocks
            stack.set_remat([next((p for pattern, p in rules if re.fullmatch(pattern, b)), "none") for b in blocks])
    idle = [pattern for pattern, _ in rules if pattern != ".*" and not any(re.fullmatch(pattern, n) for n in names)]
    if idle:
        raise ConfigError(f"config.train.remat: {name_some(idle)} matches no block; blocks are {name_some(names)}")
