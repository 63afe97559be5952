"""The texts of the stages of further pretraining: of the domain, and the task's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from amharic_tl.config import Config, DataConfig
from amharic_tl.data.rows import Row, Source
from amharic_tl.data.splits import Splits, load_splits


def domain_data(config: Config) -> DataConfig:
    """Where the text of the domain stage lies, as a run on running text has it."""
    dapt = config.adapt.dapt
    return DataConfig(
        train=dapt.data,
        validation=dapt.validation,
        text=dapt.text,
        max_length=config.adapt.max_length or config.data.max_length,
        gates=None,
        mixture=dapt.mixture,
    )


def domain_splits(config: Config) -> Splits:
    """Reads the text of the domain stage.

    Raises:
      MissingInputError, BadInputError: as :func:`amharic_tl.data.splits.load_splits`.
    """
    return load_splits(domain_data(config), labelled=False, seed=config.train.seed)


def task_texts(splits: Splits) -> Splits:
    """The task's training and validation texts without labels; of pairs both sides. Test is left out."""
    train = _texts(splits.train)
    # Of pairs the targets stand behind all sources.
    sides = len(train.rows) // max(len(splits.train.rows), 1)
    mixture = splits.mixture and replace(splits.mixture, of_row=np.tile(splits.mixture.of_row, sides))
    return Splits(train, _texts(splits.validation), None, [], mixture=mixture)


def _texts(source: Source) -> Source:
    targets = [
        Row(f"{row.id}, target", row.target, None, row.file, row.line) for row in source.rows if row.target is not None
    ]
    texts = [Row(row.id, row.text, None, row.file, row.line) for row in source.rows]
    return replace(source, rows=[*texts, *targets])
