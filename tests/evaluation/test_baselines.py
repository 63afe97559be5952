"""The constant class and TF-IDF: what they predict, and the known figures on public data."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from amharic_tl.evaluation.baselines import RECIPE, baseline_scores, most_frequent_class


def test_both_lines_are_scored_on_every_split_and_subset() -> None:
    words = {0: "ባለ ቦሎ ዳረ", 1: "ታመ ቶሞ ዳረ"}
    labels = {"train": np.asarray([0, 0, 0, 1, 1]), "validation": np.asarray([0, 1]), "test": np.asarray([1, 1, 0, -1])}
    texts = {name: [words.get(int(label), "ጋሰ ጎሶ") for label in rows] for name, rows in labels.items()}
    kept = np.asarray([True, False, True, False])
    scores = baseline_scores(texts, labels, ["ሀ", "ለ"], {"test_clean": ("test", kept)})
    assert scores["constant"]["label"] == "ሀ"
    assert scores["constant"]["test"]["accuracy"] == 0.25
    assert scores["constant"]["test_clean"] == pytest.approx(
        {"accuracy": 0.5, "macro_f1": 1 / 3, "weighted_f1": 1 / 3, "f1/ሀ": 2 / 3, "f1/ለ": 0.0}
    )
    assert scores["tfidf"]["recipe"] == RECIPE
    assert scores["tfidf"]["validation"]["accuracy"] == scores["tfidf"]["test_clean"]["accuracy"] == 1.0
    assert scores["tfidf"]["test"]["accuracy"] == 0.75  # the row of an unknown label is wrong
    assert set(scores["tfidf"]) == {"recipe", "validation", "test", "test_clean"}


def test_texts_without_countable_features_leave_the_line_out_with_a_reason() -> None:
    labels = {"train": np.asarray([0, 1, 0]), "test": np.asarray([0, 1])}
    scores = baseline_scores({"train": ["ሀ", "ለ", "።"], "test": ["ሀ", "ለ"]}, labels, ["a", "b"])
    assert "test" not in scores["tfidf"] and scores["tfidf"]["not_measured"]
    assert scores["constant"]["test"]["accuracy"] == 0.5


def test_the_most_frequent_class_ignores_unknown_labels_and_breaks_ties_by_order() -> None:
    assert most_frequent_class(np.asarray([-1, -1, -1, 1, 0, 1])) == 1
    assert most_frequent_class(np.asarray([1, 0, 2])) == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("pattern", "delimiter", "expected"),
    [("trac2024-hate/{}_category.csv", ",", "0.679"), ("afrisenti/{}.tsv", "\t", "0.445")],
)
def test_the_recipe_reaches_its_known_figures(data_dir: Path, pattern: str, delimiter: str, expected: str) -> None:
    texts, gold = {}, {}
    for split, name in (("train", "train"), ("test", "test")):
        with (data_dir / pattern.format(name)).open(encoding="utf-8", newline="") as file:
            quoting = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
            rows = list(csv.DictReader(file, delimiter=delimiter, quoting=quoting))
        texts[split], gold[split] = [row["tweet"] for row in rows], [row["label"] for row in rows]
    names = sorted(set(gold["train"]))
    labels = {split: np.asarray([names.index(label) for label in rows]) for split, rows in gold.items()}
    scores = baseline_scores(texts, labels, names)
    assert f"{scores['tfidf']['test']['macro_f1']:.3f}" == expected
