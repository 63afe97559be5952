"""Bootstrap intervals of classification metrics.

Every metric here is a function of the confusion counts, and drawing rows with replacement draws those counts from a
multinomial distribution, so that thousands of resamples cost one call.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from amharic_tl.evaluation.score import confusion_counts

RESAMPLES = 2000
LEVEL = 0.95


def metrics_of_counts(counts: np.ndarray, label_names: Sequence[str]) -> dict[str, np.ndarray]:
    """The metrics of :func:`~amharic_tl.evaluation.score.classification_metrics` from counts ``[..., C + 1, C]``."""
    classes = counts.shape[-1]
    right = np.diagonal(counts[..., :classes, :], axis1=-2, axis2=-1).astype(float)
    gold = counts.sum(axis=-1)[..., :classes].astype(float)
    predicted = counts.sum(axis=-2).astype(float)
    denominator = gold + predicted
    by_class = np.divide(2 * right, denominator, out=np.zeros_like(right), where=denominator > 0)
    known = np.maximum(gold.sum(axis=-1), 1)
    metrics = {
        "accuracy": right.sum(axis=-1) / counts.sum(axis=(-2, -1)),
        "macro_f1": by_class.mean(axis=-1),
        "weighted_f1": (by_class * gold).sum(axis=-1) / known,
    }
    return metrics | {f"f1/{name}": by_class[..., index] for index, name in enumerate(label_names)}


def bootstrap_intervals(
    labels: np.ndarray, predicted: np.ndarray, label_names: Sequence[str], seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95% percentile bootstrap intervals (Efron & Tibshirani 1993, chapter 13) over 2,000 resamples of the rows."""
    counts = confusion_counts(labels, predicted, len(label_names))
    n = int(counts.sum())
    if n == 0:
        return {}
    drawn = np.random.default_rng(seed).multinomial(n, (counts / n).ravel(), size=RESAMPLES)
    resampled = metrics_of_counts(drawn.reshape(RESAMPLES, *counts.shape), label_names)
    tail = 100 * (1 - LEVEL) / 2
    return {
        name: (float(np.percentile(values, tail)), float(np.percentile(values, 100 - tail)))
        for name, values in resampled.items()
    }
