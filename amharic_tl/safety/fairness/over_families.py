"""Intervals whose unit is a family of items (or a cluster of rows), never an item: those of one depend on each other.

A cluster bootstrap over few families is too narrow: over four it covers about 80% where it says 95%.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amharic_tl.safety.statistics import FEW_FAMILIES, FEWEST_FAMILIES, t_interval


@dataclass(frozen=True)
class FamilyEstimate:
    """A mean over families.

    Attributes:
      value: the mean of the families' means; None without families.
      low, high: its 95% interval; None where it is insufficient.
      n: families.
      method: how the interval was made, in words.
      reason: why there is none; empty where there is one.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str
    reason: str = ""


def mean_over_families(values: np.ndarray, families: np.ndarray, seed: int = 0) -> FamilyEstimate:
    """The mean over families of their means: each family counts once, however many items it has.

    Under eight families there is no interval, and the figure is insufficient. Under twenty it is
    Student's t over family means, from there on the BCa bootstrap that draws families.

    Args:
      values: float ``[n]``, one an item; nan for an item without a figure, which is left out.
      families: ``[n]``, any names.
      seed: of the resamples.
    """
    from amharic_tl.evaluation.intervals import cluster_bootstrap

    known = ~np.isnan(values)
    names, numbers = np.unique(np.asarray(families)[known], return_inverse=True)
    n = len(names)
    means = np.bincount(numbers, np.asarray(values, float)[known]) / np.maximum(np.bincount(numbers), 1)
    value = float(means.mean()) if n else None
    if n < FEWEST_FAMILIES:
        return FamilyEstimate(
            value, None, None, n, "none", f"{n} families, fewer than the {FEWEST_FAMILIES} that are needed"
        )
    found = {}
    if n >= FEW_FAMILIES:
        units = np.stack([means, np.ones(n)], axis=1)
        found = cluster_bootstrap(units, lambda sums: {"mean": sums[..., 0] / sums[..., 1]}, seed)
    if found:
        return FamilyEstimate(value, *found["mean"], n, "BCa bootstrap over families")
    if np.ptp(means) == 0:
        # Equal means: a bootstrap or t would be a point. The rule of three says how far a rare departure may reach.
        return FamilyEstimate(value, means[0] - 3 / n, means[0] + 3 / n, n, "rule of three, for equal family means")
    return FamilyEstimate(value, *t_interval(means), n, "Student's t over family means")
