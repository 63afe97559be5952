"""Causal language modelling on packed rows: the next token of the same document."""

from __future__ import annotations

import jax

from amharic_tl.tasks.base import Batch
from amharic_tl.tasks.language_model import LanguageModel


class CausalLM(LanguageModel):
    """Batches hold, beside labels and weights, ``segment_ids [B, S]`` and ``positions [B, S]``."""

    kind = "causal-lm"

    def model_inputs(self, batch: Batch) -> dict[str, jax.Array]:
        """Tokens, the document of each, and its place in that document; all ``[B, S]``."""
        return {name: batch[name] for name in ("input_ids", "attention_mask", "segment_ids", "positions")}
