"""Layers that the families share. Weights lie as torch keeps them (a linear layer's is ``[out, in]``), so that
reading and writing a Hugging Face checkpoint copies and never transposes.

Every parameter knows its canonical name (Hugging Face's torch state-dict name): that is what plans, reports, errors
and files speak.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import NamedSharding, PartitionSpec

from amharic_tl.distributed.lookup import rows_of
from amharic_tl.distributed.mesh import tensor_shards

Initializer = Callable[[jax.Array, tuple[int, ...]], jax.Array]
# What is added to a linear layer's output: its input ``[..., in]`` to float32 ``[..., out]`` (models/adapters).
Adapter = Callable[[jax.Array], jax.Array]


def normal(deviation: float) -> Initializer:
    """Draws from N(0, deviation^2), as Hugging Face initialises matrices."""
    return lambda key, shape: deviation * jax.random.normal(key, shape, jnp.float32)


def truncated_normal(deviation: float, cutoff: float) -> Initializer:
    """Draws from N(0, deviation^2), what lies beyond ``cutoff`` deviations drawn again."""
    return lambda key, shape: deviation * jax.random.truncated_normal(key, -cutoff, cutoff, shape, jnp.float32)


def zeros(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Zeros, float32."""
    del key
    return jnp.zeros(shape, jnp.float32)


def ones(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Ones, float32."""
    del key
    return jnp.ones(shape, jnp.float32)


class Buffer(nnx.Variable[Any]):
    """An array that is saved with the parameters and is none: it is never trained and never counted."""


def parameter(
    name: str,
    shape: tuple[int, ...],
    initializer: Initializer,
    key: jax.Array,
    flax_leaf: str = "bias",
    block: int | None = None,
) -> nnx.Param[Any]:
    """A parameter with its canonical name. Inside a stack the name holds ``{}`` for the layer's index.

    ``flax_leaf`` is the last part of its name in Hugging Face's Flax trees; a ``kernel`` lies transposed there.
    ``block`` is for a parameter beside a stack that trains and freezes with a block of it: that block's place in the
    model's tower (:class:`~amharic_tl.models.naming.ParameterView`).
    """
    # Each parameter draws from its own stream, so that adding a head does not change the others.
    folded = jax.random.fold_in(key, zlib.crc32(name.encode()))
    return nnx.Param(initializer(folded, shape), hf_name=name, layers=None, flax_leaf=flax_leaf, block=block)


def buffer(name: str, shape: tuple[int, ...], initializer: Initializer, key: jax.Array) -> Buffer:
    """A saved array that is no parameter. Its name is the same in Hugging Face's Flax trees."""
    return Buffer(initializer(key, shape), hf_name=name, layers=None, flax_leaf=name.rsplit(".", 1)[-1])


class Linear(nnx.Module):
    """``x @ weight.T + bias`` with weight ``[out, in]``."""

    def __init__(
        self, name: str, inputs: int, outputs: int, initializer: Initializer, key: jax.Array, *, bias: bool = True
    ) -> None:
        self.weight = parameter(f"{name}.weight", (outputs, inputs), initializer, key, "kernel")
        self.bias = parameter(f"{name}.bias", (outputs,), zeros, key) if bias else None
        self.adapter: Adapter | None = None

    def __call__(self, x: jax.Array, output: Any = None) -> jax.Array:
        """``[..., in] -> [..., out]``.

        The product is in the dtype of ``x``; bias and adapter are added in float32; the result is of dtype ``output``
        (None: that of ``x``).
        """
        y = jax.lax.dot_general(x, self.weight[...].astype(x.dtype), (((x.ndim - 1,), (1,)), ((), ())))
        return self.finished(x, y, output)

    def finished(self, x: jax.Array, y: jax.Array, output: Any = None) -> jax.Array:
        """The result of a call from the product ``y`` of ``x`` with the weight."""
        if self.bias is not None:
            y = y.astype(jnp.float32) + self.bias[...].astype(jnp.float32)
        if self.adapter is not None:
            y = y.astype(jnp.float32) + self.adapter(x)
        return y.astype(x.dtype if output is None else output)


def together(x: jax.Array, *layers: Linear) -> list[jax.Array]:
    """What each of several layers makes of one input.

    Where products are split over devices (axis ``tensor``) it is one product, so that the gradient of ``x`` is summed
    over them once and not once a layer (Shoeybi et al. 2019, "Megatron-LM", figure 3: one all-reduce).

    Args:
      x: ``[..., in]``.
      *layers: with ``in`` inputs each.
    """
    shards = tensor_shards(x)
    weights = [layer.weight[...].astype(x.dtype) for layer in layers]
    if shards == 1 or any(len(weight) % shards for weight in weights):
        return [layer(x) for layer in layers]
    # [T, out / T, in] of each: what is put together lies on one device already.
    of_device = [weight.reshape(shards, -1, weight.shape[1]) for weight in weights]
    mesh = jax.typeof(x).sharding.mesh
    all_TCI = jax.lax.with_sharding_constraint(
        jnp.concatenate(of_device, axis=1), NamedSharding(mesh, PartitionSpec("tensor"))
    )
    product = jnp.einsum("...i,tci->...tc", x, all_TCI)
    bounds = np.cumsum([part.shape[1] for part in of_device])[:-1]
    parts = jnp.split(product, bounds, axis=-1)
    return [layer.finished(x, part.reshape(*x.shape[:-1], -1)) for layer, part in zip(layers, parts, strict=True)]


class Conv1D(nnx.Module):
    """``x @ weight + bias`` with weight ``[in, out]``, as GPT-2 keeps its linear layers (Flax keeps ``[out, in]``)."""

    def __init__(self, name: str, inputs: int, outputs: int, initializer: Initializer, key: jax.Array) -> None:
        self.weight = parameter(f"{name}.weight", (inputs, outputs), initializer, key, "kernel")
        self.bias = parameter(f"{name}.bias", (outputs,), zeros, key)
        self.adapter: Adapter | None = None

    def __call__(self, x: jax.Array, output: Any = None) -> jax.Array:
        """``[..., in] -> [..., out]``, with the dtypes of :class:`Linear`."""
        y = jnp.dot(x, self.weight[...].astype(x.dtype)).astype(jnp.float32) + self.bias[...].astype(jnp.float32)
        if self.adapter is not None:
            y = y + self.adapter(x)
        return y.astype(x.dtype if output is None else output)


class LayerNorm(nnx.Module):
    """Layer normalisation (Ba et al. 2016); statistics in float32. ``block`` as in :func:`parameter`."""

    def __init__(
        self,
        name: str,
        size: int,
        epsilon: float,
        key: jax.Array,
        block: int | None = None,
        *,
        bias: bool = True,
    ) -> None:
        self.weight = parameter(f"{name}.weight", (size,), ones, key, "scale", block)
        self.bias = parameter(f"{name}.bias", (size,), zeros, key, block=block) if bias else None
        self.epsilon = epsilon

    def __call__(self, x: jax.Array) -> jax.Array:
        """``[..., H] -> [..., H]`` in the dtype of ``x``."""
        wide = x.astype(jnp.float32)
        centred = wide - wide.mean(axis=-1, keepdims=True)
        variance = jnp.square(centred).mean(axis=-1, keepdims=True)
        scaled = centred * jax.lax.rsqrt(variance + self.epsilon) * self.weight[...].astype(jnp.float32)
        return (scaled if self.bias is None else scaled + self.bias[...].astype(jnp.float32)).astype(x.dtype)


class RMSNorm(nnx.Module):
    """Root-mean-square normalisation (Zhang & Sennrich 2019): no mean, no bias; statistics in float32.

    ``offset`` is added to the weight: Gemma multiplies by ``1 + weight``. Hugging Face's Flax trees call it ``weight``.
    ``block`` as in :func:`parameter`.
    """

    def __init__(
        self, name: str, size: int, epsilon: float, key: jax.Array, offset: float = 0.0, block: int | None = None
    ) -> None:
        self.weight = parameter(f"{name}.weight", (size,), zeros if offset else ones, key, "weight", block)
        self.epsilon, self.offset = epsilon, offset

    def __call__(self, x: jax.Array) -> jax.Array:
        """``[..., H] -> [..., H]`` in the dtype of ``x``."""
        wide = x.astype(jnp.float32)
        normed = wide * jax.lax.rsqrt(jnp.square(wide).mean(axis=-1, keepdims=True) + self.epsilon)
        return (normed * (self.weight[...].astype(jnp.float32) + self.offset)).astype(x.dtype)


class Embedding(nnx.Module):
    """A table ``[rows, H]``. ``block`` as in :func:`parameter`."""

    def __init__(
        self, name: str, rows: int, size: int, initializer: Initializer, key: jax.Array, block: int | None = None
    ) -> None:
        self.weight = parameter(f"{name}.weight", (rows, size), initializer, key, "embedding", block)

    def __call__(self, ids: jax.Array) -> jax.Array:
        """int ``[B, ...] -> [B, ..., H]``."""
        return rows_of(self.weight[...], ids)

    def attend(self, x: jax.Array) -> jax.Array:
        """Scores of every row: ``[..., H] -> [..., rows]`` (the tied output head)."""
        return jax.lax.dot_general(x, self.weight[...].astype(x.dtype), (((x.ndim - 1,), (1,)), ((), ())))


def dropout(x: jax.Array, rate: float, key: jax.Array | None) -> jax.Array:
    """Zeroes a share ``rate`` of ``x`` and scales the rest (Srivastava et al. 2014); without a key it does nothing."""
    if key is None or rate == 0.0:
        return x
    kept = jax.random.bernoulli(key, 1.0 - rate, x.shape)
    return jnp.where(kept, x / (1.0 - rate), jnp.zeros((), x.dtype))


def _gelu_tanh(x: jax.Array) -> jax.Array:
    return jax.nn.gelu(x, approximate=True)


def _gelu_exact(x: jax.Array) -> jax.Array:
    return x * 0.5 * (1.0 + jax.lax.erf(x / math.sqrt(2.0)).astype(x.dtype))


ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "gelu": _gelu_exact,
    "gelu_python": _gelu_exact,
    "gelu_new": _gelu_tanh,
    "gelu_fast": _gelu_tanh,
    "gelu_pytorch_tanh": _gelu_tanh,
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "swish": jax.nn.silu,
    "tanh": jnp.tanh,
}
