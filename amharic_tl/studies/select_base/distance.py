"""How far the task's text lies from what a base was pretrained on, as far as the user has that text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from amharic_tl.config import Config
from amharic_tl.data.rows import Columns
from amharic_tl.data.sources import read_source
from amharic_tl.data.tokenizer import bare_tokens
from amharic_tl.evaluation.domain import domain_distances
from amharic_tl.language.script import duplicate_key, near_duplicate_key


def pretraining_distance(config: Config, texts: Sequence[str], files: Sequence[str], tokenizer: Any) -> dict[str, Any]:
    """The distances between the task's texts and those in ``files``; no text is kept.

    Args:
      config: of the task: the column of text, the culture pack whose spellings count as one.
      texts: of train and validation.
      files: as ``data.train``.
      tokenizer: of the base.

    Raises:
      MissingInputError, BadInputError: the files are absent or cannot be read.
    """
    from amharic_tl.culture.pack import open_pack

    source = read_source(files, Columns(config.data.text, None), config.data.format, config.data.quoting)
    found = domain_distances(
        texts,
        [row.text for row in source.rows],
        fold=open_pack(config.safety.pack).grammar.fold,
        encode=lambda side: [np.asarray(pieces, np.int64) for pieces in bare_tokens(tokenizer, side)],
        key=lambda text: near_duplicate_key(text) or duplicate_key(text),
        seed=config.train.seed,
    )
    return {"source": source.spec, "rows": len(source.rows), **found.to_dict()}
