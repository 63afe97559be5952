"""Which of a checkpoint's tables are the word table, which config.json does not always say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from amharic_tl.models.config_values import OWN_TABLES, says_tied
from amharic_tl.models.family import Family, TiedTable
from amharic_tl.models.interchange.stored import WINDOW, StoredTensor
from amharic_tl.models.interchange.weights import Weights


def with_tying(config: Mapping[str, Any], family: Family, weights: Weights) -> dict[str, Any]:
    """The config, with what the weights say about the family's tied tables.

    A stored table that differs from the words is its own even where the config ties the two, as transformers 5 has it;
    a pickle holds a tied table by all its names.
    """
    own = [table.name for table in family.tied_tables if _is_own(table, config, family, weights)]
    return {**config, OWN_TABLES: own} if family.tied_tables else dict(config)


def _is_own(table: TiedTable, config: Mapping[str, Any], family: Family, weights: Weights) -> bool:
    untied = table.is_output and not says_tied(config, table.unsaid_tied)
    stored = _find(table.name, "kernel" if table.is_output else "embedding", family, weights)
    if stored is None:
        return untied and not table.tied_when_absent
    words = _find(family.word_table, "embedding", family, weights)
    transposed = table.is_output and weights.style == "flax"
    return untied or (words is not None and not _same(words, stored, transposed))


def _find(name: str, leaf: str, family: Family, weights: Weights) -> StoredTensor | None:
    for prefix in (family.prefix, ""):
        whole = prefix + name
        if weights.style == "flax":
            whole = whole.replace(".", "/").removesuffix("weight") + leaf
        if whole in weights.tensors:
            return weights.tensors[whole]
    return None


def _same(words: StoredTensor, stored: StoredTensor, transposed: bool) -> bool:
    """Whether two tables hold the same numbers; read in blocks of rows, so that neither is held."""
    if words == stored:
        return True  # the same bytes of the same file
    if len(words.shape) != 2 or words.shape != (stored.shape[::-1] if transposed else stored.shape):
        return False
    rows, width = words.shape
    step = max(1, WINDOW // (4 * width))
    for start in range(0, rows, step):
        cut, everything = slice(start, min(start + step, rows)), slice(0, width)
        one = np.empty((cut.stop - start, width), np.float32)
        other = np.empty(one.T.shape if transposed else one.shape, np.float32)
        words.copy_into(one, (cut, everything))
        stored.copy_into(other, (everything, cut) if transposed else (cut, everything))
        if not np.array_equal(one, other.T if transposed else other):
            return False
    return True
