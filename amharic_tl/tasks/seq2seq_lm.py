"""Sequence-to-sequence language modelling: translation, text-to-text, span corruption."""

from __future__ import annotations

from typing import Any

import jax

from amharic_tl.tasks.base import Batch
from amharic_tl.tasks.language_model import HiddenOutputs, LanguageModel


class Seq2SeqLM(LanguageModel):
    """Batches hold the encoder's ``input_ids`` and ``attention_mask [B, E]``, and ``labels`` and ``weights [B, S]``.

    Labels are negative where there is none. What the decoder reads, the model makes of the labels itself: one place to
    the right behind its start token.
    """

    kind = "seq2seq-lm"

    def model_inputs(self, batch: Batch) -> dict[str, jax.Array]:
        """The encoder's tokens and mask ``[B, E]``."""
        return {name: batch[name] for name in ("input_ids", "attention_mask")}

    def forward(self, model: Any, batch: Batch, dropout_key: jax.Array | None = None) -> HiddenOutputs:
        """Runs both towers up to the head. Padding of the decoder comes last, where no real token looks."""
        decoder_input_ids = model.decoder_inputs(batch["labels"])
        outputs = model(**self.model_inputs(batch), decoder_input_ids=decoder_input_ids, dropout_key=dropout_key)
        return HiddenOutputs(outputs.last_hidden_state, model.token_logits)
