"""Batches of texts with a label, a set of labels or a number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from amharic_tl.config import Config
from amharic_tl.data.batches import Batches, classification_fields
from amharic_tl.data.long_text import KEEP, Windows, cut_into_windows
from amharic_tl.data.rows import Source
from amharic_tl.data.splits import Splits
from amharic_tl.data.tokenizer import encode
from amharic_tl.evaluation.judges import Judge, MultiLabelJudge, RegressionJudge, SingleLabelJudge
from amharic_tl.tasks.base import PoolingTask
from amharic_tl.tasks.multi_label import MultiLabelClassification, balanced_label_weights
from amharic_tl.tasks.prepared import Prepared, batch_plan, process_share
from amharic_tl.tasks.regression import Regression
from amharic_tl.tasks.sequence_classification import SequenceClassification, balanced_class_weights


@dataclass(frozen=True)
class Problem:
    """A kind of classification problem: the array of a split's labels, the task from those of train, and its judge."""

    labels: Callable[[Splits, Source], np.ndarray]
    task: Callable[[Config, Splits, np.ndarray], PoolingTask]
    judge: Callable[[Splits], Judge]


def _single_label(config: Config, splits: Splits, labels: np.ndarray) -> PoolingTask:
    counts = np.bincount(labels, minlength=len(splits.labels))
    weights = balanced_class_weights(counts.tolist()) if config.train.class_weights == "balanced" else None
    return SequenceClassification(splits.labels, weights, config.train.label_smoothing)


def _multi_label(config: Config, splits: Splits, flags: np.ndarray) -> PoolingTask:
    weights = balanced_label_weights(flags) if config.train.class_weights == "balanced" else None
    return MultiLabelClassification(splits.labels, weights, config.train.label_smoothing)


def _regression(config: Config, splits: Splits, numbers: np.ndarray) -> PoolingTask:
    del config, splits, numbers
    return Regression()


# By config.task.problem.
PROBLEMS = {
    "single-label": Problem(Splits.label_ids, _single_label, lambda splits: SingleLabelJudge(splits.labels)),
    "multi-label": Problem(Splits.label_flags, _multi_label, lambda splits: MultiLabelJudge(splits.labels)),
    "regression": Problem(Splits.numbers, _regression, lambda splits: RegressionJudge()),
}


def prepare_classification(config: Config, splits: Splits, tokenizer: Any) -> Prepared:
    """Each text with its label: ``config.data.max_length`` tokens of it, or windows of that length over all of it."""
    problem, data = PROBLEMS[config.task.problem], config.data
    texts = {name: [row.text for row in source.rows] for name, source in splits.items()}
    labels = {name: problem.labels(splits, source) for name, source in splits.items()}
    task = problem.task(config, splits, labels["train"])
    cut: dict[str, Windows] = {}
    if data.long_text == "windows":
        cut = {
            name: cut_into_windows(tokenizer, of_split, data.max_length, data.window_overlap)
            for name, of_split in texts.items()
        }
        encoded = {name: windows.encoded for name, windows in cut.items()}
    else:
        keep = KEEP[data.long_text]
        encoded = {name: encode(tokenizer, of, data.max_length, keep=keep) for name, of in texts.items()}

    row_source = cut["train"].source.tolist() if cut else list(range(len(splits.train.rows)))
    mixed = splits.mixed(row_source)

    def batches(name: str) -> Batches:
        windows = cut.get(name)
        ids = encoded[name].ids if windows is None else windows.ids
        plan = batch_plan(config, np.asarray([len(row) for row in ids]), name, data.max_length, mixed)
        if windows is None:
            fields = classification_fields(labels[name])
        else:
            shares = windows.shares() if name == "train" else None
            fields = classification_fields(labels[name][windows.source], shares)
        return Batches(plan, ids, tokenizer.pad_token_id, fields, **process_share())

    return Prepared(
        task=task,
        train=batches("train"),
        evaluation={name: batches(name) for name in encoded if name != "train"},
        encoded=encoded,
        row_source=row_source,
        mixed=mixed,
        judge=problem.judge(splits),
        windows={name: len(windows.ids) for name, windows in cut.items()},
        pools={name: partial(task.pool, source=windows.source) for name, windows in cut.items()},
    )
