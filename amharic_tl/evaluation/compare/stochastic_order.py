"""Almost stochastic order: how far the scores of one arm's seeds are from being larger than another's throughout.

Arm a is stochastically larger than b where its quantiles are at least as large at every level. How much this is
violated is the share of the squared distance between both quantile functions that lies where b's is the larger one
(del Barrio et al. 2018; Dror, Shlomov & Reichart 2019, equation 5): 0 where a is larger throughout, 1 where b is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000
FEWEST_SEEDS = 5
# Below 0.5, a is larger more often than not; 0.2 is what Ulmer, Hardmeier & Frellsen 2022 recommend.
THRESHOLD = 0.2


@dataclass(frozen=True)
class StochasticOrder:
    """``violation``: the ratio as observed; ``epsilon_min``: its upper confidence bound, which is what is judged."""

    violation: float
    epsilon_min: float


def violation_ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The ratio ``[...]`` for scores ``[..., n]`` and ``[..., m]``, larger ones better; 0.5 where both are alike.

    Exact: empirical quantile functions are steps, so that the integrals are sums over pieces.
    """
    a, b = np.sort(np.asarray(a, np.float64), axis=-1), np.sort(np.asarray(b, np.float64), axis=-1)
    # In units of 1 / (n m), the steps are at whole numbers.
    n, m = a.shape[-1], b.shape[-1]
    ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    lengths = np.diff(ends, prepend=0)
    gap = b[..., (ends - 1) // n] - a[..., (ends - 1) // m]
    distance = gap**2 @ lengths
    violated = np.maximum(gap, 0) ** 2 @ lengths
    return np.divide(violated, distance, out=np.full(np.shape(distance), 0.5), where=distance > 0)


def almost_stochastic_order(
    a: np.ndarray,
    b: np.ndarray,
    *,
    confidence: float = 0.95,
    comparisons: int = 1,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> StochasticOrder:
    """Whether arm ``a`` is almost stochastically larger than ``b``: yes where ``epsilon_min`` is below a threshold.

    ``epsilon_min = ratio - sqrt((n + m) / (n m)) * sigma * z(1 - confidence)`` with sigma from bootstrap resamples of
    both arms (Dror et al. 2019, section 4), cut to 0..1.

    Args:
      a: scores of one arm's seeds ``[n]``, larger ones better.
      b: of the other's ``[m]``.
      confidence: of the bound.
      comparisons: of the family; the bound's error is divided by it (Bonferroni).
      resamples: of the bootstrap.
      seed: of it.
    """
    from scipy.stats import norm

    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    n, m = len(a), len(b)
    generator = np.random.default_rng(seed)
    observed = float(violation_ratio(a, b))
    drawn = violation_ratio(a[generator.integers(0, n, (resamples, n))], b[generator.integers(0, m, (resamples, m))])
    # The root of nm / (n + m) that scales sigma and the one that scales the bound cancel.
    bound = observed - float(np.std(drawn)) * float(norm.ppf((1 - confidence) / comparisons))
    return StochasticOrder(observed, float(np.clip(bound, 0.0, 1.0)))
