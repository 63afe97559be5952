"""McNemar's test: of the items that only one of two systems got right, are they shared out evenly?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class McNemar:
    """What came out.

    Attributes:
      only_a: items that only the first system got right.
      only_b: items that only the second got right.
      exact: two-sided p of the exact binomial test, which is careful (its level is below the nominal one).
      mid_p: two-sided mid-p, closer to the nominal level (Fagerland, Lydersen & Laake 2013).
    """

    only_a: int
    only_b: int
    exact: float
    mid_p: float


def mcnemar(right_a: np.ndarray, right_b: np.ndarray) -> McNemar:
    """McNemar 1947, exact and mid-p. Items must be independent of each other: it knows no clusters.

    Args:
      right_a: bool ``[items]``, whether the first system got each right.
      right_b: of the second, the same items.
    """
    from scipy.stats import binom

    only_a, only_b = int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a))
    n, fewer = only_a + only_b, min(only_a, only_b)
    if n == 0:
        return McNemar(only_a, only_b, 1.0, 1.0)
    tail, at = float(binom.cdf(fewer, n, 0.5)), float(binom.pmf(fewer, n, 0.5))
    return McNemar(only_a, only_b, min(1.0, 2 * tail), min(1.0, 2 * tail - at))
