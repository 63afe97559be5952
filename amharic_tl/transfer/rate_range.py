"""What a learning-rate range test (Smith 2017, section 3.3) says: the rates at which the loss falls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# The test stops where the running average of the loss, of this much memory, is beyond this many times its lowest.
DIVERGED = 4.0
_MEMORY = 0.9
# The loss has begun to fall where this share of its whole fall is done.
_BEGUN = 0.1


@dataclass(frozen=True)
class RateRange:
    """Rates between which the smoothed loss fell.

    Attributes:
      low: where a tenth of the fall was done.
      steepest: where it fell fastest over the logarithm of the rate.
      high: where it was lowest.
    """

    low: float
    steepest: float
    high: float


def exponential_rates(lowest: float, highest: float, steps: int) -> np.ndarray:
    """``steps`` rates of equal ratios, both ends among them: float64."""
    return np.geomspace(lowest, highest, steps)


class Divergence:
    """Tells from one loss after the other when their running average has diverged."""

    def __init__(self) -> None:
        self._sum, self._count, self._lowest = 0.0, 0, np.inf

    def seen(self, loss: float) -> bool:
        """Whether the average with this loss is not finite, or beyond ``DIVERGED`` times the lowest one so far."""
        self._count += 1
        self._sum = _MEMORY * self._sum + (1 - _MEMORY) * loss
        average = self._sum / (1 - _MEMORY**self._count)  # corrected for its beginning
        self._lowest = min(self._lowest, average)
        return not average <= DIVERGED * self._lowest


def centred(losses: Sequence[float]) -> np.ndarray:
    """Means over the neighbours on both sides, a twentieth of all on each (as many as there are, at the ends): unlike
    a running average they do not lag. What is not finite stays so.
    """
    values = np.asarray(losses, np.float64)
    reach = _reach(len(values))
    return np.asarray([values[max(index - reach, 0) : index + reach + 1].mean() for index in range(len(values))])


def range_of(rates: Sequence[float], losses: Sequence[float]) -> RateRange | None:
    """The range, or None where the loss did not fall by more than it scatters from step to step.

    Args:
      rates: rising.
      losses: at these rates.
    """
    curve, grid = centred(losses), np.log(np.asarray(rates, np.float64))
    finite = np.isfinite(curve)
    if finite.sum() < 5:
        return None
    raw, curve, grid = np.asarray(losses, np.float64)[finite], curve[finite], grid[finite]
    early = max(len(curve) // 5, 3)
    begin, lowest = float(np.mean(raw[:early])), int(np.argmin(curve))
    fall = begin - curve[lowest]
    scatter = float(np.std(raw[:early])) / np.sqrt(2 * _reach(len(curve)) + 1)
    # The lowest of many means of scatter alone lies some three of their deviations down.
    if fall <= max(5 * scatter, 0.01 * abs(begin)):
        return None
    # From the lowest point back to where the loss was last above what counts as begun: an early dip is no beginning.
    above = np.flatnonzero(curve[: lowest + 1] > begin - _BEGUN * fall)
    low = int(above[-1]) + 1 if above.size else 0
    slopes = np.gradient(curve, grid)
    steepest = low + int(np.argmin(slopes[low : lowest + 1]))
    return RateRange(*(float(np.exp(grid[index])) for index in (low, steepest, lowest)))


def _reach(count: int) -> int:
    return max(count // 20, 2)
