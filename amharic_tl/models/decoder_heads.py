"""Heads of decoder-only models: what turns hidden states into the logits of a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from amharic_tl.models.layers import Embedding, Linear, dropout, normal


@dataclass(frozen=True)
class DecoderHeadInputs:
    """What a head may need beside the hidden states.

    Attributes:
      words: the word table, for a tied output layer.
      real_BS: bool, the tokens that are no padding.
      positions: int ``[B, M]``, where logits are wanted; None for everywhere.
      dtype: of wide products. What is small (a row a text) stays in float32.
      key: of dropout, None for none.
    """

    words: Embedding
    real_BS: jax.Array
    positions: jax.Array | None
    dtype: Any
    key: jax.Array | None


DecoderHead = Callable[[jax.Array, DecoderHeadInputs], jax.Array]


class LanguageModelHead(nnx.Module):
    """The word table, or a table of its own, perhaps with capped logits."""

    def __init__(
        self,
        hidden: int,
        vocabulary: int,
        deviation: float,
        key: jax.Array,
        *,
        tied: bool,
        softcap: float | None = None,
        name: str = "lm_head",
    ) -> None:
        self.output = None if tied else Linear(name, hidden, vocabulary, normal(deviation), key, bias=False)
        self.softcap = softcap

    def __call__(self, hidden_BSH: jax.Array, inputs: DecoderHeadInputs) -> jax.Array:
        """float32 ``[B, S, V]``, or ``[B, M, V]`` at the gathered positions."""
        if inputs.positions is not None:
            hidden_BSH = jnp.take_along_axis(hidden_BSH, inputs.positions[..., None], axis=1)
        narrow_BSH = hidden_BSH.astype(inputs.dtype)
        scores_BSV = inputs.words.attend(narrow_BSH) if self.output is None else self.output(narrow_BSH)
        scores_BSV = scores_BSV.astype(jnp.float32)
        return scores_BSV if self.softcap is None else self.softcap * jnp.tanh(scores_BSV / self.softcap)


class LastTokenClassifier(nnx.Module):
    """One linear layer without bias over the last token that is no padding, on whichever side the padding lies."""

    def __init__(self, hidden: int, labels: int, deviation: float, key: jax.Array, *, name: str = "score") -> None:
        self.score = Linear(name, hidden, labels, normal(deviation), key, bias=False)

    def __call__(self, hidden_BSH: jax.Array, inputs: DecoderHeadInputs) -> jax.Array:
        """float32 ``[B, C]``."""
        last_B = (jnp.arange(hidden_BSH.shape[1]) * inputs.real_BS).argmax(axis=1)
        last_BH = jnp.take_along_axis(hidden_BSH, last_B[:, None, None], axis=1)[:, 0]
        return self.score(last_BH.astype(jnp.float32))


class TokenClassifier(nnx.Module):
    """Dropout and one linear layer over every token."""

    def __init__(
        self,
        hidden: int,
        labels: int,
        deviation: float,
        key: jax.Array,
        *,
        rate: float,
        bias: bool = True,
        name: str = "score",
    ) -> None:
        self.score = Linear(name, hidden, labels, normal(deviation), key, bias=bias)
        self.rate = rate

    def __call__(self, hidden_BSH: jax.Array, inputs: DecoderHeadInputs) -> jax.Array:
        """float32 ``[B, S, C]``."""
        dropped_BSH = dropout(hidden_BSH, self.rate, inputs.key)
        return self.score(dropped_BSH.astype(inputs.dtype), output=jnp.float32)
