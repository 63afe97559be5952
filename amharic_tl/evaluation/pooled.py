"""Scores of predictions that several models made, each of its own rows, with intervals over clusters of rows.

Predictions of different folds share no rows but nearly all of their training data, so that the folds' scores are not
independent and their spread is no standard error (Bengio & Grandvalet 2004). What is drawn here are clusters of rows:
the interval says how the pooled score varies with the rows, given these models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from amharic_tl.evaluation import entities, multi_label, regression
from amharic_tl.evaluation.intervals import CLUSTERS_METHOD, Intervals, cluster_bootstrap, cluster_sums
from amharic_tl.evaluation.regression import ranks, regression_metrics, regression_summary
from amharic_tl.evaluation.score import classification_metrics
from amharic_tl.evaluation.summary import summarise

# What a line of predictions-<split>.jsonl calls what is right, by problem.
GOLD = {"single-label": "label", "regression": "label", "multi-label": "labels", "tags": "tags"}
HEADLINES = {"single-label": "macro_f1", "multi-label": "macro_f1", "regression": "pearson", "tags": "entity_f1"}

# Of each row: a name, a number, names, or tags.
Labels = Sequence[Any]


def pooled_metrics(problem: str, gold: Labels, predicted: Labels, names: Sequence[str]) -> dict[str, float]:
    """The metrics of a problem from labels as they stand in a line of predictions.

    Args:
      problem: as ``config.task.problem``, or ``tags``.
      gold: of each row: a name, a number, names, tags.
      predicted: the same.
      names: the classes; of tags, the types of entities.
    """
    if problem == "regression":
        return regression_metrics(_numbers(gold), _numbers(predicted))
    if problem == "multi-label":
        return multi_label.multi_label_metrics(_flags(gold, names), _flags(predicted, names), names)
    if problem == "tags":
        return entities.entity_metrics(gold, predicted, names)
    return classification_metrics(class_numbers(gold, names), class_numbers(predicted, names), names)


def pooled_summary(
    problem: str, gold: Labels, predicted: Labels, names: Sequence[str], clusters: Sequence[object]
) -> dict[str, Any]:
    """What evaluation.json holds, with BCa intervals over whole clusters. Arguments: as :func:`pooled_metrics`."""
    if problem == "single-label":
        labels = class_numbers(gold, names), class_numbers(predicted, names)
        return summarise(*labels, names, clusters=clusters)
    found: Intervals
    if problem == "regression":
        numbers = _numbers(gold), _numbers(predicted)
        summary = regression_summary(*numbers)
        found = cluster_bootstrap(cluster_sums(_numbers_and_ranks(*numbers), clusters), _of_numbers_and_ranks)
    elif problem == "multi-label":
        flags = _flags(gold, names), _flags(predicted, names)
        summary = multi_label.multi_label_summary(*flags, names)
        sums = cluster_sums(multi_label.row_sums(*flags), clusters)
        found = cluster_bootstrap(sums, lambda of: multi_label.metrics_of_sums(of, names))
    else:
        summary = entities.entity_summary(gold, predicted, names)
        sums = cluster_sums(entities.sentence_sums(gold, predicted, names), clusters)
        found = cluster_bootstrap(sums, lambda of: entities.metrics_of_sums(of, names))
    return {**summary, "intervals": {name: list(ends) for name, ends in found.items()}, "interval": CLUSTERS_METHOD}


def class_numbers(labels: Sequence[str | None], names: Sequence[str]) -> np.ndarray:
    """int32 ``[rows]``, -1 for a class that is not among ``names``."""
    index = {name: number for number, name in enumerate(names)}
    return np.asarray([index.get(label or "", -1) for label in labels], np.int32)


def _flags(sets: Sequence[Sequence[str]], names: Sequence[str]) -> np.ndarray:
    return np.asarray([[name in of for name in names] for of in sets], np.float32).reshape(len(sets), len(names))


def _numbers(values: Sequence[Any]) -> np.ndarray:
    return np.asarray(values, np.float64)


def _numbers_and_ranks(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """float64 ``[rows, 16]``: sums of the numbers, then of their ranks among all rows."""
    return np.concatenate(
        [regression.row_sums(labels, predicted), regression.row_sums(ranks(labels), ranks(predicted))], axis=1
    )


def _of_numbers_and_ranks(sums: np.ndarray) -> dict[str, np.ndarray]:
    numbers, of_ranks = np.split(sums, 2, axis=-1)
    return {
        **regression.metrics_of_sums(numbers),
        "spearman": regression.metrics_of_sums(of_ranks)["pearson"],
    }


def corrected_interval(differences: Sequence[float], test_rows: float, train_rows: float) -> dict[str, float] | None:
    """The corrected resampled t interval of a mean difference over folds (Nadeau & Bengio 2003, equation 9).

    The folds' training sets overlap, so that the variance of the differences is multiplied by 1/J + n_test/n_train
    in the place of 1/J.

    Args:
      differences: of each of J folds.
      test_rows: of a fold, on average.
      train_rows: of a fold, on average.

    Returns:
      ``mean low high p`` (95%, two-sided); None for fewer than two folds.
    """
    from scipy.stats import t

    values, count = np.asarray(differences, np.float64), len(differences)
    if count < 2 or not np.isfinite(values).all():
        return None
    mean, deviation = float(values.mean()), float(values.std(ddof=1))
    error = deviation * float(np.sqrt(1 / count + test_rows / train_rows))
    reach = float(t.ppf(0.975, count - 1)) * error
    p = float(2 * t.sf(abs(mean) / error, count - 1)) if error > 0 else float(mean == 0)
    return {"mean": mean, "low": mean - reach, "high": mean + reach, "p": p}
