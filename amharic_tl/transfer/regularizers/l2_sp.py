"""L2-SP: weight decay towards the pretrained parameters instead of towards zero."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from amharic_tl.models.naming import names_held
from amharic_tl.tasks.terms import Need


@dataclass(frozen=True)
class L2SP:
    """``alpha/2 |w_S - w_S^0|^2 + beta/2 |w_new|^2`` (Li, Grandvalet & Davoine 2018).

    ``w_S`` are the trainable parameters that have a pretrained value ``w_S^0``, ``w_new`` those drawn anew. Part of the
    loss, as in the paper; an adaptive optimiser therefore scales it as any gradient. Weight decay is off beside it,
    or parameters would be pulled to two places at once. Known limit: what is learned needs distance, so that alpha is
    to be chosen on validation.

    Attributes:
      weight: alpha. The value is the sum above divided by alpha.
      new_weight: beta.
      new: canonical names of newly drawn parameters.
    """

    weight: float
    new_weight: float
    new: Container[str]
    name: ClassVar[str] = "l2_sp"
    needs: ClassVar[frozenset[Need]] = frozenset({"initial"})

    def of_parameters(self, trainable: Any, initial: Any) -> jax.Array:
        """See :class:`~amharic_tl.tasks.terms.ParameterTerm`."""

        def is_variable(leaf: Any) -> bool:
            return isinstance(leaf, nnx.Variable)

        halves = [
            self._half(names_held(variable), variable.get_value(), start.get_value())
            for variable, start in zip(
                jax.tree.leaves(trainable, is_leaf=is_variable),
                jax.tree.leaves(initial, is_leaf=is_variable),
                strict=True,
            )
        ]
        return sum(halves, jnp.zeros((), jnp.float32))

    def _half(self, names: list[str], value: jax.Array, start: jax.Array) -> jax.Array:
        """Of one variable, whose layers may be partly new."""
        value, start = value.astype(jnp.float32), start.astype(jnp.float32)
        new = np.asarray([name in self.new for name in names], np.float32)
        by_layer = new.reshape((-1,) + (1,) * (value.ndim - 1)) if len(names) > 1 else new[0]
        pull = np.where(by_layer, self.new_weight / self.weight, 1.0).astype(np.float32)
        return 0.5 * jnp.sum(pull * jnp.square(value - (1.0 - by_layer) * start))
