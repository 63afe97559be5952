"""Randomisation tests: how large a difference is where it does not matter which system an output came from."""

from __future__ import annotations

import numpy as np

from amharic_tl.evaluation.compare.bootstrap import score_of
from amharic_tl.evaluation.compare.measures import Value

ROUNDS = 9999
EXACT_UP_TO = 12  # differing clusters, of which all exchanges are gone through
_CELLS = 4_000_000


def approximate_randomisation(
    a: np.ndarray, b: np.ndarray, value: Value, *, rounds: int = ROUNDS, seed: int = 0
) -> float:
    """Two-sided p of score(b) - score(a) under exchange of both systems' outputs, a whole cluster at a time.

    Noreen 1989; Yeh 2000. The p is (1 + exchanges with at least this difference) / (1 + exchanges), which holds its
    level with any number of exchanges (Phipson & Smyth 2010); with few differing clusters all of them are gone through.

    Args:
      a: ``[runs, clusters, k]`` sums of each cluster.
      b: as many runs, the same clusters; run by run they change places together.
      value: sums to score.
      rounds: random exchanges.
      seed: of them.

    Raises:
      ValueError: unequal numbers of runs.
    """
    if a.shape != b.shape:
        raise ValueError(f"expected as many runs of both systems, found {len(a)} and {len(b)}")
    observed = abs(score_of(b, value) - score_of(a, value))
    differing = np.any(a != b, axis=(0, 2))
    change = (b - a)[:, differing]
    count = int(differing.sum())
    if count == 0:
        return 1.0
    totals = a.sum(axis=1), b.sum(axis=1)

    def extreme(swaps: np.ndarray) -> int:
        """How many exchanges, rows of 0 and 1, give at least the observed difference."""
        moved = np.stack([swaps @ run for run in change])  # [runs, exchanges, k]
        scores = [np.mean(value(totals[side][:, None] + sign * moved), axis=0) for side, sign in ((0, 1), (1, -1))]
        return int(np.sum(np.abs(scores[1] - scores[0]) >= observed - 1e-12))

    if count <= EXACT_UP_TO:
        return extreme(_all_signs(count)) / 2**count
    generator = np.random.default_rng(seed)
    step = max(1, min(rounds, _CELLS // count))
    found = sum(
        extreme(generator.integers(0, 2, (min(step, rounds - start), count)).astype(np.float64))
        for start in range(0, rounds, step)
    )
    return (1 + found) / (1 + rounds)


def sign_flip(differences: np.ndarray, *, rounds: int = ROUNDS, seed: int = 0) -> float:
    """Two-sided p of a mean of paired differences under changes of their signs (Fisher 1935); exact for few pairs.

    With n pairs it cannot be below 2 / 2^n: five seeds can never give less than 0.0625.
    """
    differences = np.asarray(differences, np.float64)
    moved = differences[differences != 0]
    if not len(moved):
        return 1.0
    observed = abs(moved.sum()) - 1e-12 * np.abs(moved).sum()
    if len(moved) <= EXACT_UP_TO:
        signs = 2.0 * _all_signs(len(moved)) - 1
        return float(np.mean(np.abs(signs @ moved) >= observed))
    drawn = 2.0 * np.random.default_rng(seed).integers(0, 2, (rounds, len(moved))) - 1
    return float((1 + np.sum(np.abs(drawn @ moved) >= observed)) / (1 + rounds))


def _all_signs(count: int) -> np.ndarray:
    """float64 ``[2**count, count]`` of 0 and 1."""
    return ((np.arange(2**count)[:, None] >> np.arange(count)) & 1).astype(np.float64)
