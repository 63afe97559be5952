"""Whether a model's weights are numbers at all."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from amharic_tl.errors import BadInputError, name_some
from amharic_tl.models.naming import named_tensors


def refuse_non_finite(model: nnx.Module, where: str) -> None:
    """Refuses weights with which no loss is a number. They are read where they were placed.

    Args:
      model: of this package.
      where: it was read from, for the message.

    Raises:
      BadInputError: a weight is NaN or infinite; up to ten tensors are named.
    """
    finite = jax.jit(lambda array: jnp.isfinite(array).all())
    variables = jax.tree.leaves(nnx.state(model), is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))
    broken: list[Any] = [variable for variable in variables if not finite(variable.get_value())]
    if broken:
        names = [view.name for variable in broken for view in named_tensors({"only": variable}).values()]
        raise BadInputError(
            f"{where} holds numbers that are not finite (NaN or infinite) in {name_some(names)}; the checkpoint is "
            "damaged, or its training had diverged"
        )
