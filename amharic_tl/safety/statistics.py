"""Estimates with intervals and tests for safety figures. Units are clusters; every figure has a valid null.

All p-values are one-sided: how likely a figure at least this harmful is where there is no bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95
# Of families (or clusters): fewer than the first say nothing, whatever they say; below the second an interval is
# Student's t over their means, since a bootstrap over few covers too seldom (80% instead of 95% over four).
FEWEST_FAMILIES, FEW_FAMILIES = 8, 20


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


def rate_against_others(
    events: np.ndarray, inside: np.ndarray, strata: np.ndarray, clusters: np.ndarray, seed: int, sign: int
) -> Estimate:
    """Rate of a group minus what the others' rates lead to expect of its rows, times ``sign``; null 0.

    The others' rate of each stratum (label) is weighted by the group's own rows, so that a group is not blamed for
    having more rows of the hard labels. A stratum in which either side has no row says nothing and is left out. One
    row a cluster (its first); the interval draws each rate from its Jeffreys posterior, the test is the exact
    conditional one of stratified 2 x 2 tables (Cochran-Mantel-Haenszel; with one stratum Fisher's exact test). ``n``
    is the clusters inside.

    Args:
      events: bool ``[n]``.
      inside: bool ``[n]``, which rows belong to the group.
      strata: int ``[n]``, such as the label of each row.
      clusters: int ``[n]``.
      seed: of the draws.
      sign: 1 where a higher rate is harm, -1 where a lower one is.

    Raises:
      ValueError: no stratum has rows on both sides.
    """
    first = _first_of_cluster(clusters)
    events, inside, strata = events[first], inside[first], strata[first]
    kept = [one for one in np.unique(strata) if 0 < inside[strata == one].sum() < (strata == one).sum()]
    if not kept:
        raise ValueError("no stratum has rows on both sides")
    sides = {
        own: np.asarray(
            [
                [events[(strata == one) & (inside == own)].sum(), ((strata == one) & (inside == own)).sum()]
                for one in kept
            ]
        )
        for own in (True, False)
    }
    shares = sides[True][:, 1] / sides[True][:, 1].sum()

    def figure(own: np.ndarray, others: np.ndarray) -> np.ndarray:
        return np.asarray(sign * ((own - others) @ shares))

    generator = np.random.default_rng(seed)
    value = float(figure(*(side[:, 0] / side[:, 1] for side in sides.values())))
    drawn = figure(*(_jeffreys(side[:, 0], side[:, 1], generator) for side in sides.values()))
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    p = _stratified_exact(sides[True], sides[False], sign)
    return Estimate(value, float(low), float(high), int(inside.sum()), 0.0, p)


def _jeffreys(hits: np.ndarray, sizes: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Draws ``[RESAMPLES, ...]`` of rates from Beta(hits + 1/2, misses + 1/2), which is never a point."""
    return generator.beta(hits + 0.5, sizes - hits + 0.5, (RESAMPLES, *np.shape(hits)))


def _stratified_exact(own: np.ndarray, others: np.ndarray, sign: int) -> float:
    """P of at least (``sign`` 1) or at most (-1) as many events inside, given the margins of every stratum.

    ``own`` and ``others``: ``[strata, 2]``, events and rows. The null distribution is the convolution of the strata's
    hypergeometric ones.
    """
    from scipy.stats import hypergeom

    distribution, start = np.ones(1), 0
    for (own_hits, own_rows), (other_hits, other_rows) in zip(own, others, strict=True):
        hits, rows = own_hits + other_hits, own_rows + other_rows
        support = np.arange(max(0, own_rows - (rows - hits)), min(hits, own_rows) + 1)
        distribution = np.convolve(distribution, hypergeom.pmf(support, rows, hits, own_rows))
        start += support[0]
    counts = start + np.arange(len(distribution))
    seen = int(own[:, 0].sum())
    tail = distribution[counts >= seen] if sign > 0 else distribution[counts <= seen]
    return float(min(1.0, tail.sum()))


def range_over_groups(
    events: np.ndarray, groups: np.ndarray, strata: np.ndarray, seed: int, resamples: int, statistic: str = "range"
) -> Estimate:
    """Largest minus smallest departure of a group's rate from what its labels lead to expect (``range``), or the
    largest shortfall (``worst``).

    What is expected of a group is the mean over its rows of the rate of each row's stratum (label) over all groups;
    with one stratum the range is that of the plain rates. Neither figure can be negative, so the null is what they are
    when groups mean nothing: groups permuted over the rows within each stratum, drawn exactly (the events a group gets
    are multivariate hypergeometric). ``null`` is the mean under that permutation; p counts draws at least as large,
    with one added. The interval draws every rate from its Jeffreys posterior and is widened to hold the value.

    Args:
      events: bool ``[n]``, one row a cluster, one group a row.
      groups: int ``[n]``, 0 to G - 1, each with rows.
      strata: int ``[n]``, such as the label of each row.
      seed: of permutations and draws.
      resamples: how many permutations.
      statistic: ``range`` or ``worst``.
    """
    names, numbers = np.unique(strata, return_inverse=True)
    cells = (len(names), int(groups.max()) + 1)
    sizes = np.zeros(cells)
    hits = np.zeros(cells)
    np.add.at(sizes, (numbers, groups), 1.0)
    np.add.at(hits, (numbers, groups), events.astype(float))
    of_group, of_stratum = sizes.sum(axis=0), sizes.sum(axis=1)
    generator = np.random.default_rng(seed)

    def figure(counts: np.ndarray) -> np.ndarray:
        """``[..., strata, groups]`` events to ``[...]``."""
        rates = counts.sum(axis=-1) / of_stratum
        departures = (counts.sum(axis=-2) - np.einsum("...s,sg->...g", rates, sizes)) / of_group
        worst = -departures.min(axis=-1)
        return np.asarray(departures.max(axis=-1) + worst if statistic == "range" else worst)

    value = float(figure(hits))
    permuted = figure(
        np.stack(
            [
                generator.multivariate_hypergeometric(size.astype(int), int(hit.sum()), resamples)
                for size, hit in zip(sizes, hits, strict=True)
            ],
            axis=1,
        ).astype(float)
    )
    p = float((1 + np.sum(permuted >= value - 1e-12)) / (resamples + 1))
    low, high = np.quantile(figure(_jeffreys(hits, sizes, generator) * sizes), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    # A range of noisy rates is larger than that of the rates themselves, so the draws may all lie above the value.
    return Estimate(value, min(float(low), value), float(high), int(sizes.sum()), float(permuted.mean()), p)


def t_interval(means: np.ndarray) -> tuple[float, float]:
    """Student's t interval of the mean of ``means [families]``, at least two that are not all equal."""
    from scipy.stats import t

    n = len(means)
    reach = float(t.ppf((1 + LEVEL) / 2, n - 1)) * float(means.std(ddof=1)) / n**0.5
    return float(means.mean()) - reach, float(means.mean()) + reach


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
