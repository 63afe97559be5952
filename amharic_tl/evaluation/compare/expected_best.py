"""Expected best against budget: what the best of n tried configurations would have scored, for every n."""

from __future__ import annotations

from typing import Any

import numpy as np


def expected_best(scores: np.ndarray, *, unbiased: bool = True, higher_is_better: bool = True) -> np.ndarray:
    """``[N]``: the expected best of 1, 2, ... N runs out of the N that were made.

    Args:
      scores: ``[N]`` of the runs.
      unbiased: drawn without replacement, as Tang et al. 2020 (section 3.1) show to be unbiased; otherwise with
        replacement, as Dodge et al. 2019 (equation 5) have it, which is too low for a maximum.
      higher_is_better: whether the best is the largest.
    """
    ordered = np.sort(np.asarray(scores, np.float64))
    if not higher_is_better:
        return -expected_best(-ordered, unbiased=unbiased)
    total = len(ordered)
    ranks = np.arange(1, total + 1)
    if unbiased:
        from scipy.special import gammaln

        def choose(n: np.ndarray, k: Any) -> np.ndarray:
            inside = n >= k
            safe = np.where(inside, n, k)
            return np.where(inside, np.exp(gammaln(safe + 1) - gammaln(k + 1) - gammaln(safe - k + 1)), 0.0)

        # The i-th smallest is the best of those n sets whose other n - 1 members come from the i - 1 below it.
        weights = np.stack([choose(ranks - 1, n - 1) / choose(np.asarray(total), n) for n in ranks])
    else:
        weights = np.stack([(ranks / total) ** n - ((ranks - 1) / total) ** n for n in ranks])
    return np.asarray(weights @ ordered)
