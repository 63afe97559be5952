"""Masked language modelling (Devlin et al. 2019): the masked positions are gathered before the head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from amharic_tl.tasks.base import Batch
from amharic_tl.tasks.language_model import HiddenOutputs, LanguageModel, token_metrics


class MaskedLM(LanguageModel):
    """Batches hold ``masked_positions [B, M]``, ``labels [B, M]`` and ``weights [B, M]`` (0 for unused places)."""

    kind = "masked-lm"

    def model_inputs(self, batch: Batch) -> dict[str, jax.Array]:
        """Token ids and mask ``[B, S]``, and which positions reach the head ``[B, M]``."""
        return {
            "input_ids": batch["input_ids"],
            "attention_mask": batch["attention_mask"],
            "masked_positions": batch["masked_positions"],
        }

    def forward(self, model: Any, batch: Batch, dropout_key: jax.Array | None = None) -> HiddenOutputs:
        """Runs the model up to its head, and takes what stands at the masked positions: ``[B, M, H]``.

        The head is applied to these alone: about a seventh of the vocabulary-wide products.
        """
        outputs = model(**self.model_inputs(batch), dropout_key=dropout_key)
        places_BM1 = batch["masked_positions"][..., None]
        return HiddenOutputs(jnp.take_along_axis(outputs.last_hidden_state, places_BM1, axis=1), model.token_logits)

    def score(self, gathered: Mapping[str, np.ndarray]) -> dict[str, float]:
        """``loss`` (nats a masked token), ``accuracy`` of masked tokens, ``bits_per_character`` of what was masked."""
        return token_metrics(gathered)
