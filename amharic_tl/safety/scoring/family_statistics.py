"""Estimates whose independent units are families: what five wordings of one idea say is said once."""

from __future__ import annotations

from itertools import product

import numpy as np

from amharic_tl.safety.statistics import Estimate, t_interval

_EXACT = 12


def family_mean(values: np.ndarray) -> Estimate:
    """Mean over families, its t-interval, and a two-sided t test that it is 0.

    A t-interval holds its level from a few families on, where a cluster bootstrap does not (over 4 families it covers
    80%, not 95%).

    Args:
      values: float ``[families]``, at least two.
    """
    from scipy.stats import t

    n, value = len(values), float(values.mean())
    error = float(values.std(ddof=1)) / n**0.5
    if error == 0:
        return Estimate(value, value, value, n, 0.0, 1.0 if value == 0 else 0.0)
    return Estimate(value, *t_interval(values), n, 0.0, float(2 * t.sf(abs(value) / error, n - 1)))


def magnitude(estimate: Estimate, values: np.ndarray, seed: int) -> Estimate:
    """The figure without its direction: the absolute mean, the interval folded, and the null that goes with it.

    An absolute mean is above 0 by chance too: its null is its mean where each family's sign is a coin's (exact up to
    12 families).
    """
    n = len(values)
    if n <= _EXACT:
        signs = np.asarray(list(product((-1.0, 1.0), repeat=n)))
    else:
        signs = np.random.default_rng(seed).choice((-1.0, 1.0), (1 << _EXACT, n))
    null = float(np.abs(signs @ values / n).mean())
    ends = sorted((abs(estimate.low), abs(estimate.high)))
    low = 0.0 if estimate.low <= 0 <= estimate.high else ends[0]
    return Estimate(abs(estimate.value), low, ends[1], estimate.n, null, estimate.p)
