"""The pre-norm causal decoder with rotary positions, gated feed-forward layers and RMS norms (Touvron et al. 2023), of
which Llama, Mistral, Qwen and Gemma are settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from amharic_tl.models.attention import Visibility, dot_product_attention
from amharic_tl.models.cache import Cache, LayerCache, empty_cache
from amharic_tl.models.causal_model import CausalModel, visible
from amharic_tl.models.decoder_heads import DecoderHead
from amharic_tl.models.decoder_settings import DecoderSettings
from amharic_tl.models.layers import ACTIVATIONS, Embedding, Linear, RMSNorm, normal, together
from amharic_tl.models.output import ModelOutput
from amharic_tl.models.positions import UNLIMITED
from amharic_tl.models.rotary import rotary_tables, rotate
from amharic_tl.models.stack import Stack

Rotary = tuple[jax.Array, jax.Array]


class SelfAttention(nnx.Module):
    """Causal attention with rotary positions. Names hold ``{}`` for the layer."""

    def __init__(self, name: str, s: DecoderSettings, key: jax.Array) -> None:
        init = normal(s.deviation)
        wide, narrow, bias = s.heads * s.head_size, s.key_heads * s.head_size, s.query_key_value_bias
        self.head_size, self.rate = s.head_size, s.attention_dropout
        self.scale, self.softcap = s.attention_scale, s.score_softcap
        self.query = Linear(f"{name}.q_proj", s.hidden, wide, init, key, bias=bias)
        self.key = Linear(f"{name}.k_proj", s.hidden, narrow, init, key, bias=bias)
        self.value = Linear(f"{name}.v_proj", s.hidden, narrow, init, key, bias=bias)
        self.output = Linear(f"{name}.o_proj", wide, s.hidden, init, key, bias=s.output_bias)
        norms = s.query_key_norms
        self.query_norm = RMSNorm(f"{name}.q_norm", s.head_size, s.epsilon, key, s.norm_offset) if norms else None
        self.key_norm = RMSNorm(f"{name}.k_norm", s.head_size, s.epsilon, key, s.norm_offset) if norms else None

    def __call__(
        self,
        x_BSH: jax.Array,
        visible: Visibility,
        rotary: Rotary,
        start: Any,
        cache: LayerCache | None,
        dropout_key: jax.Array | None,
    ) -> tuple[jax.Array, LayerCache | None]:
        """``[B, S, H]`` in the dtype of the products to float32 ``[B, S, H]``, and the cache with the new keys and
        values from slot ``start`` on (None without a cache: the S tokens see one another only).
        """
        split = (*x_BSH.shape[:2], -1, self.head_size)
        query_BSND, key_BSKD, value_BTKD = (
            projected.reshape(split) for projected in together(x_BSH, self.query, self.key, self.value)
        )
        if self.query_norm is not None and self.key_norm is not None:
            query_BSND, key_BSKD = self.query_norm(query_BSND), self.key_norm(key_BSKD)
        query_BSND, key_BTKD = rotate(query_BSND, rotary), rotate(key_BSKD, rotary)
        if cache is not None:
            cache, held = cache.write(key_BTKD, value_BTKD, start)
            key_BTKD, value_BTKD = held["keys"].astype(x_BSH.dtype), held["values"].astype(x_BSH.dtype)
        attended_BSND = dot_product_attention(
            query_BSND,
            key_BTKD,
            value_BTKD,
            visible,
            dropout_rate=self.rate,
            dropout_key=dropout_key,
            scale=self.scale,
            softcap=self.softcap,
        )
        return self.output(attended_BSND.reshape((*x_BSH.shape[:2], -1)), output=jnp.float32), cache


class GatedFeedForward(nnx.Module):
    """``down(activation(gate(x)) * up(x))`` (Shazeer 2020). Names hold ``{}`` for the layer."""

    def __init__(self, name: str, s: DecoderSettings, key: jax.Array) -> None:
        init, bias = normal(s.deviation), s.feed_forward_bias
        self.activation = s.activation
        self.gate = Linear(f"{name}.gate_proj", s.hidden, s.intermediate, init, key, bias=bias)
        self.up = Linear(f"{name}.up_proj", s.hidden, s.intermediate, init, key, bias=bias)
        self.down = Linear(f"{name}.down_proj", s.intermediate, s.hidden, init, key, bias=bias)

    def __call__(self, x_BSH: jax.Array) -> jax.Array:
        """``[B, S, H]`` in the dtype of the products to float32 ``[B, S, H]``."""
        gate_BSI, up_BSI = together(x_BSH, self.gate, self.up)
        return self.down(ACTIVATIONS[self.activation](gate_BSI) * up_BSI, output=jnp.float32)


class DecoderBlock(nnx.Module):
    """Norm, attention, residual; norm, feed-forward layer, residual. Sandwiched, what is added is normed too (Gemma
    2). Names hold ``{}`` for the layer.
    """

    def __init__(self, prefix: str, s: DecoderSettings, key: jax.Array) -> None:
        name = f"{prefix}layers.{{}}"

        def norm(leaf: str) -> RMSNorm:
            return RMSNorm(f"{name}.{leaf}", s.hidden, s.epsilon, key, s.norm_offset)

        self.attention_norm = norm("input_layernorm")
        self.attention = SelfAttention(f"{name}.self_attn", s, key)
        self.attended_norm = norm("post_attention_layernorm") if s.sandwich_norms else None
        self.feed_forward_norm = norm("pre_feedforward_layernorm" if s.sandwich_norms else "post_attention_layernorm")
        self.feed_forward = GatedFeedForward(f"{name}.mlp", s, key)
        self.fed_norm = norm("post_feedforward_layernorm") if s.sandwich_norms else None

    def __call__(
        self,
        hidden_BSH: jax.Array,
        visible: Visibility,
        rotary: Rotary,
        start: Any,
        dtype: Any,
        *,
        dropout_key: jax.Array | None = None,
        cache: LayerCache | None = None,
        variant: jax.Array | None = None,
    ) -> Any:
        """float32 ``[B, S, H] -> [B, S, H]``, with a cache also the new cache.

        The residual stream and the norms stay in float32, the products are of ``dtype``. With ``variant``, this
        number picks among the windows of ``visible`` and the tables of ``rotary``, stacked along a first axis.
        """
        if variant is not None:
            visible, rotary = visible.for_layer(variant), (rotary[0][variant], rotary[1][variant])
        normed_BSH = self.attention_norm(hidden_BSH).astype(dtype)
        mixed_BSH, new_cache = self.attention(normed_BSH, visible, rotary, start, cache, dropout_key)
        hidden_BSH = hidden_BSH + (mixed_BSH if self.attended_norm is None else self.attended_norm(mixed_BSH))
        mixed_BSH = self.feed_forward(self.feed_forward_norm(hidden_BSH).astype(dtype))
        hidden_BSH = hidden_BSH + (mixed_BSH if self.fed_norm is None else self.fed_norm(mixed_BSH))
        return hidden_BSH if cache is None else (hidden_BSH, new_cache)


class Decoder(CausalModel):
    """Word vectors, blocks, a last norm, and perhaps a head."""

    def __init__(
        self,
        prefix: str,
        s: DecoderSettings,
        key: jax.Array,
        *,
        head: Callable[[DecoderSettings, jax.Array], DecoderHead] | None,
    ) -> None:
        super().__init__(
            Embedding(f"{prefix}embed_tokens", s.vocabulary, s.hidden, normal(s.deviation), key),
            None if head is None else head(s, key),
            pad_id=s.pad_id,
            word_scale=s.embedding_scale,
            max_positions=UNLIMITED,
        )
        self.settings = s
        self.blocks = Stack(
            lambda block_key: DecoderBlock(prefix, s, block_key),
            s.layers,
            key,
            variants=s.kind_of_layer if len(s.kinds) > 1 else None,
        )
        self.norm = RMSNorm(f"{prefix}norm", s.hidden, s.epsilon, key, s.norm_offset)

    def __call__(
        self,
        input_ids: jax.Array,
        *,
        attention_mask: jax.Array | None = None,
        positions: jax.Array | None = None,
        segment_ids: jax.Array | None = None,
        dropout_key: jax.Array | None = None,
        output_hidden_states: bool = False,
        masked_positions: jax.Array | None = None,
    ) -> ModelOutput:
        """Runs the model.

        Args:
          input_ids: int ``[B, S]``.
          attention_mask: int ``[B, S]``, 0 for padding; None: nothing is padding.
          positions: int ``[B, S]``, of the rotary embedding; None: 0, 1, ...
          segment_ids: int ``[B, S]``, the document each token belongs to, 0 for padding: a token sees its own document
            only. None: one document a row.
          dropout_key: a JAX key, None for no dropout.
          output_hidden_states: whether to return each layer's output.
          masked_positions: int ``[B, M]``: where the language model's logits are wanted; None for everywhere.
        """
        keys = [None] * 2 if dropout_key is None else list(jax.random.split(dropout_key))
        slots_1S = jnp.arange(input_ids.shape[1], dtype=jnp.int32)[None]
        mask_BS = visible(attention_mask, segment_ids)
        length = input_ids.shape[1]
        visible_keys = Visibility.of(
            length,
            length,
            key_mask_BT=mask_BS,
            segments_BS=segment_ids,
            causal=True,
            windows=self._windows,
            path=self.attention_path,
        )
        embedded_BSH = self.embed(input_ids)
        rotary = self._rotary(slots_1S if positions is None else positions)
        dtype = jnp.dtype(self.compute_dtype)
        last_BSH, between = self.blocks(
            embedded_BSH, visible_keys, rotary, 0, dtype, dropout_key=keys[0], output_hidden_states=output_hidden_states
        )
        last_BSH = self.norm(last_BSH)
        states = (embedded_BSH, *between[:-1], last_BSH) if output_hidden_states else None
        return self.finish(last_BSH, states, input_ids, mask_BS, masked_positions, keys[1])

    def empty_cache(self, batch: int, length: int, dtype: Any) -> Cache:
        """A cache for ``batch`` rows of up to ``length`` tokens, layers first."""
        s = self.settings
        return empty_cache(s.layers, batch, length, s.key_heads, s.head_size, dtype)

    def decode(
        self, input_ids_BS: jax.Array, cache: Cache, *, start: Any, key_mask_BT: jax.Array, positions_BS: jax.Array
    ) -> tuple[jax.Array, Cache]:
        """Goes on from what the cache holds.

        Args:
          input_ids_BS: int, the new tokens.
          cache: of :meth:`empty_cache`, or as returned by the last call.
          start: int32 scalar, the slot of the first new token.
          key_mask_BT: int, 0 for slots that nobody may look at (padding); later slots than a token's own are closed to
            it anyway.
          positions_BS: int, of the new tokens, for the rotary embedding.

        Returns:
          float32 logits ``[B, S, V]`` of the language model, and the new cache.
        """
        dtype = jnp.dtype(self.compute_dtype)
        visible_keys = Visibility.cached(start, input_ids_BS.shape[1], key_mask_BT, self._windows)
        rotary = self._rotary(positions_BS)
        hidden_BSH, cache = self.blocks.cached(self.embed(input_ids_BS), cache, visible_keys, rotary, start, dtype)
        return self.token_logits(self.norm(hidden_BSH)), cache

    @property
    def _windows(self) -> tuple[int | None, ...]:
        return tuple(kind.window for kind in self.settings.kinds)

    def _rotary(self, positions_BS: jax.Array) -> Rotary:
        """The rotary tables of the layers; stacked where layers differ."""
        made = [rotary_tables(positions_BS, np.asarray(kind.frequencies, np.float32)) for kind in self.settings.kinds]
        return made[0] if len(made) == 1 else jax.tree.map(lambda *tables: jnp.stack(tables), *made)


# Rows of the word table and the outputs of the wide products over "tensor", the other dimension over "fsdp".
SHARDING_RULES: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    (r".*embed_tokens\.weight", ("tensor", "fsdp")),
    (r".*self_attn\.[qkv]_proj\.weight", ("tensor", "fsdp")),
    (r".*self_attn\.[qkv]_proj\.bias", ("tensor",)),
    (r".*self_attn\.o_proj\.weight", ("fsdp", "tensor")),
    (r".*mlp\.(gate|up)_proj\.weight", ("tensor", "fsdp")),
    (r".*mlp\.(gate|up)_proj\.bias", ("tensor",)),
    (r".*mlp\.down_proj\.weight", ("fsdp", "tensor")),
    (r"lm_head\.weight", ("tensor", "fsdp")),
    (r"score\.weight", (None, "fsdp")),
)
