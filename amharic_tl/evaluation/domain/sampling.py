"""A statistic of two collections with an interval, beside what it is between two halves of one of them.

Drawn are halves of the texts without replacement: their spread equals that of the bootstrap (Politis & Romano 1994,
with half of the sample), and no text is repeated, which would push such distances up by itself. Between and within are
drawn at one size, as distances over terms grow where samples shrink: the difference of the two speaks of the domain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

DRAWS = 100
LEVEL = 0.95
LEAST_TEXTS = 4

Statistic = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Measured:
    """A figure with its 95% interval, beside what halves of one collection give (the self-split).

    Attributes:
      value, low, high: between the collections.
      baseline, baseline_low, baseline_high: between two halves of one, both collections in turn.
      excess, excess_low, excess_high: ``value`` less ``baseline``, draw by draw.
      texts: of each side of a draw.
    """

    value: float
    low: float
    high: float
    baseline: float
    baseline_low: float
    baseline_high: float
    excess: float
    excess_low: float
    excess_high: float
    texts: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def between_and_within(
    first: Any, second: Any, statistic: Statistic, *, draws: int = DRAWS, seed: int = 0
) -> Measured | None:
    """Measures ``statistic`` between two collections and within each; None with fewer than four texts on a side.

    Args:
      first, second: counts ``[texts, terms]``, dense or sparse, over the same terms.
      statistic: of two vectors of counts ``[terms]``.
      draws: of halves.
      seed: of the draws.
    """
    half = min(first.shape[0], second.shape[0]) // 2
    if 2 * half < LEAST_TEXTS:
        return None
    generator = np.random.default_rng(seed)
    between, within = [], []
    for _ in range(draws):
        a, other_a = _two_halves(first, half, generator)
        b, other_b = _two_halves(second, half, generator)
        if not (a.any() and b.any() and other_a.any() and other_b.any()):
            continue  # texts without a term
        between.append(statistic(a, b))
        within.append((statistic(a, other_a) + statistic(b, other_b)) / 2)
    if len(between) < draws / 2:
        return None
    values, baselines = np.asarray(between), np.asarray(within)
    return Measured(*_middle(values), *_middle(baselines), *_middle(values - baselines), texts=half)


def _two_halves(counts: Any, half: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The summed counts of ``half`` texts and of as many others."""
    chosen = generator.permutation(counts.shape[0])[: 2 * half]
    weights = np.zeros((2, counts.shape[0]))
    weights[0, chosen[:half]], weights[1, chosen[half:]] = 1, 1
    sums = np.asarray(weights @ counts)
    return sums[0], sums[1]


def _middle(values: np.ndarray) -> tuple[float, float, float]:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(values.mean()), float(low), float(high)
