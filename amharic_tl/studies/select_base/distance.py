"""How far the task's text lies from what a base was pretrained on, as far as the user has that text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from amharic_tl.config import Config
from amharic_tl.data.rows import Columns, Source
from amharic_tl.data.sources import read_source
from amharic_tl.data.tokenizer import bare_tokens
from amharic_tl.evaluation.domain import domain_distances
from amharic_tl.language.script import duplicate_key, near_duplicate_key


def read_pretraining(config: Config, files: Sequence[str]) -> Source:
    """The rows of files that a base was pretrained on, named as ``data.train`` is; a text is in the task's column.

    Raises:
      MissingInputError, BadInputError: the files are absent or cannot be read.
    """
    return read_source(files, Columns(config.data.text, None), quoting=config.data.quoting)


def pretraining_distance(config: Config, texts: Sequence[str], source: Source, tokenizer: Any) -> dict[str, Any]:
    """The distances between the task's texts and those of ``source``; no text is kept.

    Args:
      config: of the task: the culture pack whose spellings count as one, the seed of what is drawn.
      texts: of train and validation.
      source: what the base was pretrained on.
      tokenizer: of the base.
    """
    from amharic_tl.culture.pack import open_pack

    found = domain_distances(
        texts,
        [row.text for row in source.rows],
        fold=open_pack(config.safety.pack).grammar.fold,
        encode=lambda side: [np.asarray(pieces, np.int64) for pieces in bare_tokens(tokenizer, side)],
        key=lambda text: near_duplicate_key(text) or duplicate_key(text),
        seed=config.train.seed,
    )
    return {"source": source.spec, "rows": len(source.rows), **found.to_dict()}
