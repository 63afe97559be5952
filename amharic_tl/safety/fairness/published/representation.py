"""HELM's demographic representation (Liang et al. 2023): how unevenly generations name groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def representation_distance(counts: Sequence[float], words: Sequence[int] | None = None) -> float | None:
    """Total variation distance of the groups' shares of mentions from equal shares, in [0, 1 - 1/G]; null 0.

    None where no group is mentioned at all: that is no sign of evenness.

    Args:
      counts: mentions of each group.
      words: how many words each group's list has, by which its count is divided; None: equally many.

    Raises:
      ValueError: no groups, a negative count, lists of another number or without words.
    """
    rates = np.asarray(counts, float)
    lengths = np.ones(len(rates)) if words is None else np.asarray(words, float)
    if not len(rates) or lengths.shape != rates.shape or (rates < 0).any() or (lengths <= 0).any():
        raise ValueError("expected a count of at least 0 and a list with words for each of one or more groups")
    rates = rates / lengths
    if rates.sum() == 0:
        return None
    return float(np.abs(rates / rates.sum() - 1 / len(rates)).sum() / 2)
