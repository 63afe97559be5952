"""A difference between ways of training, or any weighted sum of their scores, with an error of seeds and of items.

The score of a run varies with its seed and with the items it is judged by. For weights c over arms, the estimate is the
sum of c times the mean score of an arm's runs. Its variance has two parts, added (seeds and items are crossed):

- of seeds: where the same seeds ran in all arms, the variance of the per-seed sums over their number; otherwise the sum
  of c^2 s^2 / n over arms (Welch 1947). With the items as they are.
- of items: the jackknife over clusters of the same estimate (Efron & Tibshirani 1993, equation 11.5). With the runs as
  they are.

What seeds and items do together is in both, which errs on the careful side (Owen 2007). The interval and the test are
Student's t with Satterthwaite's degrees of freedom (1946) for the two parts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from amharic_tl.evaluation.compare.measures import Value
from amharic_tl.evaluation.intervals import LEVEL

SEEDS_ALONE = (
    "the error of items is not in it: it holds for these very items, and says 'different' too often of others like them"
)


@dataclass(frozen=True)
class Measured:
    """The measured runs of an arm.

    Attributes:
      scores: by seed.
      sums: by seed, ``[clusters, k]``; empty where the items are not known. The clusters of all arms are the same.
    """

    scores: Mapping[int, float]
    sums: Mapping[int, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Effect:
    """An estimate with its 95% interval and two-sided p; these are None where nothing tells the error.

    Attributes:
      value: the weighted sum.
      low: end of the interval.
      high: its other end.
      p: of no effect.
      degrees: of freedom.
      basis: which errors it counts: ``seeds and items``, ``seeds``, ``items`` or ``none``.
      paired: whether the same seeds ran in all arms, or were picked from them.
      seeds: used of each arm, in the order of the arms.
      clusters: of items; None where the items are not known.
    """

    value: float
    low: float | None
    high: float | None
    p: float | None
    degrees: float | None
    basis: str
    paired: bool
    seeds: tuple[tuple[int, ...], ...]
    clusters: int | None


def effect(arms: Sequence[Measured], weights: Sequence[float], value: Value | None = None) -> Effect:
    """The weighted sum of the arms' scores.

    Where two or more seeds ran in every arm, only these count, as pairs. Otherwise all runs of each arm count. An arm
    with one seed, beside others, leaves only the error of items.

    Args:
      arms: with at least one run each.
      weights: of the arms; they add up to 0 in a comparison.
      value: sums to score; None where the items are not known.
    """
    shared = set.intersection(*(set(arm.scores) for arm in arms))
    paired = len(shared) >= 2 or all(len(arm.scores) == 1 for arm in arms)
    used = [tuple(sorted(shared if len(shared) >= 2 else arm.scores)) for arm in arms]
    c = np.asarray(weights, np.float64)
    means = [np.mean([arm.scores[seed] for seed in seeds]) for arm, seeds in zip(arms, used, strict=True)]
    estimate = float(c @ means)
    parts: list[tuple[float, float]] = []  # (variance, degrees of freedom)
    basis = []
    seeds_part = _of_seeds(arms, c, used, len(shared) >= 2)
    if seeds_part is not None:
        parts.append(seeds_part)
        basis.append("seeds")
    clusters = None
    if value is not None and all(set(seeds) <= set(arm.sums) for arm, seeds in zip(arms, used, strict=True)):
        clusters = len(next(iter(arms[0].sums.values())))
        if clusters >= 2:
            parts.append((_of_items(arms, c, used, value), clusters - 1))
            basis.append("items")
    low, high, p, degrees = _student(estimate, parts)
    return Effect(estimate, low, high, p, degrees, " and ".join(basis) or "none", paired, tuple(used), clusters)


def mean_interval(scores: Sequence[float]) -> tuple[float, float] | None:
    """95% interval of the mean over seeds, Student's t; None for fewer than two."""
    if len(scores) < 2:
        return None
    mean, variance = float(np.mean(scores)), float(np.var(scores, ddof=1)) / len(scores)
    low, high, _, _ = _student(mean, [(variance, len(scores) - 1)])
    return (low, high) if low is not None and high is not None else None


def _of_seeds(
    arms: Sequence[Measured], c: np.ndarray, used: Sequence[Sequence[int]], paired: bool
) -> tuple[float, float] | None:
    scores = [np.asarray([arm.scores[seed] for seed in seeds]) for arm, seeds in zip(arms, used, strict=True)]
    if paired:
        sums = c @ np.stack(scores)
        return float(np.var(sums, ddof=1)) / len(sums), len(sums) - 1
    if any(len(one) < 2 for one in scores):
        return None
    variances = [weight**2 * float(np.var(one, ddof=1)) / len(one) for weight, one in zip(c, scores, strict=True)]
    return sum(variances), _satterthwaite([(v, len(one) - 1) for v, one in zip(variances, scores, strict=True)])


def _of_items(arms: Sequence[Measured], c: np.ndarray, used: Sequence[Sequence[int]], value: Value) -> float:
    left_out: np.ndarray | float = 0.0
    for arm, weight, seeds in zip(arms, c, used, strict=True):
        for seed in seeds:
            sums = arm.sums[seed]
            left_out = left_out + weight / len(seeds) * value(sums.sum(axis=0) - sums)
    estimates = np.asarray(left_out)
    count = len(estimates)
    return float((count - 1) / count * np.sum((estimates - estimates.mean()) ** 2))


def _satterthwaite(parts: Sequence[tuple[float, float]]) -> float:
    bottom = sum(variance**2 / degrees for variance, degrees in parts)
    return sum(variance for variance, _ in parts) ** 2 / bottom if bottom > 0 else min(d for _, d in parts)


def _student(
    estimate: float, parts: Sequence[tuple[float, float]]
) -> tuple[float | None, float | None, float | None, float | None]:
    """Interval, p and degrees of freedom."""
    from scipy.stats import t

    if not parts or not math.isfinite(estimate):
        return None, None, None, None
    error = math.sqrt(sum(variance for variance, _ in parts))
    degrees = _satterthwaite(parts)
    if error == 0 and estimate == 0:
        return 0.0, 0.0, 1.0, degrees
    if error == 0 or not math.isfinite(error):  # seeds that all differ by the same tell nothing of the error
        return None, None, None, None
    reach = float(t.ppf((1 + LEVEL) / 2, degrees)) * error
    return estimate - reach, estimate + reach, float(2 * t.sf(abs(estimate) / error, degrees)), degrees
