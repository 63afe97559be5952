"""A tower alone as a causal decoder with absolute positions: GPT-2 and XGLM."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from amharic_tl.models.cache import Cache
from amharic_tl.models.causal_model import CausalModel, visible
from amharic_tl.models.decoder_heads import DecoderHead
from amharic_tl.models.layers import Embedding
from amharic_tl.models.output import ModelOutput
from amharic_tl.models.positions import refuse_longer
from amharic_tl.models.tower import Tower


class DecoderTower(CausalModel):
    """Word vectors, a causal tower, and perhaps a head.

    Args:
      words: the word table.
      tower: causal, without a source.
      pad_id: of padding, which classifiers leave out; None: only the mask says what is padding.
      max_positions: the longest input.
      word_scale: of the embedded words.
      head: None for the backbone.
    """

    def __init__(
        self,
        words: Embedding,
        tower: Tower,
        *,
        pad_id: int | None,
        max_positions: int,
        word_scale: float = 1.0,
        head: DecoderHead | None,
    ) -> None:
        super().__init__(words, head, pad_id=pad_id, word_scale=word_scale, max_positions=max_positions)
        self.tower = tower

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
          positions: int ``[B, S]``, counted from 0; None: 0, 1, ... of each document. As in Hugging Face's classes,
            padding on the left counts too, unless positions say otherwise.
          segment_ids: int ``[B, S]``, the document each token belongs to, 0 for padding: a token sees its own document
            only. None: one document a row.
          dropout_key: a JAX key, None for no dropout.
          output_hidden_states: whether to return each layer's output.
          masked_positions: int ``[B, M]``: where the language model's logits are wanted; None for everywhere.

        Raises:
          BadInputError: the input is longer than the position table.
        """
        refuse_longer("input_ids", input_ids.shape[1], self.max_positions)
        keys = [None] * 2 if dropout_key is None else list(jax.random.split(dropout_key))
        dtype = jnp.dtype(self.compute_dtype)
        mask_BS = visible(attention_mask, segment_ids)
        if segment_ids is not None and positions is None:
            positions = places_in_segments(segment_ids)
        last_BSH, states = self.tower(
            self.embed(input_ids),
            input_ids,
            mask_BS,
            dtype,
            positions_BS=positions,
            segment_ids_BS=segment_ids,
            dropout_key=keys[0],
            output_hidden_states=output_hidden_states,
            attention_path=self.attention_path,
        )
        return self.finish(last_BSH, states, input_ids, mask_BS, masked_positions, keys[1])

    def empty_cache(self, batch: int, length: int, dtype: Any) -> Cache:
        """A cache for ``batch`` rows of up to ``length`` tokens, layers first."""
        return self.tower.empty_cache(batch, length, dtype)

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
          positions_BS: int, of the new tokens, counted from 0.

        Returns:
          float32 logits ``[B, S, V]`` of the language model, and the new cache.
        """
        dtype = jnp.dtype(self.compute_dtype)
        hidden_BSH, cache = self.tower.cached(
            self.embed(input_ids_BS),
            input_ids_BS,
            cache,
            dtype,
            start=start,
            key_mask_BT=key_mask_BT,
            positions_BS=positions_BS,
        )
        return self.token_logits(hidden_BSH), cache


def places_in_segments(segment_ids_BS: jax.Array) -> jax.Array:
    """int32 ``[B, S]``: how many tokens of the same run of equal ids stand before each token."""
    places_1S = jnp.arange(segment_ids_BS.shape[1], dtype=jnp.int32)[None]
    begins_BS = jnp.diff(segment_ids_BS, axis=1, prepend=segment_ids_BS[:, :1]) != 0
    return places_1S - jax.lax.cummax(jnp.where(begins_BS, places_1S, 0), axis=1)
