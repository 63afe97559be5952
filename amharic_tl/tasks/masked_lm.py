"""Masked language modelling (Devlin et al. 2019): the masked positions are gathered before the head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from amharic_tl.config.figures import lower_is_better
from amharic_tl.tasks.base import Batch
from amharic_tl.tasks.language_model import token_metrics
from amharic_tl.tasks.sequence_classification import class_divergences
from amharic_tl.tasks.token_losses import Headed


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

    def divergence(self, outputs: Any, others: Any, batch: Batch) -> jax.Array:
        """See :class:`~amharic_tl.tasks.base.Distributional`: an item is a masked token."""
        return jnp.sum(class_divergences(outputs.logits, others.logits) * self.loss_weights(batch))

    def predictions_at(self, outputs: Any, places: jax.Array) -> Headed:
        """See :class:`~amharic_tl.tasks.base.PredictsTokens`: the head has been applied already."""
        return lambda logits: logits, jnp.take_along_axis(outputs.logits, places[..., None], axis=1)

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
        return token_metrics(gathered)

    def lower_is_better(self, metric: str) -> bool:
        """For ``loss`` and ``bits_per_character``."""
        return lower_is_better(metric)
