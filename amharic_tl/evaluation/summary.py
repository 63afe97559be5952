"""What evaluation.json holds of a split: metrics, intervals, confusion counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from amharic_tl.evaluation.intervals import CLUSTERS_METHOD, ROWS_METHOD, intervals, wilson
from amharic_tl.evaluation.score import classification_metrics, confusion_counts


def summarise(
    labels: np.ndarray,
    predicted: np.ndarray,
    label_names: Sequence[str],
    seed: int = 0,
    clusters: Sequence[object] | None = None,
) -> dict[str, Any]:
    """Metrics with intervals, precision and recall by class, and the confusion matrix (gold in rows).

    ``unknown_labels`` counts rows whose gold label the model does not know; they are wrong in every metric, and
    ``confusion["unknown"]`` says what was predicted for them. A metric that ``intervals`` leaves out has none that
    means anything. Arguments: as of :func:`~amharic_tl.evaluation.intervals.intervals`.
    """
    counts = confusion_counts(labels, predicted, len(label_names))
    found = intervals(labels, predicted, label_names, seed, clusters)
    return {
        "n": len(labels),
        "metrics": classification_metrics(labels, predicted, label_names),
        "intervals": {name: list(ends) for name, ends in found.items()},
        "interval": ROWS_METHOD if clusters is None else CLUSTERS_METHOD,
        "classes": {
            name: precision_and_recall(int(counts[i, i]), int(counts[i].sum()), int(counts[:, i].sum()))
            for i, name in enumerate(label_names)
        },
        "confusion": {"labels": list(label_names), "counts": counts[:-1].tolist(), "unknown": counts[-1].tolist()},
        "unknown_labels": int(counts[-1].sum()),
    }


def precision_and_recall(right: int, gold: int, predicted: int) -> dict[str, Any]:
    """Of one class, with Wilson's intervals; None where there is nothing to divide by."""
    return {
        "gold": gold,
        "predicted": predicted,
        "precision": right / predicted if predicted else None,
        "precision_interval": list(wilson(right, predicted)) if predicted else None,
        "recall": right / gold if gold else None,
        "recall_interval": list(wilson(right, gold)) if gold else None,
    }


def prediction_lines(
    ids: Sequence[str], gold: Sequence[str | None], probabilities: np.ndarray, label_names: Sequence[str]
) -> list[dict[str, Any]]:
    """Lines of predictions-<split>.jsonl: ids and scores, never text."""
    predicted = probabilities.argmax(axis=-1)
    return [
        {
            "id": identity,
            "label": label,
            "predicted": label_names[int(choice)],
            "scores": {name: round(float(p), 6) for name, p in zip(label_names, row, strict=True)},
        }
        for identity, label, choice, row in zip(ids, gold, predicted, probabilities, strict=True)
    ]
