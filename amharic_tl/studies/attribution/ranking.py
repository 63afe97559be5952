"""From scores by part of the figure to rankings: intervals, how stable they are, sums over sources. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amharic_tl.safety.differentiable import Part
from amharic_tl.safety.statistics import LEVEL

DRAWS = 500


@dataclass(frozen=True)
class Intervals:
    """Sums over the parts ``[N]`` with 95% intervals of what other items of the same kind would give."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def over_parts(scores_NH: np.ndarray, parts: Sequence[Part]) -> Intervals:
    """Student's t over the parts of a figure, which hold different near-duplicate clusters.

    The figure is a mean, or the difference of the means of two sides, and parts differ in size: the variance of each
    side is that of a ratio estimator (Cochran 1977, "Sampling Techniques", equation 2.39), and those of sides add up.

    Args:
      scores_NH: the share of each part in each row's score; a row's score is their sum.
      parts: ``[H]``.
    """
    from scipy.stats import t

    variance = np.zeros(len(scores_NH))
    sides = _sides(parts)
    for mine, share in sides:
        of_side = scores_NH[:, mine]
        residuals = of_side - share * of_side.sum(axis=1, keepdims=True)
        variance += len(mine) / (len(mine) - 1) * (residuals**2).sum(axis=1)
    value = scores_NH.sum(axis=1)
    reach = t.ppf((1 + LEVEL) / 2, len(parts) - len(sides)) * np.sqrt(variance)
    return Intervals(value, value - reach, value + reach)


def _sides(parts: Sequence[Part]) -> list[tuple[list[int], np.ndarray]]:
    """The numbers and the shares of the parts of each side."""
    numbers = {
        side: [number for number, part in enumerate(parts) if part.side == side]
        for side in dict.fromkeys(part.side for part in parts)
    }
    return [(mine, np.asarray([parts[number].share for number in mine])) for mine in numbers.values()]


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


def drawn_parts(parts: Sequence[Part], seed: int = 0) -> np.ndarray:
    """float64 ``[DRAWS, H]``: what a bootstrap over the parts of each side makes each count for."""
    generator = np.random.default_rng(seed)
    draws = np.zeros((DRAWS, len(parts)))
    for mine, share in _sides(parts):
        times = generator.multinomial(len(mine), np.full(len(mine), 1 / len(mine)), DRAWS)
        draws[:, mine] = times / (times @ share)[:, None]  # a mean, however many items were drawn
    return draws


def stability(scores_NH: np.ndarray, parts: Sequence[Part], k: int) -> dict[str, float]:
    """How much of the first ``k`` rows stays where the figure's parts are drawn again: mean share, 2.5% quantile."""
    order = order_of(scores_NH.sum(axis=1))
    k = min(k, len(order))
    first = set(order[:k].tolist())
    shares = []
    for weights in drawn_parts(parts)[:100]:
        again = np.argpartition(-(scores_NH @ weights), k - 1)[:k]
        shares.append(len(first & set(again.tolist())) / k)
    return {"k": k, "mean": float(np.mean(shares)), "low": float(np.quantile(shares, (1 - LEVEL) / 2))}


def by_source(scores_NH: np.ndarray, parts: Sequence[Part], sources: Sequence[str]) -> list[dict[str, Any]]:
    """Each source's sum and mean with intervals, and in how many bootstrap draws its sum (its mean) is the largest.

    Returns:
      A line a source, the largest sum first.
    """
    names = sorted(set(sources))
    member = np.asarray([[source == name for source in sources] for name in names], float)
    sums_GH, rows = member @ scores_NH, member.sum(axis=1)
    found = over_parts(sums_GH, parts)
    draws = drawn_parts(parts)
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
