"""Metrics of sets of labels, with intervals. A label is predicted where its probability exceeds one half."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from amharic_tl.evaluation.intervals import LEVEL, RESAMPLES, Intervals, bca, f1_by_class, resample, wilson
from amharic_tl.evaluation.summary import precision_and_recall

THRESHOLD = 0.5
METHOD = (
    f"{LEVEL:.0%} intervals: Wilson for accuracy, Wilson of TP/(TP+FP+FN) for the F1 of a label, "
    f"BCa bootstrap over rows ({RESAMPLES:,} resamples) for micro-F1, macro-F1 and weighted F1"
)


def multi_label_metrics(labels: np.ndarray, probabilities: np.ndarray, label_names: Sequence[str]) -> dict[str, float]:
    """``accuracy micro_f1 macro_f1 weighted_f1 f1/<label>``; nothing where there are no rows.

    As scikit-learn's ``f1_score`` with ``zero_division=0``; macro-F1 is the mean over all labels of the training data,
    accuracy the share of rows all of whose labels are right.

    Args:
      labels: ``[rows, labels]``, 0 or 1.
      probabilities: ``[rows, labels]``.
      label_names: the labels.
    """
    if len(labels) == 0:
        return {}
    sums = row_sums(labels, probabilities).sum(axis=0)
    return {name: float(value) for name, value in metrics_of(sums, label_names).items()}


def multi_label_intervals(
    labels: np.ndarray, probabilities: np.ndarray, label_names: Sequence[str], seed: int = 0
) -> Intervals:
    """95% intervals of these metrics, see :data:`METHOD`; one that cannot be estimated is left out."""
    if len(labels) == 0:
        return {}
    units, counts = np.unique(row_sums(labels, probabilities), axis=0, return_counts=True)
    total = counts @ units
    observed, resampled = metrics_of(total, label_names), metrics_of(resample(units, counts, seed), label_names)
    left_out = metrics_of(total - units, label_names) if counts.sum() > 1 else {}
    found: Intervals = {}
    for name in ("micro_f1", "macro_f1", "weighted_f1"):
        if name in left_out and np.ptp(resampled[name]) > 0:
            found[name] = bca(resampled[name], float(observed[name]), left_out[name], counts)
    right, gold, predicted = np.split(total[:-2], 3)
    found["accuracy"] = wilson(int(total[-2]), len(labels))
    for index, name in enumerate(label_names):
        involved = int(gold[index] + predicted[index] - right[index])
        if involved:
            low, high = wilson(int(right[index]), involved)
            found[f"f1/{name}"] = (2 * low / (1 + low), 2 * high / (1 + high))
    return found


def multi_label_summary(labels: np.ndarray, probabilities: np.ndarray, label_names: Sequence[str]) -> dict[str, Any]:
    """What evaluation.json holds of a split: metrics, intervals, precision and recall by label."""
    sums = row_sums(labels, probabilities).sum(axis=0).astype(int)
    right, gold, predicted = np.split(sums[:-2], 3)
    return {
        "n": len(labels),
        "metrics": multi_label_metrics(labels, probabilities, label_names),
        "intervals": {
            name: list(ends) for name, ends in multi_label_intervals(labels, probabilities, label_names).items()
        },
        "interval": METHOD,
        "classes": {
            name: precision_and_recall(int(right[index]), int(gold[index]), int(predicted[index]))
            for index, name in enumerate(label_names)
        },
    }


def row_sums(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """float64 ``[rows, 3 * labels + 2]``: right, gold and predicted by label, whether all are right, one."""
    gold, predicted = labels > 0.5, probabilities > THRESHOLD
    exact = (gold == predicted).all(axis=1, keepdims=True)
    return np.concatenate([gold & predicted, gold, predicted, exact, np.ones_like(exact)], axis=1).astype(np.float64)


def metrics_of(sums: np.ndarray, label_names: Sequence[str]) -> dict[str, np.ndarray]:
    """The metrics of sums ``[..., 3 * labels + 2]``, each ``[...]``."""
    right, gold, predicted = np.split(sums[..., :-2], 3, axis=-1)
    by_label = f1_by_class(right, gold, predicted)
    metrics = {
        "accuracy": sums[..., -2] / np.maximum(sums[..., -1], 1),
        "micro_f1": f1_by_class(right.sum(axis=-1), gold.sum(axis=-1), predicted.sum(axis=-1)),
        "macro_f1": by_label.mean(axis=-1),
        "weighted_f1": (by_label * gold).sum(axis=-1) / np.maximum(gold.sum(axis=-1), 1),
    }
    return metrics | {f"f1/{name}": by_label[..., index] for index, name in enumerate(label_names)}
