"""From a config and its data to the task and its batches."""

from __future__ import annotations

from typing import Any

from amharic_tl.config import Config
from amharic_tl.data.splits import Splits
from amharic_tl.tasks.prepare_causal_lm import prepare_causal_lm
from amharic_tl.tasks.prepare_classification import PROBLEMS, prepare_classification
from amharic_tl.tasks.prepare_masked_lm import prepare_masked_lm
from amharic_tl.tasks.prepare_seq2seq_lm import prepare_seq2seq_lm
from amharic_tl.tasks.prepare_tagging import prepare_tagging
from amharic_tl.tasks.prepared import Preparation, Prepared

__all__ = ["PREPARATIONS", "PROBLEMS", "Prepared", "prepare"]

# By config.task.kind.
PREPARATIONS: dict[str, Preparation] = {
    "causal-lm": prepare_causal_lm,
    "masked-lm": prepare_masked_lm,
    "seq2seq-lm": prepare_seq2seq_lm,
    "sequence-classification": prepare_classification,
    "token-classification": prepare_tagging,
}


def prepare(config: Config, splits: Splits, tokenizer: Any) -> Prepared:
    """Tokenises the splits and plans their batches for ``config.task.kind``."""
    return PREPARATIONS[config.task.kind](config, splits, tokenizer)
