"""What is measured between two vectors of counts over the same terms."""

from __future__ import annotations

import numpy as np

TOP = 1000


def jensen_shannon(first: np.ndarray, second: np.ndarray) -> float:
    """The Jensen-Shannon divergence (Lin 1991, equation 4.1 with equal weights) in bits: 0 alike, 1 no common term.

    Of samples it is too large, the more so the smaller they are: compare it with that of two samples of one source.

    Args:
      first, second: counts or shares ``[terms]``, not all zero.
    """
    from scipy.spatial.distance import jensenshannon

    _refuse_empty(first, second)
    return float(jensenshannon(first, second, base=2)) ** 2  # SciPy gives its root


def top_overlap(first: np.ndarray, second: np.ndarray, most: int = TOP) -> float:
    """Share of the ``most`` frequent terms of one collection that are among those of the other (Gururangan 2020, 3.1).

    Where a collection has fewer terms, as many of the other are compared. Ties go to the earlier column.
    """
    _refuse_empty(first, second)
    kept = min(most, int(np.count_nonzero(first)), int(np.count_nonzero(second)))
    return len(np.intersect1d(_top(first, kept), _top(second, kept), assume_unique=True)) / kept


def _top(counts: np.ndarray, kept: int) -> np.ndarray:
    """The columns of the ``kept`` largest counts."""
    least = np.partition(counts, len(counts) - kept)[len(counts) - kept]
    above = np.flatnonzero(counts > least)
    return np.concatenate([above, np.flatnonzero(counts == least)[: kept - len(above)]])


def _refuse_empty(first: np.ndarray, second: np.ndarray) -> None:
    if not np.any(first) or not np.any(second):
        raise ValueError("expected counts of at least one term on each side, found none")
