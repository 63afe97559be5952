"""Estimates with intervals and tests for safety figures. Units are clusters; every figure has a valid null.

All p-values are one-sided: how likely a figure at least this harmful is where there is no bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure, its 95% interval, the clusters behind it, its null and its one-sided p."""

    value: float
    low: float
    high: float
    n: int
    null: float
    p: float


def paired_excess(differences: np.ndarray, clusters: np.ndarray, seed: int, margin: float = 0.0) -> Estimate:
    """Mean of paired differences, null 0: percentile bootstrap over clusters, exact or signed-rank test.

    Where the clusters' sums take only the values -1, 0 and 1 the test is McNemar's exact one, otherwise Wilcoxon's
    signed-rank test; both ask for a shift above 0 and hold where the two members of a pair are exchangeable. With a
    ``margin`` the mean must exceed that too, in a t test over clusters, and p is the larger of the two
    (intersection-union, Berger 1982): what is smaller than the margin is never established, however many the rows.

    Args:
      differences: ``[n]``, treatment minus control.
      clusters: int ``[n]``; rows of one number are drawn together.
      seed: of the resamples.
      margin: the largest mean that does not count.
    """
    from scipy.stats import binomtest, wilcoxon

    sums, counts = _by_cluster(differences, clusters)
    value = float(differences.mean())
    low, high = _bootstrap_mean(sums, counts, seed)
    moved = sums[sums != 0]
    if not len(moved):
        p = 1.0
    elif set(np.unique(moved)) <= {-1.0, 1.0}:
        p = float(binomtest(int((moved > 0).sum()), len(moved), alternative="greater").pvalue)
    else:
        p = float(wilcoxon(moved, alternative="greater").pvalue)
    if margin > 0:
        p = max(p, _p_above(margin, sums, counts))
    return Estimate(value, low, high, len(sums), 0.0, p)


def _p_above(margin: float, sums: np.ndarray, counts: np.ndarray) -> float:
    """One-sided t test over clusters that the mean of all rows, a ratio of sums, exceeds ``margin``."""
    from scipy.stats import t

    n, value = len(sums), sums.sum() / counts.sum()
    if n < 2:
        return 1.0
    residuals = sums - value * counts
    error = np.sqrt(n / (n - 1) * np.sum(residuals**2)) / counts.sum()
    if error == 0:
        return 0.0 if value > margin else 1.0
    return float(t.sf((value - margin) / error, n - 1))


def rate_against_others(events: np.ndarray, inside: np.ndarray, clusters: np.ndarray, seed: int, sign: int) -> Estimate:
    """Rate of a group minus that of all others, times ``sign``; null 0.

    One row a cluster (its first); the interval is a bootstrap that draws both sides on their own, the test Fisher's
    exact one. ``n`` is the clusters inside.

    Args:
      events: bool ``[n]``.
      inside: bool ``[n]``, which rows belong to the group.
      clusters: int ``[n]``.
      seed: of the resamples.
      sign: 1 where a higher rate is harm, -1 where a lower one is.
    """
    from scipy.stats import fisher_exact

    first = _first_of_cluster(clusters)
    own, others = events[first][inside[first]], events[first][~inside[first]]
    table = [[int(own.sum()), int((~own).sum())], [int(others.sum()), int((~others).sum())]]
    p = float(fisher_exact(table, alternative="greater" if sign > 0 else "less").pvalue)
    generator = np.random.default_rng(seed)
    drawn = [
        generator.binomial(len(side), side.mean(), RESAMPLES) / len(side) if len(side) else np.zeros(RESAMPLES)
        for side in (own, others)
    ]
    value = sign * float(own.mean() - others.mean())
    low, high = np.quantile(sign * (drawn[0] - drawn[1]), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    low, high = _never_a_point(float(low), float(high), min(len(own), len(others)))
    return Estimate(value, low, high, int(len(own)), 0.0, p)


def range_over_groups(
    events: np.ndarray, groups: np.ndarray, seed: int, resamples: int, statistic: str = "range"
) -> Estimate:
    """Largest minus smallest rate over groups (``range``), or the overall rate minus the smallest (``worst``).

    Neither can be negative, so the null is what they are when groups mean nothing: labels of groups permuted over the
    rows, drawn exactly (the events a group gets are multivariate hypergeometric). ``null`` is the mean under that
    permutation; p counts draws at least as large, with one added. The interval is a bootstrap within groups.

    Args:
      events: bool ``[n]``, one row a cluster, one group a row.
      groups: int ``[n]``, 0 to G - 1, each with rows.
      seed: of permutations and resamples.
      resamples: how many permutations.
      statistic: ``range`` or ``worst``.
    """
    sizes = np.bincount(groups)
    hits = np.bincount(groups, weights=events, minlength=len(sizes))
    generator = np.random.default_rng(seed)

    def figure(counts: np.ndarray) -> np.ndarray:
        rates = counts / sizes
        top = rates.max(axis=-1) if statistic == "range" else counts.sum(axis=-1) / sizes.sum()
        return np.asarray(top - rates.min(axis=-1))

    value = float(figure(hits))
    permuted = figure(generator.multivariate_hypergeometric(sizes, int(hits.sum()), resamples).astype(float))
    p = float((1 + np.sum(permuted >= value - 1e-12)) / (resamples + 1))
    drawn = figure(generator.binomial(sizes, hits / sizes, (RESAMPLES, len(sizes))).astype(float))
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    low, high = _never_a_point(float(low), float(high), int(sizes.min()))
    return Estimate(value, low, high, int(sizes.sum()), float(permuted.mean()), p)


def holm(p_values: list[float], level: float) -> list[bool]:
    """Which null hypotheses fall at a family-wise ``level`` (Holm 1979)."""
    fallen = [False] * len(p_values)
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        if p_values[index] > level / (len(p_values) - rank):
            break
        fallen[index] = True
    return fallen


def first_rows(clusters: np.ndarray) -> np.ndarray:
    """bool ``[n]``: the first row of each cluster."""
    kept = np.zeros(len(clusters), bool)
    kept[_first_of_cluster(clusters)] = True
    return kept


def _first_of_cluster(clusters: np.ndarray) -> np.ndarray:
    return np.sort(np.unique(clusters, return_index=True)[1])


def _by_cluster(values: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums and sizes by cluster."""
    _, numbers = np.unique(clusters, return_inverse=True)
    return np.bincount(numbers, weights=values), np.bincount(numbers)


def _bootstrap_mean(sums: np.ndarray, counts: np.ndarray, seed: int) -> tuple[float, float]:
    generator = np.random.default_rng(seed)
    n = len(sums)
    drawn = generator.multinomial(n, np.full(n, 1 / n), RESAMPLES)
    means = (drawn @ sums) / (drawn @ counts)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return _never_a_point(float(low), float(high), n)


def _never_a_point(low: float, high: float, n: int) -> tuple[float, float]:
    """A bootstrap of equal values has no width; then the rule of three (3/n) on both sides stands in for it."""
    return (low, high) if high > low else (low - 3 / n, high + 3 / n)
