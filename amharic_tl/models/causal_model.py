"""What every decoder-only model does around its layers: words in, what may be seen, logits out."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from amharic_tl.models.decoder_heads import DecoderHead, DecoderHeadInputs
from amharic_tl.models.layers import Embedding
from amharic_tl.models.output import ModelOutput


class CausalModel(nnx.Module):
    """Word vectors and perhaps a head; a subclass has the layers.

    Args:
      words: the word table.
      head: None for the backbone.
      pad_id: of padding, which classifiers leave out; None: only the mask says what is padding.
      word_scale: of the embedded words.
      max_positions: the longest input.
    """

    def __init__(
        self, words: Embedding, head: DecoderHead | None, *, pad_id: int | None, word_scale: float, max_positions: int
    ) -> None:
        self.words, self.head = words, head
        self.pad_id, self.word_scale = pad_id, word_scale
        self.compute_dtype = "float32"
        self.attention_path = "auto"
        self.max_positions = max_positions

    def embed(self, input_ids_BS: jax.Array) -> jax.Array:
        """float32 ``[B, S, H]``."""
        return self.words(input_ids_BS).astype(jnp.float32) * self.word_scale

    def finish(
        self,
        last_BSH: jax.Array,
        states: tuple[jax.Array, ...] | None,
        input_ids_BS: jax.Array,
        mask_BS: jax.Array | None,
        masked_positions: jax.Array | None,
        dropout_key: jax.Array | None,
    ) -> ModelOutput:
        """The output of a call from its last hidden state: with the head's logits, where there is a head."""
        output = ModelOutput(last_hidden_state=last_BSH, hidden_states=states)
        if self.head is not None:
            real_BS = jnp.ones_like(input_ids_BS, bool) if mask_BS is None else mask_BS > 0
            if self.pad_id is not None:
                real_BS &= input_ids_BS != self.pad_id
            dtype = jnp.dtype(self.compute_dtype)
            output.logits = self.head(
                last_BSH, DecoderHeadInputs(self.words, real_BS, masked_positions, dtype, dropout_key)
            )
        return output

    def from_hidden(
        self, last_hidden_state: jax.Array, input_ids: jax.Array, attention_mask: jax.Array | None = None
    ) -> ModelOutput:
        """The output of a call without dropout, from the last hidden state ``[B, S, H]`` that it would come to."""
        return self.finish(last_hidden_state, None, input_ids, attention_mask, None, None)

    def token_logits(self, hidden_BSH: jax.Array) -> jax.Array:
        """The language model's float32 logits ``[B, S, V]`` of last hidden states, or of a stretch of them."""
        assert self.head is not None
        real_BS = jnp.ones(hidden_BSH.shape[:2], bool)
        inputs = DecoderHeadInputs(self.words, real_BS, None, jnp.dtype(self.compute_dtype), None)
        return self.head(hidden_BSH, inputs)


def visible(attention_mask_BS: jax.Array | None, segment_ids_BS: jax.Array | None) -> jax.Array | None:
    """``[B, S]``, above 0 for tokens that count: neither masked nor of segment 0. None: all do."""
    if segment_ids_BS is None:
        return attention_mask_BS
    in_a_document_BS = segment_ids_BS > 0
    return in_a_document_BS if attention_mask_BS is None else in_a_document_BS & (attention_mask_BS > 0)
