"""Batches of documents packed into rows of one length."""

from __future__ import annotations

from typing import Any

import numpy as np

from amharic_tl.config import Config
from amharic_tl.data.batches import Batches
from amharic_tl.data.packing import documents, pack
from amharic_tl.data.splits import Splits
from amharic_tl.data.tokenizer import windows_as_encoded
from amharic_tl.tasks.causal_lm import CausalLM
from amharic_tl.tasks.characters import vocabulary_characters
from amharic_tl.tasks.prepared import Prepared, batch_plan, process_share


def prepare_causal_lm(config: Config, splits: Splits, tokenizer: Any) -> Prepared:
    """Texts end to end in rows of ``config.data.max_length``; the order of the rows varies by epoch."""
    length = config.data.max_length
    packed = {
        name: pack(documents(tokenizer, [row.text for row in source.rows]), length) for name, source in splits.items()
    }

    # A row that holds texts of two sources counts as of the first one's.
    row_source = packed["train"].document[::length].tolist()
    mixed = splits.mixed(row_source)

    # GPT-2 names its end token as the unknown one too, and knows every byte.
    unknown = tokenizer.unk_token_id if tokenizer.unk_token_id != tokenizer.eos_token_id else None

    def batches(name: str) -> Batches:
        rows = packed[name].rows
        # One shape for all: the last row is padded.
        plan = batch_plan(config, np.full(len(rows), length), name, length, mixed)
        return Batches(plan, rows, tokenizer.pad_token_id, packed[name].fields(), **process_share())

    return Prepared(
        task=CausalLM(vocabulary_characters(tokenizer)),
        train=batches("train"),
        evaluation={name: batches(name) for name in packed if name != "train"},
        encoded={name: windows_as_encoded(rows.rows, unknown) for name, rows in packed.items()},
        row_source=row_source,
        mixed=mixed,
    )
