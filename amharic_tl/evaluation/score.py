"""Classification metrics, by scikit-learn, under this project's names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def confusion_counts(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """int64 ``[classes + 1, classes]``: gold by predicted; the last row counts unknown gold labels (-1)."""
    counts = np.zeros((classes + 1, classes), np.int64)
    np.add.at(counts, (np.where(labels < 0, classes, labels), predicted), 1)
    return counts


def classification_metrics(labels: np.ndarray, predicted: np.ndarray, label_names: Sequence[str]) -> dict[str, float]:
    """``accuracy macro_f1 weighted_f1 f1/<label>``; nothing where there are no rows.

    Macro-F1 is the mean F1 over all classes of the training data, also those absent here; weighted F1 weighs each
    class by its gold count (scikit-learn's ``f1_score``). A row whose gold label the model does not know (-1) is wrong
    whatever is predicted, and counts as a false positive of the class predicted.

    Args:
      labels: int ``[rows]``, -1 for an unknown label.
      predicted: int ``[rows]``.
      label_names: the classes.
    """
    from sklearn.metrics import f1_score

    if len(labels) == 0:
        return {}
    classes = list(range(len(label_names)))
    by_class = f1_score(labels, predicted, labels=classes, average=None, zero_division=0)
    support = np.bincount(labels[labels >= 0], minlength=len(classes))
    metrics = {
        "accuracy": float(np.mean(labels == predicted)),
        "macro_f1": float(by_class.mean()),
        "weighted_f1": float(np.average(by_class, weights=support)) if support.sum() else 0.0,
    }
    return metrics | {f"f1/{name}": float(score) for name, score in zip(label_names, by_class, strict=True)}
