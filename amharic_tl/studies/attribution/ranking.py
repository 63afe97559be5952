"""From scores by part of the figure to rankings: intervals, how stable they are, sums over sources. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amharic_tl.safety.statistics import LEVEL

DRAWS = 500


@dataclass(frozen=True)
class Intervals:
    """Sums over the parts ``[N]`` with 95% intervals of what other items of the same kind would give."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def over_parts(scores_NH: np.ndarray) -> Intervals:
    """Student's t over the parts of the figure's items, which hold different near-duplicate clusters.

    Args:
      scores_NH: the share of each part in each row's score; a row's score is their sum.
    """
    from scipy.stats import t

    count = scores_NH.shape[1]
    value = scores_NH.sum(axis=1)
    reach = t.ppf((1 + LEVEL) / 2, count - 1) * scores_NH.std(axis=1, ddof=1) * count**0.5
    return Intervals(value, value - reach, value + reach)


def order_of(scores: np.ndarray, seed: int = 0) -> np.ndarray:
    """Row numbers, highest first; rows that tie in an order drawn at random, since that of the file means something."""
    drawn = np.random.default_rng(seed).permutation(len(scores))
    return np.asarray(drawn[np.argsort(-np.asarray(scores)[drawn], kind="stable")])


def precision_at(order: np.ndarray, planted: np.ndarray, k: int) -> float:
    """The share of the first ``k`` rows that ``planted [N]`` (bool) marks."""
    return float(planted[order[:k]].mean())


def overlap(first: np.ndarray, second: np.ndarray, k: int) -> float:
    """The share of the first ``k`` rows that two orders have in common."""
    k = min(k, len(first))
    return len(set(first[:k].tolist()) & set(second[:k].tolist())) / k


def drawn_parts(count: int, seed: int = 0) -> np.ndarray:
    """float64 ``[DRAWS, H]``: how often a bootstrap over the parts takes each."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), DRAWS).astype(float)


def stability(scores_NH: np.ndarray, k: int) -> dict[str, float]:
    """How much of the first ``k`` rows stays where the figure's parts are drawn again: mean share, 2.5% quantile."""
    order = order_of(scores_NH.sum(axis=1))
    k = min(k, len(order))
    first = set(order[:k].tolist())
    shares = []
    for weights in drawn_parts(scores_NH.shape[1])[:100]:
        again = np.argpartition(-(scores_NH @ weights), k - 1)[:k]
        shares.append(len(first & set(again.tolist())) / k)
    return {"k": k, "mean": float(np.mean(shares)), "low": float(np.quantile(shares, (1 - LEVEL) / 2))}


def by_source(scores_NH: np.ndarray, sources: Sequence[str]) -> list[dict[str, Any]]:
    """Each source's sum and mean with intervals, and in how many bootstrap draws its sum (its mean) is the largest.

    Returns:
      A line a source, the largest sum first.
    """
    names = sorted(set(sources))
    member = np.asarray([[source == name for source in sources] for name in names], float)
    sums_GH, rows = member @ scores_NH, member.sum(axis=1)
    found = over_parts(sums_GH)
    draws = drawn_parts(scores_NH.shape[1])
    sums_DG = draws @ sums_GH.T
    first_sum = np.bincount(sums_DG.argmax(axis=1), minlength=len(names)) / len(draws)
    first_mean = np.bincount((sums_DG / rows).argmax(axis=1), minlength=len(names)) / len(draws)
    lines = [
        {
            "source": name,
            "rows": int(rows[place]),
            "sum": float(found.value[place]),
            "ci_low": float(found.low[place]),
            "ci_high": float(found.high[place]),
            "mean": float(found.value[place] / rows[place]),
            "first_by_sum": float(first_sum[place]),
            "first_by_mean": float(first_mean[place]),
        }
        for place, name in enumerate(names)
    ]
    return sorted(lines, key=lambda line: -line["sum"])
