"""All scores of one base at every layer, and the intervals of the best of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from amharic_tl.evaluation.intervals import bootstrap_intervals
from amharic_tl.evaluation.score import classification_metrics
from amharic_tl.studies.select_base.features import Features
from amharic_tl.studies.select_base.scores.h_score import h_score
from amharic_tl.studies.select_base.scores.logme import logme
from amharic_tl.studies.select_base.scores.probes import neighbour_predictions, probe_predictions
from amharic_tl.studies.select_base.task_data import TaskData

DRAWS = 100
DEVIATIONS = 1.959964  # of a normal law, to either side of 95%
PREDICTED = {"probe": probe_predictions, "knn": neighbour_predictions}
MEASURED: dict[str, Callable[[np.ndarray, np.ndarray], float | None]] = {"logme": logme, "h_score": h_score}
CALLED = {
    "probe": "linear probe, macro-F1",
    "knn": "10 nearest neighbours, macro-F1",
    "logme": "LogME",
    "h_score": "regularised H-score",
}
METHODS = {
    "macro-F1": "95% BCa bootstrap over clusters of near-duplicates, of out-of-fold predictions",
    "others": (
        "the figure and 1.96 standard deviations of it over 100 halves of the clusters, drawn without replacement: "
        "their spread is that of the bootstrap (Politis & Romano 1994), but no row is repeated, which both scores "
        "would take for evidence"
    ),
    "layer": "each score at the layer and pooling where it is highest; the intervals do not know that it was chosen",
}


def score(features: Features, task: TaskData, check: Callable[[str], None]) -> dict[str, Any]:
    """Every score: value, interval, layer, pooling, and the value at every layer.

    Args:
      features: of a base.
      task: the items.
      check: told what is being done; raises where the work is to stop.
    """
    from threadpoolctl import threadpool_limits

    # Matrices are small: threads that wait for one another cost more than they save, many times more on a busy machine.
    with threadpool_limits(1):
        best: dict[str, tuple[float, int, str, np.ndarray]] = {}
        by_layer: dict[str, list[dict[str, Any]]] = {name: [] for name in (*PREDICTED, *MEASURED)}
        for number, layer, pooling, values in features.places():
            check(f"scoring {layer} of {len(features.layers)}")
            wide = values.astype(np.float64)
            for name in by_layer:
                value, kept = _value(name, wide, task)
                by_layer[name].append({"layer": layer, "pooling": pooling, "value": value})
                if value is not None and (name not in best or value > best[name][0]):
                    best[name] = value, number, pooling, kept
        found: dict[str, Any] = {}
        for name, places in by_layer.items():
            if name not in best:
                found[name] = {"value": None, "interval": None, "layer": None, "pooling": None, "by_layer": places}
                continue
            check(f"interval of {name}")
            value, number, pooling, kept = best[name]
            interval = _interval(name, value, kept, task)
            place = {"layer": features.layers[number], "pooling": pooling}
            found[name] = {"value": value, "interval": interval, **place, "by_layer": places}
        return found


def _value(name: str, features: np.ndarray, task: TaskData) -> tuple[float | None, np.ndarray]:
    """A score, and what its interval is made from: the predictions, or the features."""
    if name in MEASURED:
        value = MEASURED[name](features, task.labels)
        return (None if value is None or not np.isfinite(value) else float(value)), features
    predicted = PREDICTED[name](features, task.labels, task.folds)
    return float(classification_metrics(task.labels, predicted, task.names)["macro_f1"]), predicted


def _interval(name: str, value: float, kept: np.ndarray, task: TaskData) -> tuple[float, float] | None:
    """See :data:`METHODS`."""
    if name in PREDICTED:
        clusters = task.clusters.tolist()
        return bootstrap_intervals(task.labels, kept, task.names, clusters=clusters).get("macro_f1")
    names, members = np.unique(task.clusters, return_inverse=True)
    generator = np.random.default_rng(0)
    values = []
    for _ in range(DRAWS):
        half = np.zeros(len(names), bool)
        half[generator.permutation(len(names))[: len(names) // 2]] = True
        rows = half[members]
        if len(np.unique(task.labels[rows])) > 1:
            drawn = MEASURED[name](kept[rows], task.labels[rows])
            values += [] if drawn is None or not np.isfinite(drawn) else [drawn]
    if len(values) < DRAWS / 2:
        return None
    width = DEVIATIONS * float(np.std(values, ddof=1))
    return value - width, value + width
