"""A tower: embedded words and their positions, pre-norm blocks, a last norm. An encoder, a decoder, or all of GPT-2."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from amharic_tl.models.attention import Visibility
from amharic_tl.models.cache import Cache, empty_cache
from amharic_tl.models.layers import Embedding, dropout
from amharic_tl.models.positions import LearnedPositions, RelativeBuckets, SinusoidalPositions
from amharic_tl.models.pre_norm import Norm, Sight, relative_bias
from amharic_tl.models.stack import Stack


class Tower(nnx.Module):
    """Blocks with what comes before and after them.

    Args:
      blocks: of :class:`~amharic_tl.models.pre_norm.PreNormBlock`.
      norm: after the last block.
      heads: of a block, and the size of each.
      causal: whether a token sees what came before only.
      positions: what is added to the embedded words; None: nothing is.
      embedding_norm: after that sum; None: none.
      buckets: of relative distances, added to the scores by ``relative``, or by each block's own table where that is
        None.
      relative: the table ``[buckets, N]`` that all blocks share.
      embedding_dropout: of the embedded words.
      last_dropout: of what the last norm gives.
    """

    def __init__(
        self,
        blocks: Stack,
        norm: Norm,
        *,
        heads: tuple[int, int],
        causal: bool,
        positions: LearnedPositions | SinusoidalPositions | None = None,
        embedding_norm: Norm | None = None,
        buckets: RelativeBuckets | None = None,
        relative: Embedding | None = None,
        embedding_dropout: float,
        last_dropout: float = 0.0,
    ) -> None:
        self.blocks, self.norm, self.heads, self.causal = blocks, norm, heads, causal
        self.positions, self.embedding_norm = positions, embedding_norm
        self.buckets, self.relative = buckets, relative
        self.embedding_dropout, self.last_dropout = embedding_dropout, last_dropout

    def __call__(
        self,
        words_BSH: jax.Array,
        input_ids_BS: jax.Array,
        mask_BS: jax.Array | None,
        dtype: Any,
        *,
        positions_BS: jax.Array | None = None,
        segment_ids_BS: jax.Array | None = None,
        source_BEH: jax.Array | None = None,
        source_mask_BE: jax.Array | None = None,
        dropout_key: jax.Array | None = None,
        output_hidden_states: bool = False,
        attention_path: str = "auto",
    ) -> tuple[jax.Array, tuple[jax.Array, ...] | None]:
        """Runs whole sequences.

        Args:
          words_BSH: float32, the embedded ids.
          input_ids_BS: int, the ids themselves.
          mask_BS: int, 0 for padding; None: nothing is padding.
          dtype: of the products.
          positions_BS: int, counted from 0; None: the family's own way of counting.
          segment_ids_BS: int, the document of each token, 0 for padding; None: one document a row.
          source_BEH: the encoder's output, for decoders that have one.
          source_mask_BE: int, 0 for padding of the source; None: nothing is padding.
          dropout_key: None for no dropout.
          output_hidden_states: whether to return each layer's output.
          attention_path: which implementation of attention is asked for.

        Returns:
          float32 ``[B, S, H]`` after the last norm, and the hidden states as ``ModelOutput`` has them, or None.
        """
        keys = [None] * 3 if dropout_key is None else list(jax.random.split(dropout_key, 3))
        places_S = jnp.arange(input_ids_BS.shape[1], dtype=jnp.int32)
        length = len(places_S)
        visible = Visibility.of(
            length, length, key_mask_BT=mask_BS, segments_BS=segment_ids_BS, causal=self.causal, path=attention_path
        )
        source_visible = None
        if source_BEH is not None:
            source_visible = Visibility.of(length, source_BEH.shape[1], key_mask_BT=source_mask_BE, path=attention_path)
        sight = self._sight(visible, places_S, places_S, source_visible, source_BEH)
        embedded_BSH = self._embed(words_BSH, input_ids_BS, positions_BS, keys[0])
        last_BSH, between = self.blocks(
            embedded_BSH, sight, dtype, dropout_key=keys[1], output_hidden_states=output_hidden_states
        )
        last_BSH = dropout(self.norm(last_BSH), self.last_dropout, keys[2])
        return last_BSH, (embedded_BSH, *between[:-1], last_BSH) if output_hidden_states else None

    def empty_cache(self, batch: int, length: int, dtype: Any) -> Cache:
        """A cache for ``batch`` rows of up to ``length`` tokens, layers first."""
        return empty_cache(self.blocks.layers, batch, length, *self.heads, dtype)

    def cross_cache(self, source_BEH: jax.Array, dtype: Any) -> Cache:
        """Every block's ``keys`` and ``values`` of the encoder's output, ``[L, B, E, N, D]``."""
        narrow_BEH = source_BEH.astype(dtype)
        return self.blocks.each(lambda block: block.cross.keys_values(narrow_BEH))

    def cached(
        self,
        words_BSH: jax.Array,
        input_ids_BS: jax.Array,
        cache: Cache,
        dtype: Any,
        *,
        start: Any,
        key_mask_BT: jax.Array,
        positions_BS: jax.Array,
        cross: Cache | None = None,
        source_mask_BE: jax.Array | None = None,
    ) -> tuple[jax.Array, Cache]:
        """Goes on from what the cache holds; the arguments of a model's ``decode``, with the embedded ids."""
        slots_S = start + jnp.arange(input_ids_BS.shape[1], dtype=jnp.int32)
        slots_T = jnp.arange(key_mask_BT.shape[1], dtype=jnp.int32)
        visible = Visibility.cached(start, len(slots_S), key_mask_BT)
        source_visible = None
        if cross is not None:
            source = Visibility.of(len(slots_S), cross["keys"].shape[2], key_mask_BT=source_mask_BE)
            source_visible = dataclasses.replace(source, whole=False)
        start = jnp.asarray(start, jnp.int32)
        sight = self._sight(visible, slots_S, slots_T, source_visible, start=start)
        embedded_BSH = self._embed(words_BSH, input_ids_BS, positions_BS, None)
        last_BSH, cache = self.blocks.cached(embedded_BSH, cache, sight, dtype, fixed=cross)
        return self.norm(last_BSH), cache

    def _embed(
        self, words_BSH: jax.Array, input_ids_BS: jax.Array, positions_BS: jax.Array | None, key: jax.Array | None
    ) -> jax.Array:
        if self.positions is not None:
            words_BSH = words_BSH + self.positions(input_ids_BS, positions_BS)
        if self.embedding_norm is not None:
            words_BSH = self.embedding_norm(words_BSH)
        return dropout(words_BSH, self.embedding_dropout, key)

    def _sight(
        self,
        visible: Visibility,
        query_places_S: jax.Array,
        key_places_T: jax.Array,
        source_visible: Visibility | None,
        source_BEH: jax.Array | None = None,
        start: jax.Array | None = None,
    ) -> Sight:
        relative = buckets = None
        if self.buckets is not None:
            buckets = self.buckets(query_places_S, key_places_T)
            if self.relative is not None:
                relative = relative_bias(self.relative.weight[...], buckets)
        return Sight(visible, relative, buckets, source_BEH, source_visible, start)
