"""Metrics, intervals and baselines of sets of labels and of numbers, against scikit-learn and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from amharic_tl.evaluation.baselines import most_frequent_set, multi_label_baselines, regression_baselines
from amharic_tl.evaluation.multi_label import multi_label_intervals, multi_label_metrics, multi_label_summary
from amharic_tl.evaluation.regression import regression_intervals, regression_metrics, regression_summary

NAMES = ["ሀ", "ለ", "መ"]


def sets(rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    labels = (generator.random((rows, 3)) < [0.5, 0.2, 0.0]).astype(np.float32)
    probabilities = np.clip(0.6 * labels + generator.random((rows, 3)) * 0.6, 0, 1)
    return labels, probabilities


def test_metrics_of_sets_are_scikit_learns() -> None:
    from sklearn.metrics import accuracy_score, f1_score

    labels, probabilities = sets()
    predicted = probabilities > 0.5
    metrics = multi_label_metrics(labels, probabilities, NAMES)
    assert metrics["accuracy"] == pytest.approx(accuracy_score(labels, predicted))
    for average in ("micro", "macro", "weighted"):
        assert metrics[f"{average}_f1"] == pytest.approx(f1_score(labels, predicted, average=average, zero_division=0))
    assert metrics["f1/መ"] == 0.0
    assert multi_label_metrics(labels[:0], probabilities[:0], NAMES) == {}


def test_intervals_of_sets_hold_their_figures_and_narrow_with_the_rows() -> None:
    labels, probabilities = sets(1200)
    wide = multi_label_intervals(labels[:200], probabilities[:200], NAMES)
    narrow = multi_label_intervals(labels, probabilities, NAMES)
    metrics = multi_label_metrics(labels, probabilities, NAMES)
    for name in ("accuracy", "micro_f1", "macro_f1", "weighted_f1", "f1/ሀ"):
        assert narrow[name][0] < metrics[name] < narrow[name][1]
        assert narrow[name][1] - narrow[name][0] < wide[name][1] - wide[name][0]
    classes = multi_label_summary(labels, probabilities, NAMES)["classes"]
    assert classes["ሀ"]["gold"] == labels[:, 0].sum() and classes["መ"]["recall"] is None


def test_metrics_of_numbers_are_scipys() -> None:
    from scipy.stats import pearsonr, spearmanr

    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, 200).astype(np.float32)
    predicted = (labels + generator.normal(0, 3, 200)).astype(np.float32)
    metrics = regression_metrics(labels, predicted)
    assert metrics["pearson"] == pytest.approx(pearsonr(labels, predicted).statistic, abs=1e-6)
    assert metrics["spearman"] == pytest.approx(spearmanr(labels, predicted).statistic, abs=1e-6)
    assert metrics["mse"] == pytest.approx(((labels - predicted) ** 2).mean(), rel=1e-5)
    assert metrics["mae"] == pytest.approx(np.abs(labels - predicted).mean(), rel=1e-5)
    found = regression_intervals(labels, predicted)
    ends = pearsonr(labels, predicted).confidence_interval(0.95)
    assert found["pearson"] == pytest.approx((ends.low, ends.high), abs=1e-5)
    assert all(found[name][0] < metrics[name] < found[name][1] for name in metrics)


def test_a_constant_has_no_correlation() -> None:
    metrics = regression_metrics(np.asarray([1.0, 2.0, 3.0, 4.0, 5.0]), np.full(5, 0.1, np.float32))
    assert math.isnan(metrics["pearson"]) and math.isnan(metrics["spearman"]) and metrics["mse"] > 0
    assert set(regression_summary(np.arange(5.0), np.full(5, 0.1))["intervals"]) == {"mse", "mae"}


def test_baselines_of_sets_and_numbers() -> None:
    words = ["ባለ ቦሎ ዳረ", "ታመ ቶሞ ዳረ", "ባለ ቦሎ ታመ ቶሞ"]
    texts = {"train": words * 4, "test": words}
    flags = {"train": np.asarray([[1, 0], [0, 1], [1, 1]] * 4, np.float32)}
    flags["test"] = flags["train"][:3]
    kept = np.asarray([True, False, True])
    found = multi_label_baselines(texts, flags, ["ሀ", "ለ"], {"test_clean": ("test", kept)})
    assert found["tfidf"]["test"]["macro_f1"] == found["tfidf"]["test_clean"]["micro_f1"] == 1.0
    assert found["constant"]["label"] == "ሀ"
    assert most_frequent_set(np.asarray([[1, 1], [0, 1], [1, 1]])).tolist() == [1, 1]
    numbers = {name: rows @ np.asarray([1.0, 3.0], np.float32) for name, rows in flags.items()}
    lines = regression_baselines(texts, numbers)
    assert lines["tfidf"]["test"]["mse"] < lines["constant"]["test"]["mse"]
    assert lines["constant"]["label"] == f"{numbers['train'].mean():.4g}"
