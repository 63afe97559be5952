"""Masked language modelling (Devlin et al. 2019): the masked positions are gathered before the head."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from amharic_tl.tasks.base import Batch, lower_is_better


def token_characters(tokens: Sequence[str], byte_level: bool = False) -> np.ndarray:
    """How many characters each vocabulary entry writes, float32 ``[V]``.

    ``▁`` counts as the space it stands for; a WordPiece continuation as what follows ``##``. A byte counts 1 when
    it begins a
    character and 0 when it continues one, so that the bytes of a character sum to 1: entries ``<0xE1>``, and every
    sign of an entry written in GPT-2's byte alphabet (``byte_level``).
    """
    counts = np.zeros(len(tokens), np.float32)
    continuing = _continuation_signs() if byte_level else frozenset()
    for index, token in enumerate(tokens):
        if byte_level:
            counts[index] = sum(1 for sign in token if sign not in continuing)
        elif len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
            counts[index] = float(int(token[3:5], 16) & 0xC0 != 0x80)
        else:
            counts[index] = len(token.removeprefix("##")) if len(token) > 2 else len(token)
    return counts


def _continuation_signs() -> frozenset[str]:
    """The signs that stand for the bytes 0x80-0xBF in GPT-2's byte alphabet (Radford et al. 2019).

    Printable Latin-1 bytes stand for themselves, the others for the code points from 256 on, in order.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return frozenset(chr(byte) if byte in printable else chr(256 + others.index(byte)) for byte in range(0x80, 0xC0))


class MaskedLM:
    """Batches hold ``masked_positions [B, M]``, ``labels [B, M]`` and ``weights [B, M]`` (0 for unused places)."""

    kind = "masked-lm"

    def __init__(self, characters_V: np.ndarray) -> None:
        self.characters_V = np.asarray(characters_V, np.float32)

    def model_inputs(self, batch: Batch) -> dict[str, jax.Array]:
        """Token ids and mask ``[B, S]``, and which positions reach the head ``[B, M]``."""
        return {
            "input_ids": batch["input_ids"],
            "attention_mask": batch["attention_mask"],
            "masked_positions": batch["masked_positions"],
        }

    def loss_weights(self, batch: Batch) -> jax.Array:
        """``[B, M]``: 1 for a masked token, 0 for an unused place."""
        return batch["weights"].astype(jnp.float32)

    def _losses(self, logits_BMV: jax.Array, labels_BM: jax.Array) -> jax.Array:
        logits_BMV = logits_BMV.astype(jnp.float32)
        picked_BM = jnp.take_along_axis(logits_BMV, labels_BM[..., None], axis=-1)[..., 0]
        return jax.nn.logsumexp(logits_BMV, axis=-1) - picked_BM

    def loss(self, outputs: Any, batch: Batch) -> jax.Array:
        """Cross-entropy of the masked tokens, summed (nats)."""
        return jnp.sum(self._losses(outputs.logits, batch["labels"]) * self.loss_weights(batch))

    def evaluate(self, outputs: Any, batch: Batch) -> dict[str, jax.Array]:
        """Sums by row ``[B]``: nats, masked tokens, those predicted right, characters of the masked tokens."""
        weights_BM = self.loss_weights(batch)
        labels_BM = batch["labels"]
        right_BM = outputs.logits.argmax(axis=-1) == labels_BM
        return {
            "nats": jnp.sum(self._losses(outputs.logits, labels_BM) * weights_BM, axis=-1),
            "tokens": jnp.sum(weights_BM, axis=-1),
            "right": jnp.sum(right_BM * weights_BM, axis=-1),
            "characters": jnp.sum(jnp.asarray(self.characters_V)[labels_BM] * weights_BM, axis=-1),
        }

    def score(self, gathered: Mapping[str, np.ndarray]) -> dict[str, float]:
        """``loss`` (nats a masked token), ``accuracy`` of masked tokens, ``bits_per_character`` of what was masked."""
        sums = {name: float(values.astype(np.float64).sum()) for name, values in gathered.items()}
        tokens = max(sums["tokens"], 1.0)
        return {
            "loss": sums["nats"] / tokens,
            "accuracy": sums["right"] / tokens,
            "bits_per_character": sums["nats"] / math.log(2) / max(sums["characters"], 1.0),
        }

    def lower_is_better(self, metric: str) -> bool:
        """For ``loss`` and ``bits_per_character``."""
        return lower_is_better(metric)
