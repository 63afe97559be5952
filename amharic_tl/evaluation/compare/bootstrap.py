"""Paired bootstrap: the interval of a difference between two systems, over clusters of the items both were given."""

from __future__ import annotations

import numpy as np

from amharic_tl.evaluation.compare.measures import Value
from amharic_tl.evaluation.intervals import bca

RESAMPLES = 5000
_CELLS = 4_000_000  # of one block of draws


def score_of(sums: np.ndarray, value: Value) -> float:
    """The score of an arm: the mean over its runs. ``sums`` are ``[runs, clusters, k]``."""
    return float(np.mean(value(sums.sum(axis=1))))


def paired_bootstrap(
    a: np.ndarray, b: np.ndarray, value: Value, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """95% BCa interval of score(b) - score(a) over clusters of items (Efron 1987; for systems: Koehn 2004).

    The runs are taken as given: it speaks of these models, not of the way they were trained.

    Args:
      a: ``[runs, clusters, k]`` sums of each cluster.
      b: the same clusters.
      value: sums to score.
      resamples: draws of as many clusters as there are.
      seed: of the draws.
    """
    clusters = a.shape[1]
    observed = score_of(b, value) - score_of(a, value)
    drawn = np.concatenate(
        [_differences(counts, a, b, value) for counts in _draws(clusters, resamples, np.random.default_rng(seed))]
    )
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn) or np.ptp(drawn) == 0 or clusters < 2:
        return observed, observed
    left_out = np.mean(value(b.sum(axis=1, keepdims=True) - b), axis=0) - np.mean(
        value(a.sum(axis=1, keepdims=True) - a), axis=0
    )
    return bca(drawn, observed, left_out, np.ones(clusters))


def _draws(clusters: int, resamples: int, generator: np.random.Generator) -> list[np.ndarray]:
    """How often each cluster was drawn, in blocks ``[draws, clusters]``."""
    step = max(1, min(resamples, _CELLS // clusters))
    sizes = [min(step, resamples - start) for start in range(0, resamples, step)]
    return [generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=size) for size in sizes]


def _differences(counts: np.ndarray, a: np.ndarray, b: np.ndarray, value: Value) -> np.ndarray:
    scores = [np.mean([value(counts @ run) for run in arm], axis=0) for arm in (a, b)]
    return np.asarray(scores[1] - scores[0])
