"""Entity scores against published examples, and the lines beside a tagger."""

from __future__ import annotations

import numpy as np
import pytest

from amharic_tl.evaluation.entities import entity_baselines, entity_intervals, entity_metrics, entity_summary, word_list

# The example of seqeval's documentation: f1_score 0.50, accuracy_score 0.80, MISC 0 and PER 1.
GOLD = [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
GUESSED = [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
TYPES = ["MISC", "PER"]


def test_seqevals_example() -> None:
    assert entity_metrics(GOLD, GUESSED, TYPES) == {
        "entity_f1": 0.5,
        "entity_precision": 0.5,
        "entity_recall": 0.5,
        "accuracy": 0.8,
        "f1/MISC": 0.0,
        "f1/PER": 1.0,
    }


def test_type_and_both_ends_must_be_right() -> None:
    gold = [["B-PER", "I-PER", "O", "B-LOC"]]
    for guess, expected in (
        ("B-PER I-PER O B-LOC", 1.0),
        ("B-PER O O B-LOC", 0.5),
        ("B-LOC I-LOC O B-LOC", 0.5),
        ("B-PER I-PER I-PER B-LOC", 0.5),
        # As CoNLL's scorer has it, a missing beginning is forgiven; seqeval's documentation: F1 1.00.
        ("I-PER I-PER O B-LOC", 1.0),
        ("B-PER B-PER O O", 0.0),
        ("O O O O", 0.0),
    ):
        assert entity_metrics(gold, [guess.split()], ["LOC", "PER"])["entity_f1"] == pytest.approx(expected), guess
    # Two found of three, one right: P 1/2, R 1/3.
    metrics = entity_metrics(
        [["B-A", "B-A", "B-A"]],
        [
            ["B-A", "I-A", "O"],
        ][:1],
        ["A"],
    )
    assert (metrics["entity_precision"], metrics["entity_recall"]) == (0.0, 0.0)
    metrics = entity_metrics([["B-A", "B-A", "B-A"]], [["B-A", "O", "O"]], ["A"])
    assert metrics["entity_f1"] == pytest.approx(2 * 1.0 * (1 / 3) / (4 / 3))


def test_entities_of_types_that_train_lacks_are_missed() -> None:
    metrics = entity_metrics([["B-PER", "B-DATE"]], [["B-PER", "O"]], ["PER"])
    assert metrics["entity_recall"] == 0.5 and metrics["f1/PER"] == 1.0
    assert "f1/DATE" not in metrics
    assert entity_summary([["B-PER", "B-DATE"]], [["B-PER", "O"]], ["PER"])["unknown_types"] == 1


def test_nothing_gives_nothing_and_no_entity_gives_zero() -> None:
    assert entity_metrics([], [], TYPES) == {} and entity_intervals([], [], TYPES) == {}
    metrics = entity_metrics([["O"]], [["O"]], TYPES)
    assert metrics["entity_f1"] == 0.0 and metrics["accuracy"] == 1.0


def test_the_summary_counts_entities_by_type() -> None:
    summary = entity_summary(GOLD, GUESSED, TYPES)
    assert summary["n"] == 2 and summary["tokens"] == 10
    assert {name: summary["classes"]["MISC"][name] for name in ("gold", "predicted", "precision", "recall")} == {
        "gold": 1, "predicted": 1, "precision": 0.0, "recall": 0.0,
    }  # fmt: skip
    assert summary["metrics"] == entity_metrics(GOLD, GUESSED, TYPES)


def test_intervals_hold_the_figure_and_shrink_with_more_sentences() -> None:
    generator = np.random.default_rng(0)

    def sentences(count: int) -> tuple[list[list[str]], list[list[str]]]:
        gold = [["O", "B-PER", "I-PER", "O", "B-LOC"] for _ in range(count)]
        return gold, [list(s) if generator.random() < 0.7 else ["O"] * 5 for s in gold]

    few, many = (entity_intervals(*sentences(count), ["LOC", "PER"]) for count in (40, 640))
    for found in (few, many):
        assert set(found) == {"entity_f1", "entity_recall", "accuracy", "f1/LOC", "f1/PER"}
        low, high = found["entity_f1"]
        # 70% of the entities are found, none is wrong: F1 2 * 0.7 / 1.7.
        assert low < 2 * 0.7 / 1.7 < high
    assert np.diff(many["entity_f1"]) < np.diff(few["entity_f1"]) / 2


def test_the_lines_beside_a_tagger() -> None:
    tokens = {"train": [["አበበ", "በሶ", "በላ"], ["አበበ", "አበበ"]], "test": [["አበበ", "ጤፍ"], ["በሶ"]]}
    tags = {"train": [["B-PER", "O", "O"], ["O", "B-PER"]], "test": [["B-PER", "O"], ["B-PER"]]}
    assert word_list(tokens["train"], tags["train"]) == {"አበበ": "B-PER", "በሶ": "O", "በላ": "O"}
    found = entity_baselines(tokens, tags, {"test_clean": ("test", np.asarray([True, False]))})
    assert found["constant"]["label"] == "O"
    assert found["constant"]["test"]["accuracy"] == pytest.approx(1 / 3)
    assert found["constant"]["test"]["entity_f1"] == 0.0
    assert found["words"]["test"]["entity_f1"] == pytest.approx(2 / 3)
    assert found["words"]["test_clean"]["entity_f1"] == 1.0
    assert "train" not in found["words"]
