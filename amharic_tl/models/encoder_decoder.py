"""Encoder-decoders: two towers over one word table, with the head of a task (Vaswani et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from amharic_tl.errors import BadInputError
from amharic_tl.models.cache import Cache
from amharic_tl.models.config_values import has_own_table
from amharic_tl.models.layers import Buffer, Embedding, Initializer, Linear, dropout
from amharic_tl.models.output import ModelOutput
from amharic_tl.models.positions import refuse_longer
from amharic_tl.models.tower import Tower


@dataclass(frozen=True)
class SpecialIds:
    """Ids with a meaning of their own.

    Attributes:
      pad: padding.
      end: of a sequence; None where the config names none.
      start: the decoder's first; None: a sequence's last token that is no padding, its language, goes first (mBART).
    """

    pad: int
    end: int | None
    start: int | None


def own_words(config: Mapping[str, Any], side: str, make: Callable[[str], Embedding]) -> Embedding | None:
    """The word table that a checkpoint holds for one tower alone; None, as usual, where the towers share one.

    Args:
      config: with what the weights showed.
      side: ``encoder`` or ``decoder``.
      make: makes a table from its name without the backbone's prefix.
    """
    name = f"{side}.embed_tokens"
    return make(name) if has_own_table(config, f"{name}.weight") else None


def shift_right(labels_BS: jax.Array, pad_id: int, start_id: int | None) -> jax.Array:
    """The decoder's input for some labels: one place to the right, ``start_id`` first.

    Args:
      labels_BS: int, negative where there is no label: those become padding.
      pad_id: of padding.
      start_id: None: the last token of each row that is no padding (mBART's language code).

    Returns:
      int ``[B, S]``.
    """
    labels_BS = jnp.where(labels_BS < 0, pad_id, labels_BS)
    if start_id is None:
        last_B1 = jnp.maximum(jnp.sum(labels_BS != pad_id, axis=1, keepdims=True) - 1, 0)
        first_B1 = jnp.take_along_axis(labels_BS, last_B1, axis=1)
    else:
        first_B1 = jnp.full((labels_BS.shape[0], 1), start_id, labels_BS.dtype)
    return jnp.concatenate([first_B1, labels_BS[:, :-1]], axis=1)


class Seq2SeqHead(nnx.Module):
    """The word table, or a table of its own; T5 scales what goes in, mBART adds a saved bias to what comes out."""

    def __init__(self, output: Linear | None, scale: float = 1.0, bias: Buffer | None = None) -> None:
        self.output, self.scale, self.bias = output, scale, bias

    def __call__(self, hidden_BSH: jax.Array, words: Embedding, dtype: Any) -> jax.Array:
        """float32 ``[B, S, V]``."""
        narrow_BSH = (hidden_BSH * self.scale).astype(dtype)
        scores_BSV = words.attend(narrow_BSH) if self.output is None else self.output(narrow_BSH)
        scores_BSV = scores_BSV.astype(jnp.float32)
        if self.bias is not None:
            scores_BSV = scores_BSV + jax.lax.stop_gradient(self.bias[...].astype(jnp.float32))
        return scores_BSV


class EndTokenClassifier(nnx.Module):
    """Two layers over the decoder's output at each row's last end token (Lewis et al. 2020, section 3.1)."""

    def __init__(self, name: str, hidden: int, labels: int, init: Initializer, rate: float, key: jax.Array) -> None:
        self.dense = Linear(f"{name}.dense", hidden, hidden, init, key)
        self.out = Linear(f"{name}.out_proj", hidden, labels, init, key)
        self.rate = rate

    def __call__(self, hidden_BSH: jax.Array, ends_BS: Any, key: jax.Array | None) -> jax.Array:
        """``[B, C]``. ``ends_BS`` is true where an end token stands; a row without one gives its first place."""
        last_B = (jnp.arange(ends_BS.shape[1]) * ends_BS).argmax(axis=1)
        last_BH = jnp.take_along_axis(hidden_BSH, last_B[:, None, None], axis=1)[:, 0]
        keys = [None, None] if key is None else list(jax.random.split(key))
        return self.out(dropout(jnp.tanh(self.dense(dropout(last_BH, self.rate, keys[0]))), self.rate, keys[1]))


class EncoderDecoder(nnx.Module):
    """An encoder, a decoder that reads it, and perhaps a head.

    Args:
      words: the table of both towers, and of a tied head.
      encoder: sees its whole input.
      decoder: causal, with cross-attention.
      ids: special ids.
      max_positions: the longest input of either tower.
      word_scale: of the embedded words.
      head: None for the backbone.
      encoder_words: another table for the encoder.
      decoder_words: another table for the decoder.
    """

    def __init__(
        self,
        words: Embedding,
        encoder: Tower,
        decoder: Tower,
        *,
        ids: SpecialIds,
        max_positions: int,
        word_scale: float = 1.0,
        head: Seq2SeqHead | EndTokenClassifier | None = None,
        encoder_words: Embedding | None = None,
        decoder_words: Embedding | None = None,
    ) -> None:
        self.encoder_words, self.decoder_words = encoder_words, decoder_words
        self.words, self.encoder, self.decoder, self.head = words, encoder, decoder, head
        self.ids, self.word_scale = ids, word_scale
        self.compute_dtype = "float32"
        self.attention_path = "auto"
        self.max_positions = max_positions

    def __call__(
        self,
        input_ids: jax.Array,
        *,
        attention_mask: jax.Array | None = None,
        decoder_input_ids: jax.Array | None = None,
        decoder_attention_mask: jax.Array | None = None,
        dropout_key: jax.Array | None = None,
        output_hidden_states: bool = False,
    ) -> ModelOutput:
        """Runs the model.

        Args:
          input_ids: int ``[B, E]``.
          attention_mask: int ``[B, E]``, 0 for padding; None: nothing is padding.
          decoder_input_ids: int ``[B, S]`` (:meth:`decoder_inputs`). Only a sequence classifier does without: it reads
            its input once more.
          decoder_attention_mask: int ``[B, S]``; None: nothing is padding.
          dropout_key: a JAX key, None for no dropout.
          output_hidden_states: whether to return each layer's output, of both towers.

        Raises:
          BadInputError: an input is longer than the position table, or ``decoder_input_ids`` are not given.
        """
        classifier = isinstance(self.head, EndTokenClassifier)
        if decoder_input_ids is None:
            if not classifier:
                raise BadInputError("decoder_input_ids: expected the ids of the output so far, found None")
            decoder_input_ids = self.decoder_inputs(input_ids)
        refuse_longer("input_ids", input_ids.shape[1], self.max_positions)
        refuse_longer("decoder_input_ids", decoder_input_ids.shape[1], self.max_positions)
        keys = [None] * 3 if dropout_key is None else list(jax.random.split(dropout_key, 3))
        dtype = jnp.dtype(self.compute_dtype)
        encoded_BEH, encoder_states = self.encoder(
            self._embed(input_ids, self.encoder_words),
            input_ids,
            attention_mask,
            dtype,
            dropout_key=keys[0],
            output_hidden_states=output_hidden_states,
            attention_path=self.attention_path,
        )
        last_BSH, states = self.decoder(
            self._embed(decoder_input_ids, self.decoder_words),
            decoder_input_ids,
            decoder_attention_mask,
            dtype,
            source_BEH=encoded_BEH,
            source_mask_BE=attention_mask,
            dropout_key=keys[1],
            output_hidden_states=output_hidden_states,
            attention_path=self.attention_path,
        )
        output = ModelOutput(
            last_hidden_state=last_BSH,
            hidden_states=states,
            encoder_last_hidden_state=encoded_BEH,
            encoder_hidden_states=encoder_states,
        )
        if isinstance(self.head, EndTokenClassifier):
            output.logits = self.head(last_BSH, input_ids == self.ids.end, keys[2])
        elif self.head is not None:
            output.logits = self.head(last_BSH, self.words, dtype)
        return output

    def from_hidden(
        self, last_hidden_state: jax.Array, input_ids: jax.Array, attention_mask: jax.Array | None = None
    ) -> ModelOutput:
        """A classifier's output without dropout, from the decoder's last hidden state ``[B, S, H]`` that a call would
        come to.
        """
        del attention_mask
        assert isinstance(self.head, EndTokenClassifier)
        logits = self.head(last_hidden_state, input_ids == self.ids.end, None)
        return ModelOutput(last_hidden_state=last_hidden_state, logits=logits)

    def decoder_inputs(self, labels: jax.Array) -> jax.Array:
        """int ``[B, S]``: what the decoder reads to predict ``labels`` (negative where there is none)."""
        return shift_right(labels, self.ids.pad, self.ids.start)

    def encode(self, input_ids: jax.Array, attention_mask: jax.Array | None = None) -> jax.Array:
        """The encoder's output, float32 ``[B, E, H]``; arguments as of a call."""
        refuse_longer("input_ids", input_ids.shape[1], self.max_positions)
        dtype = jnp.dtype(self.compute_dtype)
        words_BEH = self._embed(input_ids, self.encoder_words)
        return self.encoder(words_BEH, input_ids, attention_mask, dtype, attention_path=self.attention_path)[0]

    def cross_cache(self, encoder_hidden_BEH: jax.Array) -> Cache:
        """What the decoder keeps of the encoder's output while it decodes, layers first."""
        return self.decoder.cross_cache(encoder_hidden_BEH, jnp.dtype(self.compute_dtype))

    def token_logits(self, hidden_BSH: jax.Array) -> jax.Array:
        """The language model's float32 logits ``[B, S, V]`` of last hidden states, or of a stretch of them."""
        assert isinstance(self.head, Seq2SeqHead)
        return self.head(hidden_BSH, self.words, jnp.dtype(self.compute_dtype))

    def empty_cache(self, batch: int, length: int, dtype: Any) -> Cache:
        """The decoder's cache for ``batch`` rows of up to ``length`` tokens, layers first."""
        return self.decoder.empty_cache(batch, length, dtype)

    def decode(
        self,
        input_ids_BS: jax.Array,
        cache: Cache,
        *,
        start: Any,
        key_mask_BT: jax.Array,
        positions_BS: jax.Array,
        cross: Cache,
        encoder_mask_BS: jax.Array | None = None,
    ) -> tuple[jax.Array, Cache]:
        """Goes on from what the cache holds.

        Args:
          input_ids_BS: int, the decoder's new tokens.
          cache: of :meth:`empty_cache`, or as returned by the last call.
          start: int32 scalar, the slot of the first new token.
          key_mask_BT: int, 0 for slots that nobody may look at; slots later than a token's own are closed to it anyway.
          positions_BS: int, of the new tokens, counted from 0.
          cross: of :meth:`cross_cache`.
          encoder_mask_BS: int ``[B, E]``, 0 for padding of the encoder's input; None: nothing is padding.

        Returns:
          float32 logits ``[B, S, V]``, and the new cache.
        """
        dtype = jnp.dtype(self.compute_dtype)
        hidden_BSH, cache = self.decoder.cached(
            self._embed(input_ids_BS, self.decoder_words),
            input_ids_BS,
            cache,
            dtype,
            start=start,
            key_mask_BT=key_mask_BT,
            positions_BS=positions_BS,
            cross=cross,
            source_mask_BE=encoder_mask_BS,
        )
        return self.token_logits(hidden_BSH), cache

    def _embed(self, input_ids_BS: jax.Array, own: Embedding | None) -> jax.Array:
        words = self.words if own is None else own
        return words(input_ids_BS).astype(jnp.float32) * self.word_scale
