"""Did it move? A one-sided CUSUM over looks (Page, Biometrika 1954), calibrated to an average run length."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from amharic_tl.safety.statistics import FEWEST_FAMILIES

ALLOWANCE = 0.5  # standard errors; best for a shift of twice as many
_CELLS = 200
_LEAST_TAIL = 1e-15


def accumulated(before: np.ndarray | float, z: np.ndarray | float) -> np.ndarray:
    """The sum after a look: ``max(0, before + z - ALLOWANCE)``."""
    return np.maximum(0.0, np.asarray(before) + np.asarray(z) - ALLOWANCE)


def run_length(limit: float) -> float:
    """Looks until the sum first reaches ``limit``, on average, where each z is standard normal: nothing moved.

    The sum as a Markov chain on 200 cells (Brook & Evans, Biometrika 1972).
    """
    from scipy.stats import norm

    width = 2 * limit / (2 * _CELLS - 1)
    cells = np.arange(_CELLS) * width
    reach = cells[None, :] - cells[:, None] + ALLOWANCE
    moves = norm.cdf(reach + width / 2) - norm.cdf(reach - width / 2)
    moves[:, 0] = norm.cdf(reach[:, 0] + width / 2)
    return float(np.linalg.solve(np.eye(_CELLS) - moves, np.ones(_CELLS))[0])


@lru_cache(maxsize=8)
def limit_for(length: float) -> float:
    """The limit with an average run length of ``length`` looks."""
    from scipy.optimize import brentq

    return float(brentq(lambda limit: run_length(limit) - length, 0.05, 16.0, xtol=1e-4))


def standardised(changes: np.ndarray) -> float | None:
    """The mean of ``changes [items]`` in standard errors, as a standard normal where their mean is 0.

    Student's t of the mean, taken to the normal with the same tail, so that few items raise no more alarms than many.
    None for fewer than eight items, and where none of them changed: such a look says nothing.
    """
    from scipy.stats import norm, t

    n = len(changes)
    if n < FEWEST_FAMILIES or not changes.any():
        return None
    mean, error = float(changes.mean()), float(changes.std(ddof=1)) / n**0.5
    tail = t.sf(mean / error, n - 1) if error > 0 else float(mean < 0)
    return float(norm.isf(np.clip(tail, _LEAST_TAIL, 1 - _LEAST_TAIL)))
