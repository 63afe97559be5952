"""The pre-norm transformer block (Xiong et al. 2020) of T5, of BART's descendants and of GPT-2.

Families say what the parts are called, which norm they take and whether they have biases; how a block runs is here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from amharic_tl.models.attention import Visibility, dot_product_attention
from amharic_tl.models.cache import Cache, LayerCache
from amharic_tl.models.layers import ACTIVATIONS, Conv1D, Embedding, LayerNorm, Linear, RMSNorm, dropout

Dense = Linear | Conv1D
Norm = LayerNorm | RMSNorm


@dataclass(frozen=True)
class Rates:
    """How much is dropped in training.

    Attributes:
      hidden: of what a sublayer adds.
      attention: of the attention probabilities.
      activation: inside the feed-forward layer.
      layer: of whole blocks (LayerDrop, Fan et al. 2019).
    """

    hidden: float
    attention: float
    activation: float = 0.0
    layer: float = 0.0


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Sight:
    """What the blocks of a stack may attend to.

    Attributes:
      visible: whom in self-attention.
      relative: float32 ``[1, N, S, T]``, added to the scores of self-attention; None without.
      buckets: int ``[S, T]``, how far each key is, for blocks with a table of relative positions; None without.
      source: ``[B, E, H]``, the encoder's output, for cross-attention; None without, or where its keys are cached.
      source_visible: whom in cross-attention; None without a source.
      start: int32, the slot of the first new token in the cache; None without a cache.
    """

    visible: Visibility
    relative: jax.Array | None = None
    buckets: jax.Array | None = None
    source: jax.Array | None = None
    source_visible: Visibility | None = None
    start: jax.Array | None = None


class Attention(nnx.Module):
    """Multi-head attention with a layer each for queries, keys and values.

    ``scale`` is that of the scores, None for ``D ** -0.5``.
    """

    def __init__(
        self, query: Dense, key: Dense, value: Dense, output: Dense, *, heads: int, scale: float | None = None
    ) -> None:
        self.query, self.key, self.value, self.output = query, key, value, output
        self.heads, self.scale = heads, scale

    def queries(self, x_BSH: jax.Array) -> jax.Array:
        """``[B, S, N, D]``."""
        return _heads(self.query(x_BSH), self.heads)

    def keys_values(self, x_BTH: jax.Array) -> Cache:
        """``keys`` and ``values``, each ``[B, T, N, D]``."""
        return {"keys": _heads(self.key(x_BTH), self.heads), "values": _heads(self.value(x_BTH), self.heads)}

    def project(self, x_BSH: jax.Array) -> tuple[jax.Array, Cache]:
        """The queries of ``x``, and its keys and values."""
        return self.queries(x_BSH), self.keys_values(x_BSH)

    def attend(
        self,
        query_BSND: jax.Array,
        keys_values: Cache,
        visible: Visibility,
        rate: float,
        key: jax.Array | None,
        bias_BNST: jax.Array | None = None,
    ) -> jax.Array:
        """float32 ``[B, S, H]``; ``rate`` and ``key`` are of the dropout of the probabilities. ``bias_BNST`` is added
        to the scores.
        """
        attended_BSND = dot_product_attention(
            query_BSND,
            keys_values["keys"].astype(query_BSND.dtype),
            keys_values["values"].astype(query_BSND.dtype),
            visible,
            bias_BNST=bias_BNST,
            dropout_rate=rate,
            dropout_key=key,
            scale=self.scale,
        )
        return self.output(attended_BSND.reshape(*attended_BSND.shape[:2], -1), output=jnp.float32)


class FusedAttention(Attention):
    """Self-attention whose queries, keys and values come from one layer, side by side (GPT-2)."""

    def __init__(self, fused: Dense, output: Dense, *, heads: int, scale: float) -> None:
        self.fused, self.output, self.heads, self.scale = fused, output, heads, scale

    def project(self, x_BSH: jax.Array) -> tuple[jax.Array, Cache]:
        """The queries of ``x``, and its keys and values."""
        query, key, value = (_heads(part, self.heads) for part in jnp.split(self.fused(x_BSH), 3, axis=-1))
        return query, {"keys": key, "values": value}


class FeedForward(nnx.Module):
    """``down(activation(up(x)))``, or gated ``down(activation(gate(x)) * up(x))`` (Shazeer 2020)."""

    def __init__(self, up: Dense, down: Dense, activation: str, gate: Dense | None = None) -> None:
        self.up, self.down, self.gate, self.activation = up, down, gate, activation

    def __call__(self, x_BSH: jax.Array, rate: float, key: jax.Array | None) -> jax.Array:
        """``[B, S, H]`` to float32 ``[B, S, H]``; ``rate`` is of what ``down`` takes."""
        activate: Callable[[jax.Array], jax.Array] = ACTIVATIONS[self.activation]
        wide_BSI = activate(self.up(x_BSH)) if self.gate is None else activate(self.gate(x_BSH)) * self.up(x_BSH)
        return self.down(dropout(wide_BSI, rate, key), output=jnp.float32)


class PreNormBlock(nnx.Module):
    """Norm, self-attention, residual; in decoders with a source, norm, cross-attention, residual; norm, feed-forward
    layer, residual.

    ``relative`` is the block's own table of relative positions ``[buckets, N]`` (UMT5).
    """

    def __init__(
        self,
        attention: Attention,
        attention_norm: Norm,
        feed_forward: FeedForward,
        feed_forward_norm: Norm,
        rates: Rates,
        *,
        cross: Attention | None = None,
        cross_norm: Norm | None = None,
        relative: Embedding | None = None,
    ) -> None:
        self.attention, self.attention_norm = attention, attention_norm
        self.cross, self.cross_norm = cross, cross_norm
        self.feed_forward, self.feed_forward_norm = feed_forward, feed_forward_norm
        self.relative, self.rates = relative, rates

    def __call__(
        self,
        hidden_BSH: jax.Array,
        sight: Sight,
        dtype: Any,
        *,
        dropout_key: jax.Array | None = None,
        cache: LayerCache | None = None,
        fixed: Cache | None = None,
        variant: jax.Array | None = None,
    ) -> Any:
        """float32 ``[B, S, H] -> [B, S, H]``, with a cache also the new cache.

        The residual stream and the norms stay in float32, the products are of ``dtype``. ``fixed`` are the cached keys
        and values of the source. With ``variant`` (the layer's number, from 0) the scores of self-attention are divided
        by ``variant + 1``, as some GPT-2s want it.
        """
        keys = [None] * 6 if dropout_key is None else list(jax.random.split(dropout_key, 6))
        before_BSH = hidden_BSH
        query_BSND, new = self.attention.project(self.attention_norm(hidden_BSH).astype(dtype))
        if cache is not None:
            cache, new = cache.write(new["keys"], new["values"], sight.start)
        relative = sight.relative
        if self.relative is not None and sight.buckets is not None:
            relative = relative_bias(self.relative.weight[...], sight.buckets)
        if variant is not None:
            query_BSND = query_BSND / (variant + 1).astype(dtype)
        mixed_BSH = self.attention.attend(query_BSND, new, sight.visible, self.rates.attention, keys[0], relative)
        hidden_BSH = hidden_BSH + dropout(mixed_BSH, self.rates.hidden, keys[1])
        if self.cross is not None and self.cross_norm is not None:
            query_BSND = self.cross.queries(self.cross_norm(hidden_BSH).astype(dtype))
            source = fixed
            assert sight.source_visible is not None
            if source is None:
                assert sight.source is not None
                source = self.cross.keys_values(sight.source.astype(dtype))
            mixed_BSH = self.cross.attend(query_BSND, source, sight.source_visible, self.rates.attention, keys[2])
            hidden_BSH = hidden_BSH + dropout(mixed_BSH, self.rates.hidden, keys[3])
        normed_BSH = self.feed_forward_norm(hidden_BSH).astype(dtype)
        inner_key, outer_key = (None, None) if keys[4] is None else jax.random.split(keys[4])
        mixed_BSH = self.feed_forward(normed_BSH, self.rates.activation, inner_key)
        hidden_BSH = hidden_BSH + dropout(mixed_BSH, self.rates.hidden, outer_key)
        if cache is not None:
            return hidden_BSH, cache
        if keys[5] is None or self.rates.layer == 0.0:
            return hidden_BSH
        return jnp.where(jax.random.bernoulli(keys[5], self.rates.layer), before_BSH, hidden_BSH)


def relative_bias(table_RN: jax.Array, buckets_ST: jax.Array) -> jax.Array:
    """float32 ``[1, N, S, T]``: what a table of relative positions adds to the scores (Raffel et al. 2020)."""
    return table_RN.astype(jnp.float32)[buckets_ST].transpose(2, 0, 1)[None]


def _heads(x_BSE: jax.Array, heads: int) -> jax.Array:
    return x_BSE.reshape(*x_BSE.shape[:2], heads, -1)
