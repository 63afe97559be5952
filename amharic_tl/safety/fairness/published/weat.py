"""WEAT (Caliskan et al. 2017): whether two sets of targets differ in their nearness to two sets of attributes.

A diagnostic of embeddings: it often does not follow what a model does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_PARTITIONS = 20_000


@dataclass(frozen=True)
class Weat:
    """Effect size d (null 0, within -2 and 2) and one-sided p of a permutation test."""

    effect: float
    p: float
    exact: bool


def weat(
    targets_x: np.ndarray, targets_y: np.ndarray, attributes_a: np.ndarray, attributes_b: np.ndarray, seed: int = 0
) -> Weat:
    """d = (mean_x s - mean_y s) / std(s over both, n - 1), with s(w) = mean_a cos(w, a) - mean_b cos(w, b).

    p is the share of ways to divide all targets into sets of these sizes whose mean difference is at least the one seen
    (ties count); with more than :data:`MOST_PARTITIONS` ways that many are drawn, and one is added to both counts.

    Args:
      targets_x, targets_y, attributes_a, attributes_b: vectors ``[n, D]``.
      seed: of drawn partitions.

    Raises:
      ValueError: fewer than two targets in all, an empty set, or a vector of zeros.
    """
    from math import comb

    from scipy.stats import permutation_test

    x, y, a, b = (_unit(vectors) for vectors in (targets_x, targets_y, attributes_a, attributes_b))
    of_x, of_y = (w @ a.T.mean(axis=1) - w @ b.T.mean(axis=1) for w in (x, y))
    spread = np.concatenate([of_x, of_y]).std(ddof=1)
    difference = of_x.mean() - of_y.mean()
    found = permutation_test(
        (of_x, of_y),
        lambda left, right, axis: left.mean(axis=axis) - right.mean(axis=axis),
        vectorized=True,
        alternative="greater",
        n_resamples=MOST_PARTITIONS,
        random_state=np.random.default_rng(seed),
    )
    exact = comb(len(x) + len(y), len(x)) <= MOST_PARTITIONS
    return Weat(float(difference / spread) if spread > 0 else 0.0, float(found.pvalue), exact)


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, float)
    if vectors.ndim != 2 or not len(vectors):
        raise ValueError("expected one or more vectors, [n, D]")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if (lengths == 0).any():
        raise ValueError("a vector of zeros has no direction")
    return vectors / lengths
