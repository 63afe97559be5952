"""How scores rank rows of a group against the background: threshold-free figures of Borkan et al. 2019.

D+ and D- are rows with positive and negative labels, g those of the group and bg all others. AUC is P(a positive row
scores above a negative one) + P(tie) / 2. None stands wherever a side has no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from amharic_tl.safety.fairness.counts import GroupCounts

POWER = -5.0


@dataclass(frozen=True)
class Auc:
    """An AUC, its 95% interval, and how many positive and negative rows it compares."""

    value: float
    low: float
    high: float
    positives: int
    negatives: int


@dataclass(frozen=True)
class GroupRanking:
    """The figures of a group.

    Attributes:
      subgroup: AUC(D-_g + D+_g).
      bpsn: background positive, subgroup negative, AUC(D+_bg + D-_g): low where harmless rows that name the group are
        taken for harm.
      bnsp: background negative, subgroup positive, AUC(D-_bg + D+_g): low where harm to the group is overlooked.
      negative_gap: average equality gap AEG-, 1/2 - P(a score of D-_bg exceeds one of D-_g); null 0, positive where the
        group's negative rows score higher.
      positive_gap: AEG+, the same of positive rows.
    """

    subgroup: Auc | None
    bpsn: Auc | None
    bnsp: Auc | None
    negative_gap: float | None
    positive_gap: float | None


def rank_group(scores: np.ndarray, positive: np.ndarray, inside: np.ndarray) -> GroupRanking:
    """The figures of one group.

    Args:
      scores: float ``[N]``.
      positive: bool ``[N]``, the labels.
      inside: bool ``[N]``, the rows of the group.
    """
    own_positive, own_negative = scores[inside & positive], scores[inside & ~positive]
    other_positive, other_negative = scores[~inside & positive], scores[~inside & ~positive]
    return GroupRanking(
        auc(own_positive, own_negative),
        auc(other_positive, own_negative),
        auc(own_positive, other_negative),
        _equality_gap(other_negative, own_negative),
        _equality_gap(other_positive, own_positive),
    )


def auc(positives: np.ndarray, negatives: np.ndarray) -> Auc | None:
    """AUC with DeLong's variance (DeLong et al. 1988) on the logit scale; None where a side is empty.

    Where the variance is 0 (all pairs are right, or all wrong) or a side has one row, the interval is Wilson's of that
    share with as many trials as the smaller side has rows.
    """
    from scipy.special import expit, logit
    from scipy.stats import norm

    from amharic_tl.evaluation.intervals import LEVEL

    m, n = len(positives), len(negatives)
    if not m or not n:
        return None
    of_positive = _placements(positives, negatives)
    of_negative = 1.0 - _placements(negatives, positives)
    value = float(of_positive.mean())
    variance = of_positive.var(ddof=1) / m + of_negative.var(ddof=1) / n if min(m, n) > 1 else 0.0
    z = norm.ppf((1 + LEVEL) / 2)
    if variance > 0 and 0 < value < 1:
        reach = z * np.sqrt(variance) / (value * (1 - value))
        low, high = expit(logit(value) - reach), expit(logit(value) + reach)
    else:
        trials = min(m, n)
        centre = (value + z**2 / (2 * trials)) / (1 + z**2 / trials)
        reach = z * np.sqrt(value * (1 - value) / trials + z**2 / (4 * trials**2)) / (1 + z**2 / trials)
        low, high = max(0.0, centre - reach), min(1.0, centre + reach)
    return Auc(value, float(low), float(high), m, n)


def generalised_mean(values: Sequence[float], power: float = POWER) -> float | None:
    """M_p = (1/N sum m^p)^(1/p); with p = -5 the worst groups weigh most. None without values, 0 if one of them is 0.

    Raises:
      ValueError: a power of 0, or a negative value.
    """
    array = np.asarray(values, float)
    if power == 0 or (array < 0).any():
        raise ValueError("a generalised mean needs a power other than 0 and values of at least 0")
    if not len(array):
        return None
    if power < 0 and (array == 0).any():
        return 0.0
    return float(np.mean(array**power) ** (1 / power))


def bias_aware_auc(overall: float, by_group: Sequence[GroupRanking], power: float = POWER) -> float | None:
    """A quarter each of the overall AUC and the generalised means of subgroup, BPSN and BNSP AUC over groups.

    The final score of the Jigsaw competition on unintended bias. None where one of them is missing for every group.
    """
    means = [
        generalised_mean([one.value for group in by_group if (one := getattr(group, name)) is not None], power)
        for name in ("subgroup", "bpsn", "bnsp")
    ]
    return None if any(mean is None for mean in means) else float(np.mean([overall, *(mean or 0.0 for mean in means)]))


def binned_aucs(counts: GroupCounts) -> dict[str, np.ndarray]:
    """``subgroup``, ``bpsn`` and ``bnsp`` ``[G]`` and ``overall`` ``[]`` from histograms of scores; nan where empty.

    Scores of one bin count as ties, so each is within half the share of pairs that fall into one bin of the exact AUC.
    """
    everyone = np.asarray(counts.histogram[-1], float)
    own = np.asarray(counts.histogram[:-1], float)
    others = everyone - own
    return {
        "subgroup": _binned(own[:, 1], own[:, 0]),
        "bpsn": _binned(others[:, 1], own[:, 0]),
        "bnsp": _binned(own[:, 1], others[:, 0]),
        "overall": _binned(everyone[1], everyone[0]),
    }


def _binned(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    below = np.cumsum(negatives, axis=-1) - negatives
    wins = (positives * (below + negatives / 2)).sum(axis=-1)
    pairs = positives.sum(axis=-1) * negatives.sum(axis=-1)
    return np.divide(wins, pairs, out=np.full(np.shape(wins), np.nan), where=pairs > 0)


def _placements(values: np.ndarray, against: np.ndarray) -> np.ndarray:
    """For each value the share of ``against`` below it, ties half."""
    ordered = np.sort(against)
    left, right = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((left + right) / (2 * len(against)))


def _equality_gap(background: np.ndarray, group: np.ndarray) -> float | None:
    if not len(background) or not len(group):
        return None
    return 0.5 - float(_placements(background, group).mean())
