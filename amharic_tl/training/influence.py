"""Inner products of a figure's gradient with the loss gradient of each example, exactly and without either's storage.

``<grad F, grad loss(z)>`` is the derivative of the loss of ``z`` in the direction ``grad F``. One pass in forward mode
gives it for every example of a batch: no gradient of an example is ever formed, none is projected, and nothing is lost.
What is held is the directions: as many copies of the parameters as the figure has parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from amharic_tl.tasks.base import Batch, Task, forward


@dataclass(frozen=True)
class FigureBatch:
    """Items of a differentiable figure: signed sums of the probability of harm over at most two texts each.

    Attributes:
      input_ids, attention_mask: int32 ``[I, 2, S]``.
      signs: float32 ``[I, 2]``, 0 where an item has no second text.
      weights: float32 ``[I]``; 0 for filler.
    """

    input_ids: np.ndarray
    attention_mask: np.ndarray
    signs: np.ndarray
    weights: np.ndarray


class Influence:
    """Compiled once for a model; parameters are arguments, so that every checkpoint uses the same programmes."""

    def __init__(self, graphdef: Any, task: Task, positive: np.ndarray, *, absolute: bool) -> None:
        """Takes what does not change from checkpoint to checkpoint.

        Args:
          graphdef: of the model, as split into trainable and frozen parameters.
          task: whose loss the examples have; without dropout.
          positive: bool ``[C]``, the classes whose probabilities sum to harm.
          absolute: whether an item's value is the absolute value of its signed sum.
        """
        self._graphdef, self._task = graphdef, task
        self._positive, self._absolute = jnp.asarray(positive, jnp.float32), absolute
        self._figure = jax.jit(jax.value_and_grad(self._figure_value))
        self._along = jax.jit(self._losses_along)

    def _model(self, trainable: nnx.State, frozen: nnx.State) -> Any:
        return nnx.merge(self._graphdef, trainable, frozen, copy=True)

    def _figure_value(self, trainable: nnx.State, frozen: nnx.State, items: Mapping[str, jax.Array]) -> jax.Array:
        count, two, length = items["input_ids"].shape
        flat = {name: items[name].reshape(count * two, length) for name in ("input_ids", "attention_mask")}
        logits = self._model(trainable, frozen)(**flat).logits.astype(jnp.float32)
        harm_I2 = (jax.nn.softmax(logits, axis=-1) @ self._positive).reshape(count, two)
        values_I = jnp.sum(harm_I2 * items["signs"], axis=-1)
        return jnp.sum(items["weights"] * (jnp.abs(values_I) if self._absolute else values_I))

    def figure(self, trainable: nnx.State, frozen: nnx.State, items: FigureBatch) -> tuple[jax.Array, nnx.State]:
        """The weighted sum of the items' values, and its gradient with respect to ``trainable``."""
        value, gradient = self._figure(trainable, frozen, dict(vars(items)))
        return value, gradient

    def _losses(self, trainable: nnx.State, frozen: nnx.State, batch: Batch) -> jax.Array:
        """The loss of each row ``[B]``, weighted as in training."""

        def one(row: Batch) -> jax.Array:
            alone = {name: array[None] for name, array in row.items()}
            return self._task.loss(forward(self._task, self._model(trainable, frozen), alone), alone)

        return jax.vmap(one)(dict(batch))

    def _losses_along(self, trainable: nnx.State, frozen: nnx.State, directions: nnx.State, batch: Batch) -> jax.Array:
        def along(direction: nnx.State) -> jax.Array:
            return jax.jvp(lambda at: self._losses(at, frozen, batch), (trainable,), (direction,))[1]

        return jax.vmap(along, out_axes=-1)(directions)

    def along(
        self, trainable: nnx.State, frozen: nnx.State, directions: nnx.State, batch: Mapping[str, Any]
    ) -> jax.Array:
        """``<direction, gradient of the row's loss>``, float32 ``[B, D]``.

        Args:
          trainable, frozen: the parameters.
          directions: like ``trainable`` with a leading axis D in every leaf.
          batch: arrays with rows first.
        """
        found: jax.Array = self._along(trainable, frozen, directions, dict(batch))
        return found


@jax.jit
def stacked(directions: list[Any]) -> Any:
    """Directions one by one to one tree with a leading axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *directions)


@jax.jit
def added(first: Any, second: Any) -> Any:
    """The sum of two trees."""
    return jax.tree.map(jnp.add, first, second)


def bytes_needed(trainable: Any, directions: int) -> int:
    """Bytes of the directions and of the parameters themselves; activations come on top."""
    return (directions + 2) * sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(trainable))
