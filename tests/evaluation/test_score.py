"""Classification metrics against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from amharic_tl.evaluation.intervals import wilson
from amharic_tl.evaluation.score import classification_metrics, confusion_counts
from amharic_tl.evaluation.summary import prediction_lines, summarise

NAMES = ["ሀ", "ለ", "መ"]


def test_metrics_are_those_of_scikit_learn_over_the_full_list_of_labels() -> None:
    generator = np.random.default_rng(0)
    gold, guessed = generator.integers(0, 2, 50), generator.integers(0, 3, 50)  # no gold row of the third class
    found = classification_metrics(gold, guessed, NAMES)
    by_class = f1_score(gold, guessed, labels=[0, 1, 2], average=None, zero_division=0)
    weighted = f1_score(gold, guessed, labels=[0, 1, 2], average="weighted", zero_division=0)
    assert found["accuracy"] == accuracy_score(gold, guessed)
    assert found["macro_f1"] == pytest.approx(by_class.mean())
    assert found["weighted_f1"] == pytest.approx(weighted)
    assert [found[f"f1/{name}"] for name in NAMES] == pytest.approx(list(by_class))
    np.testing.assert_array_equal(
        confusion_counts(gold, guessed, 3)[:3], confusion_matrix(gold, guessed, labels=[0, 1, 2])
    )


def test_a_gold_label_that_the_model_does_not_know_is_wrong_in_every_metric() -> None:
    gold, guessed = np.asarray([0, 0, 1, -1]), np.asarray([0, 0, 1, 1])
    found = classification_metrics(gold, guessed, ["a", "b"])
    assert found["accuracy"] == 0.75
    assert found["f1/a"] == 1.0
    assert found["f1/b"] == pytest.approx(2 / 3)  # the unknown row is a false positive of b
    assert found["macro_f1"] == pytest.approx(5 / 6)
    assert found["weighted_f1"] == pytest.approx((2 * 1 + 1 * 2 / 3) / 3)
    assert confusion_counts(gold, guessed, 2).tolist() == [[2, 0], [0, 1], [0, 1]]


def test_only_unknown_labels_score_nothing_and_no_rows_have_no_score() -> None:
    found = classification_metrics(np.asarray([-1, -1]), np.asarray([0, 1]), ["a", "b"])
    assert found == {"accuracy": 0.0, "macro_f1": 0.0, "weighted_f1": 0.0, "f1/a": 0.0, "f1/b": 0.0}
    none = np.zeros(0, np.int64)
    assert classification_metrics(none, none, NAMES) == {}


def test_a_summary_holds_metrics_intervals_and_the_confusion() -> None:
    gold, guessed = np.asarray([0, 0, 1, 1, 2, -1] * 10), np.asarray([0, 1, 1, 1, 0, 2] * 10)
    summary = summarise(gold, guessed, NAMES)
    assert summary["n"] == 60 and summary["unknown_labels"] == 10
    assert summary["metrics"] == classification_metrics(gold, guessed, NAMES)
    counts = [[10, 10, 0], [0, 20, 0], [10, 0, 0]]
    assert summary["confusion"] == {"labels": NAMES, "counts": counts, "unknown": [0, 0, 10]}
    assert summary["classes"]["ለ"]["recall"] == 1.0 and summary["classes"]["ለ"]["precision"] == pytest.approx(2 / 3)
    assert summary["classes"]["ለ"]["precision_interval"] == pytest.approx(wilson(20, 30))
    assert summary["classes"]["መ"]["precision"] == 0.0  # its ten predictions were all for rows of an unknown label
    for name, (low, high) in summary["intervals"].items():
        assert low <= summary["metrics"][name] <= high
    assert "Wilson" in summary["interval"]
    assert "clusters" in summarise(gold, guessed, NAMES, clusters=list(range(60)))["interval"]


def test_a_summary_of_no_rows_is_empty_but_whole() -> None:
    none = np.zeros(0, np.int64)
    summary = summarise(none, none, NAMES)
    assert summary["n"] == 0 and summary["metrics"] == {} and summary["intervals"] == {}
    assert summary["confusion"]["counts"] == [[0, 0, 0]] * 3
    assert summary["classes"]["ሀ"]["precision"] is None and summary["classes"]["ሀ"]["recall_interval"] is None


def test_prediction_lines_hold_ids_labels_and_scores() -> None:
    lines = prediction_lines(["r1", "r2"], ["ለ", None], np.asarray([[0.2, 0.7, 0.1], [0.5, 0.25, 0.25]]), NAMES)
    assert lines[0] == {"id": "r1", "label": "ለ", "predicted": "ለ", "scores": {"ሀ": 0.2, "ለ": 0.7, "መ": 0.1}}
    assert lines[1]["label"] is None and lines[1]["predicted"] == "ሀ"
