"""What evaluation.json holds of a split: metrics, intervals, confusion counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from amharic_tl.evaluation.intervals import LEVEL, RESAMPLES, bootstrap_intervals
from amharic_tl.evaluation.score import classification_metrics, confusion_counts


def summarise(labels: np.ndarray, predicted: np.ndarray, label_names: Sequence[str], seed: int = 0) -> dict[str, Any]:
    """Metrics with intervals, and the confusion matrix (gold in rows, predictions in columns).

    ``unknown_labels`` counts rows whose gold label the model does not know; they are wrong in every metric.
    """
    counts = confusion_counts(labels, predicted, len(label_names))
    return {
        "n": len(labels),
        "metrics": classification_metrics(labels, predicted, label_names),
        "intervals": {name: list(ends) for name, ends in bootstrap_intervals(labels, predicted, label_names, seed).items()},
        "interval": f"{LEVEL:.0%} percentile bootstrap over rows, {RESAMPLES} resamples",
        "confusion": {"labels": list(label_names), "counts": counts[:-1].tolist()},
        "unknown_labels": int(counts[-1].sum()),
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


def constant_predictions(labels: np.ndarray, rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The most frequent training class as the prediction for every row of each split."""
    majority = int(np.bincount(labels[labels >= 0]).argmax())
    return {name: np.full(len(split), majority) for name, split in rows.items()}
