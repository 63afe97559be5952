"""Whether a score is the frequency of what it predicts, in a group: expected calibration error and Brier score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 15


@dataclass(frozen=True)
class Calibration:
    """Calibration of one group.

    Attributes:
      n: rows.
      error: expected calibration error, sum over bins of n_b / n |mean label - mean score| (Naeini et al. 2015) with
        bins of equal mass (Nguyen & O'Connor 2015). It is above 0 for a calibrated model too.
      debiased: the same less its bias, estimated by adding each bin's sampling noise once more and taking off what that
        adds (Kumar et al. 2019, in closed form by the folded normal distribution); at least 0.
      null: the mean of ``error`` for a model whose scores are right (each label drawn with its score), to compare with.
      brier: mean (score - label)^2 (Brier 1950).
    """

    n: int
    error: float
    debiased: float
    null: float
    brier: float


def calibration(scores: np.ndarray, positive: np.ndarray, bins: int = BINS) -> Calibration | None:
    """Calibration of the rows given; None where there are none.

    Rows of equal scores lie in one bin, so that the order of rows changes nothing; fewer rows than bins: a bin each.

    Args:
      scores: float ``[n]`` in [0, 1].
      positive: bool ``[n]``.
      bins: how many, of equal mass as far as ties allow.
    """
    n = len(scores)
    if not n:
        return None
    scores, labels = np.asarray(scores, float), np.asarray(positive, float)
    # The first rank of a score decides its bin.
    places = np.searchsorted(np.sort(scores), scores, "left") * min(bins, n) // n
    _, places, sizes = np.unique(places, return_inverse=True, return_counts=True)
    share = sizes / n
    rate = np.bincount(places, labels) / sizes
    gap = rate - np.bincount(places, scores) / sizes
    error = float(share @ np.abs(gap))
    noisy = share @ _mean_absolute(gap, np.sqrt(rate * (1 - rate) / np.maximum(sizes - 1, 1)))
    spread = np.sqrt(np.bincount(places, scores * (1 - scores))) / sizes
    return Calibration(
        n=n,
        error=error,
        debiased=max(0.0, 2 * error - float(noisy)),
        null=float(share @ _mean_absolute(np.zeros_like(gap), spread)),
        brier=float(np.mean((scores - labels) ** 2)),
    )


def _mean_absolute(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """E|X| of a normal X."""
    from scipy.stats import norm

    safe = np.maximum(deviation, 1e-12)
    return np.asarray(
        deviation * np.sqrt(2 / np.pi) * np.exp(-((mean / safe) ** 2) / 2) + mean * (1 - 2 * norm.cdf(-mean / safe))
    )
