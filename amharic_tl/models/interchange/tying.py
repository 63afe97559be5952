"""Whether a checkpoint's output table is its word table, which config.json does not always say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from amharic_tl.models.config_values import OWN_TABLE, ties_embeddings
from amharic_tl.models.family import Family
from amharic_tl.models.interchange.stored import StoredTensor
from amharic_tl.models.interchange.weights import Weights

_ROWS = 4096


def with_tying(config: Mapping[str, Any], family: Family, weights: Weights) -> dict[str, Any]:
    """The config, with what the weights say about the output table where the family lets them.

    A stored table that differs from the words is its own even where the config ties the two; a pickle holds a tied
    table twice.
    """
    table = family.output_table
    if table is None:
        return dict(config)
    stored = weights.tensors.get(_stored_name(table.name, weights))
    if stored is None:
        own = not ties_embeddings(config) and not table.tied_when_absent
    else:
        words = [
            weights.tensors.get(_stored_name(prefix + family.word_table, weights)) for prefix in ("", family.prefix)
        ]
        own = not ties_embeddings(config) or (
            # Hugging Face's Flax classes do as the config says, whatever else they stored.
            weights.style == "torch" and any(word is not None and not _same(stored, word) for word in words)
        )
    return {**config, OWN_TABLE: own}


def _stored_name(name: str, weights: Weights) -> str:
    if weights.style == "torch":
        return name
    leaf = "kernel" if name.startswith("lm_head") else "embedding"
    return name.replace(".", "/").removesuffix("weight") + leaf


def _same(one: StoredTensor, other: StoredTensor) -> bool:
    """Whether two tables are equal, compared some rows at a time; in a pickle they are often the same bytes."""
    if one.shape != other.shape or len(one.shape) != 2:
        return False
    if (one.spans, one.strides, one.start) == (other.spans, other.strides, other.start):
        return True
    return all(np.array_equal(_rows(one, start), _rows(other, start)) for start in range(0, one.shape[0], _ROWS))


def _rows(table: StoredTensor, start: int) -> np.ndarray:
    stop = min(start + _ROWS, table.shape[0])
    rows = np.empty((stop - start, *table.shape[1:]), table.dtype)
    table.copy_into(rows, (slice(start, stop), *(slice(None),) * (len(table.shape) - 1)))
    return rows
