"""What is said of a scored split beyond the task's metrics, by kind of problem: intervals, predictions, baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from amharic_tl.data.rows import Row
from amharic_tl.data.splits import Splits
from amharic_tl.evaluation.baselines import Subsets, baseline_scores, multi_label_baselines, regression_baselines
from amharic_tl.evaluation.multi_label import THRESHOLD, multi_label_summary
from amharic_tl.evaluation.regression import regression_summary
from amharic_tl.evaluation.summary import prediction_lines, summarise

Gathered = Mapping[str, np.ndarray]


class Judge(Protocol):
    """``gathered`` holds what the task's ``evaluate`` gave, a row a text, in the order of the split."""

    def summary(self, gathered: Gathered) -> dict[str, Any]:
        """What evaluation.json holds: ``n``, ``metrics``, ``intervals`` and more."""
        ...

    def predictions(self, rows: Sequence[Row], gathered: Gathered) -> list[dict[str, Any]]:
        """Lines of predictions-<split>.jsonl: ids and scores, never text."""
        ...

    def baselines(self, splits: Splits, subsets: Subsets) -> dict[str, Any]:
        """What baselines.json holds."""
        ...


class SingleLabelJudge:
    """Of classes, one a text."""

    def __init__(self, label_names: Sequence[str]) -> None:
        self.label_names = label_names

    def summary(self, gathered: Gathered) -> dict[str, Any]:
        """With the confusion matrix."""
        return summarise(gathered["labels"], gathered["probabilities"].argmax(axis=-1), self.label_names)

    def predictions(self, rows: Sequence[Row], gathered: Gathered) -> list[dict[str, Any]]:
        """``id label predicted scores``."""
        ids, gold = [row.id for row in rows], [row.label for row in rows]
        return prediction_lines(ids, gold, gathered["probabilities"], self.label_names)

    def baselines(self, splits: Splits, subsets: Subsets) -> dict[str, Any]:
        """The most frequent class, and TF-IDF with logistic regression."""
        labels = {name: splits.label_ids(source) for name, source in splits.items()}
        return baseline_scores(_texts(splits), labels, self.label_names, subsets)


class MultiLabelJudge:
    """Of sets of labels."""

    def __init__(self, label_names: Sequence[str]) -> None:
        self.label_names = label_names

    def summary(self, gathered: Gathered) -> dict[str, Any]:
        """With precision and recall by label."""
        return multi_label_summary(gathered["labels"], gathered["probabilities"], self.label_names)

    def predictions(self, rows: Sequence[Row], gathered: Gathered) -> list[dict[str, Any]]:
        """``id labels predicted scores``."""
        lines = []
        for row, probabilities in zip(rows, gathered["probabilities"], strict=True):
            scores = {name: round(float(p), 6) for name, p in zip(self.label_names, probabilities, strict=True)}
            predicted = [name for name, p in zip(self.label_names, probabilities, strict=True) if p > THRESHOLD]
            lines.append({"id": row.id, "labels": list(row.labels), "predicted": predicted, "scores": scores})
        return lines

    def baselines(self, splits: Splits, subsets: Subsets) -> dict[str, Any]:
        """The most frequent set, and TF-IDF with a logistic regression for each label."""
        flags = {name: splits.label_flags(source) for name, source in splits.items()}
        return multi_label_baselines(_texts(splits), flags, self.label_names, subsets)


class RegressionJudge:
    """Of numbers."""

    def summary(self, gathered: Gathered) -> dict[str, Any]:
        """Errors and correlations."""
        return regression_summary(gathered["labels"], gathered["predictions"])

    def predictions(self, rows: Sequence[Row], gathered: Gathered) -> list[dict[str, Any]]:
        """``id label predicted``, the last two as numbers."""
        return [
            {"id": row.id, "label": float(label), "predicted": round(float(predicted), 6)}
            for row, label, predicted in zip(rows, gathered["labels"], gathered["predictions"], strict=True)
        ]

    def baselines(self, splits: Splits, subsets: Subsets) -> dict[str, Any]:
        """The mean, and TF-IDF with ridge regression."""
        numbers = {name: splits.numbers(source) for name, source in splits.items()}
        return regression_baselines(_texts(splits), numbers, subsets)


def _texts(splits: Splits) -> dict[str, list[str]]:
    return {name: [row.text for row in source.rows] for name, source in splits.items()}
