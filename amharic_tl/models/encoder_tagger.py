"""The encoder of an encoder-decoder with a tag for every token; it has no decoder."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx

from amharic_tl.models.layers import Embedding, Linear, dropout
from amharic_tl.models.output import ModelOutput
from amharic_tl.models.positions import refuse_longer
from amharic_tl.models.tower import Tower


class EncoderTagger(nnx.Module):
    """An encoder and one linear layer over every token.

    Args:
      words: the word table.
      encoder: sees its whole input.
      classifier: scores of the tags.
      rate: of the dropout before it.
      max_positions: the longest input.
      encoder_words: another table for the encoder.
    """

    def __init__(
        self,
        words: Embedding,
        encoder: Tower,
        classifier: Linear,
        *,
        rate: float,
        max_positions: int,
        encoder_words: Embedding | None = None,
    ) -> None:
        self.words, self.encoder_words, self.encoder, self.classifier = words, encoder_words, encoder, classifier
        self.rate, self.max_positions = rate, max_positions
        self.compute_dtype = "float32"
        self.attention_path = "auto"

    def __call__(
        self,
        input_ids: jax.Array,
        *,
        attention_mask: jax.Array | None = None,
        dropout_key: jax.Array | None = None,
        output_hidden_states: bool = False,
    ) -> ModelOutput:
        """Runs the model; ``logits`` are float32 ``[B, S, C]``.

        Args:
          input_ids: int ``[B, S]``.
          attention_mask: int ``[B, S]``, 0 for padding; None: nothing is padding.
          dropout_key: a JAX key, None for no dropout.
          output_hidden_states: whether to return each layer's output.

        Raises:
          BadInputError: the input is longer than the position table.
        """
        refuse_longer("input_ids", input_ids.shape[1], self.max_positions)
        keys = [None, None] if dropout_key is None else list(jax.random.split(dropout_key))
        dtype = jnp.dtype(self.compute_dtype)
        words = self.words if self.encoder_words is None else self.encoder_words
        hidden_BSH, states = self.encoder(
            words(input_ids).astype(jnp.float32),
            input_ids,
            attention_mask,
            dtype,
            dropout_key=keys[0],
            output_hidden_states=output_hidden_states,
            attention_path=self.attention_path,
        )
        output = self._finish(hidden_BSH, keys[1])
        output.hidden_states = states
        return output

    def from_hidden(
        self, last_hidden_state: jax.Array, input_ids: jax.Array, attention_mask: jax.Array | None = None
    ) -> ModelOutput:
        """The output of a call without dropout, from the last hidden state ``[B, S, H]`` that it would come to."""
        del input_ids, attention_mask
        return self._finish(last_hidden_state, None)

    def _finish(self, hidden_BSH: jax.Array, key: jax.Array | None) -> ModelOutput:
        dropped_BSH = dropout(hidden_BSH, self.rate, key).astype(jnp.dtype(self.compute_dtype))
        logits_BSC = self.classifier(dropped_BSH, output=jnp.float32)
        return ModelOutput(last_hidden_state=hidden_BSH, logits=logits_BSC)
