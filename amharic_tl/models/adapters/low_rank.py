"""The low-rank adapter of one linear layer, or of that layer in each block of a run."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from amharic_tl.models.layers import Conv1D, Linear, dropout

Scaling = Literal["lora", "rslora"]
DOWN, UP = "lora_A.weight", "lora_B.weight"


@dataclass(frozen=True)
class LoraSettings:
    """Of one adapter.

    Attributes:
      rank: r, of the product.
      alpha: what the product is multiplied by, before it is divided as ``scaling`` says.
      scaling: ``lora`` divides by r (Hu et al. 2021, section 4.1), ``rslora`` by its square root, so that a higher rank
        does not learn more slowly (Kalajdzievski 2023, theorem 3.2).
      dropout: of the adapter's input, in training.
    """

    rank: int
    alpha: float
    scaling: Scaling
    dropout: float = 0.0

    @property
    def factor(self) -> float:
        """What the product is multiplied by."""
        return self.alpha / (self.rank if self.scaling == "lora" else math.sqrt(self.rank))


class LowRank(nnx.Module):
    """``factor * B A x`` (Hu et al. 2021), with A ``[rank, in]`` drawn and B ``[out, rank]`` zero at first.

    In a run of blocks both have the layers as first dimension, as every parameter there.
    """

    # The key of the input's dropout while a block of a training step is traced; never part of a model that is kept.
    dropout_key: jax.Array | None = None

    def __init__(self, base: Linear | Conv1D, settings: LoraSettings, key: jax.Array) -> None:
        """Makes the adapter of ``base``.

        Each layer draws A from a stream of its own, so that which other layers have adapters changes nothing.
        """
        about = base.weight.get_metadata()
        template, layers = about["hf_name"].removesuffix("weight"), about["layers"]
        outputs, inputs = shape_of(base)
        names = [template] if layers is None else [template.format(layer) for layer in layers]
        streams = np.asarray([zlib.crc32(f"{name}{DOWN}".encode()) for name in names], np.uint32)
        down, up = _initial(key, streams, settings.rank, outputs, inputs)
        if layers is None:
            down, up = down[0], up[0]
        self.down = nnx.Param(down, **{**about, "hf_name": f"{template}{DOWN}", "flax_leaf": "kernel"})
        self.up = nnx.Param(up, **{**about, "hf_name": f"{template}{UP}", "flax_leaf": "kernel"})
        self.settings = settings

    def __call__(self, x: jax.Array) -> jax.Array:
        """``[..., in]`` to float32 ``[..., out]``; the products are in the dtype of ``x``."""
        x = dropout(x, self.settings.dropout, self.dropout_key)
        narrow = _product(x, self.down[...])
        return self.settings.factor * _product(narrow, self.up[...]).astype(jnp.float32)

    def delta(self) -> jax.Array:
        """What the adapter adds to the weight of its linear layer: float32 ``[out, in]``, in a run ``[L, out, in]``."""
        down, up = self.down[...].astype(jnp.float32), self.up[...].astype(jnp.float32)
        return self.settings.factor * jnp.matmul(up, down, precision="highest")


def drop_inputs(block: Any, key: jax.Array | None) -> None:
    """Lets the adapters inside ``block``, which was merged for this call alone, drop their inputs by ``key``."""
    if key is None:
        return
    for _, module in list(nnx.iter_modules(block)):
        if isinstance(module, LowRank) and module.settings.dropout:
            stream = zlib.crc32(module.down.get_metadata()["hf_name"].encode())
            module.dropout_key = jax.random.fold_in(key, stream)


def shape_of(base: Linear | Conv1D) -> tuple[int, int]:
    """Outputs and inputs of a linear layer, whichever way its weight lies."""
    first, second = base.weight.get_value().shape[-2:]
    return (first, second) if isinstance(base, Linear) else (second, first)


@partial(jax.jit, static_argnums=(2, 3, 4))
def _initial(key: jax.Array, streams: jax.Array, rank: int, outputs: int, inputs: int) -> tuple[jax.Array, jax.Array]:
    """A ``[L, rank, in]`` of each layer, drawn as torch draws a linear layer, and B ``[L, out, rank]``, zero."""
    bound = 1 / math.sqrt(inputs)

    def draw(stream: jax.Array) -> jax.Array:
        return jax.random.uniform(jax.random.fold_in(key, stream), (rank, inputs), jnp.float32, -bound, bound)

    return jax.vmap(draw)(streams), jnp.zeros((len(streams), outputs, rank), jnp.float32)


def _product(x: jax.Array, weight: jax.Array) -> jax.Array:
    return jax.lax.dot_general(x, weight.astype(x.dtype), (((x.ndim - 1,), (1,)), ((), ())))
