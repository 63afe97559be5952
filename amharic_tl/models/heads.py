"""Heads of BERT-like encoders: what turns hidden states into the logits of a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from amharic_tl.models.encoder_settings import EncoderSettings
from amharic_tl.models.layers import ACTIVATIONS, Embedding, LayerNorm, Linear, dropout, normal, parameter, zeros
from amharic_tl.models.output import ModelOutput


@dataclass(frozen=True)
class HeadInputs:
    """What a head may need beside the backbone's output.

    Attributes:
      words: the word table, for a tied decoder.
      positions: int ``[B, M]``, where logits are wanted; None for everywhere.
      dtype: of wide products. What is small (a row a text) stays in float32.
      key: of dropout, None for none.
      mask: int ``[B, S]``, 0 for padding.
    """

    words: Embedding
    positions: jax.Array | None
    dtype: Any
    key: jax.Array | None
    mask: jax.Array


class Pooler(nnx.Module):
    """A dense layer and tanh over the first token."""

    def __init__(self, prefix: str, s: EncoderSettings, key: jax.Array) -> None:
        self.dense = Linear(f"{prefix}pooler.dense", s.hidden, s.hidden, normal(s.deviation), key)

    def __call__(self, hidden_BSH: jax.Array) -> jax.Array:
        """``[B, S, H] -> [B, H]``."""
        return jnp.tanh(self.dense(hidden_BSH[:, 0]))


class PooledClassifier(nnx.Module):
    """BERT's classification head: the pooled output, dropout and one linear layer."""

    needs_pooler = True

    def __init__(self, s: EncoderSettings, key: jax.Array) -> None:
        self.classifier = Linear("classifier", s.hidden, s.labels, normal(s.deviation), key)
        self.rate = s.classifier_dropout

    def __call__(self, output: ModelOutput, inputs: HeadInputs) -> jax.Array:
        """``[B, C]``."""
        assert output.pooler_output is not None
        return self.classifier(dropout(output.pooler_output, self.rate, inputs.key))


class FirstTokenClassifier(nnx.Module):
    """Two layers over the first token, with dropout before each."""

    needs_pooler = False

    def __init__(
        self,
        s: EncoderSettings,
        key: jax.Array,
        *,
        dense: str = "classifier.dense",
        out: str = "classifier.out_proj",
        activation: str = "tanh",
        first_dropout: float | None = None,
    ) -> None:
        init = normal(s.deviation)
        self.dense = Linear(dense, s.hidden, s.hidden, init, key)
        self.out = Linear(out, s.hidden, s.labels, init, key)
        self.activation = activation
        self.rates = (s.classifier_dropout if first_dropout is None else first_dropout, s.classifier_dropout)

    def __call__(self, output: ModelOutput, inputs: HeadInputs) -> jax.Array:
        """``[B, C]``."""
        assert output.last_hidden_state is not None
        keys = [None, None] if inputs.key is None else list(jax.random.split(inputs.key))
        first_BH = dropout(output.last_hidden_state[:, 0], self.rates[0], keys[0])
        between_BH = ACTIVATIONS[self.activation](self.dense(first_BH))
        return self.out(dropout(between_BH, self.rates[1], keys[1]))


class TokenClassifier(nnx.Module):
    """Dropout and one linear layer over every token."""

    needs_pooler = False

    def __init__(self, s: EncoderSettings, key: jax.Array) -> None:
        self.classifier = Linear("classifier", s.hidden, s.labels, normal(s.deviation), key)
        self.rate = s.classifier_dropout

    def __call__(self, output: ModelOutput, inputs: HeadInputs) -> jax.Array:
        """``[B, S, C]``, float32."""
        hidden_BSH = output.last_hidden_state
        assert hidden_BSH is not None
        return self.classifier(dropout(hidden_BSH, self.rate, inputs.key).astype(inputs.dtype), output=jnp.float32)


class MaskedLMHead(nnx.Module):
    """Dense, activation, norm, then the word table (or a table of its own) and a bias."""

    needs_pooler = False

    def __init__(
        self, dense: str, norm: str, decoder: str, bias: str, activation: str, s: EncoderSettings, key: jax.Array
    ) -> None:
        init = normal(s.deviation)
        self.dense = Linear(dense, s.hidden, s.embedding, init, key)
        self.norm = LayerNorm(norm, s.embedding, s.epsilon, key)
        self.bias = parameter(bias, (s.vocabulary,), zeros, key)
        self.decoder = None if s.tied else Linear(decoder, s.embedding, s.vocabulary, init, key, bias=False)
        self.activation = activation

    def __call__(self, output: ModelOutput, inputs: HeadInputs) -> jax.Array:
        """``[B, S, V]``, or ``[B, M, V]`` at the gathered positions; float32."""
        hidden = gathered(output, inputs)
        hidden = self.dense(hidden.astype(inputs.dtype), output=jnp.float32)
        hidden = self.norm(ACTIVATIONS[self.activation](hidden)).astype(inputs.dtype)
        scores = inputs.words.attend(hidden) if self.decoder is None else self.decoder(hidden)
        return scores.astype(jnp.float32) + self.bias[...].astype(jnp.float32)


def gathered(output: ModelOutput, inputs: HeadInputs) -> jax.Array:
    """The last hidden states where logits are wanted: ``[B, S, H]`` or ``[B, M, H]``."""
    hidden = output.last_hidden_state
    assert hidden is not None
    if inputs.positions is None:
        return hidden
    # Only masked positions reach the vocabulary-wide product: about a seventh of its work.
    return jnp.take_along_axis(hidden, inputs.positions[..., None], axis=1)
