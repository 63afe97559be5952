"""Parity of decisions between groups: demographic parity, equalised odds, equal opportunity, worst group.

Definitions are those of fairlearn (Hardt et al. 2016 for odds and opportunity), with two differences. A rate that a
group cannot have (no positive label, no rows) is nan and left out, where fairlearn counts it as 0. A ratio of 0 to 0
and a comparison of fewer than two groups are None, where fairlearn gives nan or a difference of 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amharic_tl.safety.fairness.counts import GroupCounts


@dataclass(frozen=True)
class Rates:
    """Rates by group, float ``[..., G]``; nan where a group has no row that the rate is about.

    Attributes:
      selection: P(decided positive).
      true_positive: P(decided positive | label positive), the recall.
      false_positive: P(decided positive | label negative).
      accuracy: P(decision is the label).
    """

    selection: np.ndarray
    true_positive: np.ndarray
    false_positive: np.ndarray
    accuracy: np.ndarray

    @staticmethod
    def of_cells(cells: np.ndarray, minimum_n: int = 1) -> Rates:
        """From counts ``[..., G, 4]``, as of :func:`cells_of`.

        A rate of fewer than ``minimum_n`` rows is nan.
        """
        return Rates(
            **{
                name: np.where(sizes >= minimum_n, _share(hits, sizes), np.nan)
                for name, (hits, sizes) in tallies(cells).items()
            }
        )


def tallies(cells: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each rate of :class:`Rates` what it counts and among how many rows, ``[..., G]`` each."""
    true_positive, false_negative, false_positive, true_negative = np.moveaxis(np.asarray(cells), -1, 0)
    positive, negative = true_positive + false_negative, false_positive + true_negative
    return {
        "selection": (true_positive + false_positive, positive + negative),
        "true_positive": (true_positive, positive),
        "false_positive": (false_positive, negative),
        "accuracy": (true_positive + true_negative, positive + negative),
    }


def cells_of(counts: GroupCounts) -> np.ndarray:
    """Int ``[G, 4]`` by group, without all rows: true positives, false negatives, false positives, true negatives."""
    rows, positives, found, both = (
        np.asarray(one)[:-1] for one in (counts.rows, counts.positives, counts.found, counts.true_positives)
    )
    return np.stack([both, positives - both, found - both, rows - positives - found + both], axis=-1)


@dataclass(frozen=True)
class Parity:
    """Figures over groups, ``[...]`` each; nan where fewer than two groups have the rate. Null: 0, ratios 1.

    Attributes:
      demographic_parity_difference: largest minus smallest selection rate.
      demographic_parity_ratio: smallest over largest selection rate.
      equal_opportunity_difference: largest minus smallest true-positive rate.
      equal_opportunity_ratio: smallest over largest true-positive rate.
      equalized_odds_difference: the larger of the differences of true-positive and false-positive rates.
      equalized_odds_mean_difference: the mean of the two.
      equalized_odds_ratio: the smaller of the two ratios.
      worst_group_accuracy: the smallest accuracy; no figure of parity, so it has no null of its own.
    """

    demographic_parity_difference: np.ndarray
    demographic_parity_ratio: np.ndarray
    equal_opportunity_difference: np.ndarray
    equal_opportunity_ratio: np.ndarray
    equalized_odds_difference: np.ndarray
    equalized_odds_mean_difference: np.ndarray
    equalized_odds_ratio: np.ndarray
    worst_group_accuracy: np.ndarray

    @staticmethod
    def of(rates: Rates) -> Parity:
        """From the rates of groups."""
        recall, alarms = difference(rates.true_positive), difference(rates.false_positive)
        return Parity(
            difference(rates.selection),
            ratio(rates.selection),
            recall,
            ratio(rates.true_positive),
            np.maximum(recall, alarms),
            (recall + alarms) / 2,
            np.minimum(ratio(rates.true_positive), ratio(rates.false_positive)),
            _smallest(rates.accuracy),
        )

    def to_dict(self) -> dict[str, float | None]:
        """Of a single set of rates: the figures, None for nan."""
        return {name: None if np.isnan(value) else float(value) for name, value in vars(self).items()}


def difference(rates: np.ndarray) -> np.ndarray:
    """Largest minus smallest over the last axis, nan where fewer than two are known: ``[..., G]`` to ``[...]``."""
    return np.where(_known(rates) < 2, np.nan, _largest(rates) - _smallest(rates))


def ratio(rates: np.ndarray) -> np.ndarray:
    """Smallest over largest, nan where fewer than two are known or the largest is 0."""
    return np.where(_known(rates) < 2, np.nan, _share(_smallest(rates), _largest(rates)))


def _known(rates: np.ndarray) -> np.ndarray:
    return np.asarray((~np.isnan(rates)).sum(axis=-1))


def _largest(rates: np.ndarray) -> np.ndarray:
    filled = np.where(np.isnan(rates), -np.inf, rates).max(axis=-1, initial=-np.inf)
    return np.where(_known(rates) == 0, np.nan, filled)


def _smallest(rates: np.ndarray) -> np.ndarray:
    filled = np.where(np.isnan(rates), np.inf, rates).min(axis=-1, initial=np.inf)
    return np.where(_known(rates) == 0, np.nan, filled)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
