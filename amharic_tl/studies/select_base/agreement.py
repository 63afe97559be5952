"""Whether a score foretold the outcome: weighted Kendall tau over the bases that were fine-tuned."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

DRAWS = 1000
LEVEL = 0.95
LEAST_MODELS = 4  # of three, one order in six agrees by chance
_EXACT = 7  # models up to which all orders are tried
UNINFORMATIVE = "the score is uninformative here"
METHOD = (
    "weighted Kendall tau (Vigna 2015, as SciPy computes it: swaps among the best weigh most), 95% bootstrap over "
    "bases, each with its seeds drawn again and its score moved by its own uncertainty; p: share of the orders of the "
    "bases that agree as well"
)


def agreement(
    scores: Sequence[float], deviations: Sequence[float], outcomes: Sequence[Sequence[float]], seed: int = 0
) -> dict[str, Any]:
    """How well the order by score is the order by outcome; more is better in both.

    Args:
      scores: of each base.
      deviations: standard deviation of each score; 0: not known.
      outcomes: of each base, one a seed.
      seed: of the draws.

    Returns:
      ``tau low high p models verdict sentence``; figures are None where they are not defined. ``verdict``:
      ``informative``, ``uninformative`` or ``misleading``.
    """
    count = len(scores)
    means = [float(np.mean(of)) for of in outcomes]
    tau = _tau(scores, means)
    if count < LEAST_MODELS:
        found = {"tau": tau, "low": None, "high": None, "p": None, "models": count, "verdict": "uninformative"}
        why = f"{count} fine-tuned bases are too few to tell agreement from chance, which takes {LEAST_MODELS}"
        return {**found, "sentence": f"{UNINFORMATIVE}: {why}"}
    low, high = _interval(scores, deviations, outcomes, np.random.default_rng(seed))
    p = _chance(scores, means, tau, np.random.default_rng([seed, 1]))
    found = {"tau": tau, "low": low, "high": high, "p": p, "models": count}
    if tau is None or low is None or high is None:
        return {**found, "verdict": "uninformative", "sentence": f"{UNINFORMATIVE}: too many bases tie"}
    shown = f"tau {tau:+.2f} [{low:+.2f}, {high:+.2f}] over {count} bases, p {p:.3f}"
    if high < 0:
        return {**found, "verdict": "misleading", "sentence": f"the score misleads here: {shown}"}
    if low <= 0:
        return {**found, "verdict": "uninformative", "sentence": f"{UNINFORMATIVE}: the interval covers 0 ({shown})"}
    if p is None or p > 1 - LEVEL:
        why = f"chance alone does as well too often ({shown})"
        return {**found, "verdict": "uninformative", "sentence": f"{UNINFORMATIVE}: {why}"}
    return {**found, "verdict": "informative", "sentence": f"the score foretold the outcome here: {shown}"}


def _tau(scores: Sequence[float], outcomes: Sequence[float]) -> float | None:
    from scipy.stats import weightedtau

    if len(set(scores)) < 2 or len(set(outcomes)) < 2:
        return None
    value = float(weightedtau(scores, outcomes).statistic)
    return value if math.isfinite(value) else None


def _interval(
    scores: Sequence[float],
    deviations: Sequence[float],
    outcomes: Sequence[Sequence[float]],
    generator: np.random.Generator,
) -> tuple[float | None, float | None]:
    values, count = [], len(scores)
    for _ in range(DRAWS):
        # A base that is drawn twice is one base twice: the same noise, and a tie.
        moved = np.asarray(scores) + np.asarray(deviations) * generator.standard_normal(count)
        means = np.asarray([generator.choice(of, len(of)).mean() for of in outcomes])
        drawn = generator.integers(0, count, count)
        value = _tau(moved[drawn].tolist(), means[drawn].tolist())
        values += [] if value is None else [value]
    if len(values) < DRAWS / 2:
        return None, None
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _chance(
    scores: Sequence[float], outcomes: Sequence[float], tau: float | None, generator: np.random.Generator
) -> float | None:
    """The share of orders of the outcomes whose tau is at least as large; exact for few bases."""
    if tau is None:
        return None
    if len(scores) <= _EXACT:
        found = [_tau(scores, order) for order in itertools.permutations(outcomes)]
        return sum((value or 0.0) >= tau - 1e-12 for value in found) / len(found)
    found = [_tau(scores, generator.permutation(outcomes).tolist()) for _ in range(DRAWS)]
    return (1 + sum((value or 0.0) >= tau - 1e-12 for value in found)) / (DRAWS + 1)
