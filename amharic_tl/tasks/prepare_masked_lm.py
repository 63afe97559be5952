"""Batches of windows of running text with masked tokens."""

from __future__ import annotations

from typing import Any

import numpy as np

from amharic_tl.config import Config
from amharic_tl.data.masking import MaskedBatches, windows
from amharic_tl.data.splits import Splits
from amharic_tl.data.tokenizer import windows_as_encoded
from amharic_tl.errors import BadInputError
from amharic_tl.tasks.characters import vocabulary_characters
from amharic_tl.tasks.masked_lm import MaskedLM
from amharic_tl.tasks.prepared import Prepared, batch_plan, process_share


def prepare_masked_lm(config: Config, splits: Splits, tokenizer: Any) -> Prepared:
    """Texts cut into windows of ``config.data.max_length``, masked anew at every step.

    Raises:
      BadInputError: the tokenizer has no mask token.
    """
    if tokenizer.mask_token_id is None:
        raise BadInputError("masked-lm needs a tokenizer with a mask token; this one has none")
    cut = {
        name: windows(tokenizer, [row.text for row in source.rows], config.data.max_length)
        for name, source in splits.items()
    }

    mixed = splits.mixed(cut["train"][1])

    def batches(name: str) -> MaskedBatches:
        ids = cut[name][0]
        return MaskedBatches(
            batch_plan(config, np.asarray([len(row) for row in ids]), name, config.data.max_length, mixed),
            ids,
            tokenizer,
            probability=config.task.mask_probability,
            seed=config.train.seed,
            vary=name == "train",
            **process_share(),
        )

    return Prepared(
        task=MaskedLM(vocabulary_characters(tokenizer)),
        train=batches("train"),
        evaluation={name: batches(name) for name in cut if name != "train"},
        encoded={name: windows_as_encoded(ids, tokenizer.unk_token_id) for name, (ids, _) in cut.items()},
        row_source=cut["train"][1],
        mixed=mixed,
    )
