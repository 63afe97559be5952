"""What data.json tells, on small splits with known faults."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from amharic_tl.data.audit import audit, clean_rows, fingerprint
from amharic_tl.data.rows import Row, Source, SourceFile
from amharic_tl.data.splits import Splits
from amharic_tl.data.tokenizer import Encoded

LONG = "ባለ ታመ ካነ ዳረ ጋሰ ፋቀ ዛወ ቦሎ ቶሞ"
OTHER = "ኮኖ ዶሮ ጎሶ ፎቆ ዞዎ ቢሊ ቲሚ ኪኒ ዲሪ"


def source(name: str, pairs: list[tuple[str, str | None]], spec: str | None = None) -> Source:
    rows = [Row(f"{name}:{n}", text, label, f"{name}.csv", n) for n, (text, label) in enumerate(pairs, 2)]
    file = SourceFile(f"{name}.csv", "0" * 64, 100, len(rows))
    return Source(spec or f"folder/{name}.csv", rows, [file], "csv", {"choice": "none", "reason": "asked for"})


def encoded(lengths: list[int], unknown: int = 0) -> Encoded:
    array = np.asarray(lengths, np.int32)
    unknowns = np.asarray([unknown] + [0] * (len(lengths) - 1), np.int32)
    return Encoded([np.zeros(min(n, 10), np.int32) for n in lengths], array, array > 10, unknowns)


@pytest.fixture
def splits() -> Splits:
    train = [(LONG, "a"), (f"{LONG}።", "b"), ("ሀሁ", "a"), (" ሀሁ", "a"), ("abcሰ", "b"), ("ለሉ", "a")]
    validation = [(OTHER, "a"), ("መሙ", "b")]
    test = [(f"@x {LONG}", "b"), ("ሀሁ", "b"), (f"{OTHER}!", "a"), ("ረሩ", "new"), ("ሰሱ", "b"), ("ሸሹ", "b")]
    return Splits(source("train", train), source("validation", validation), source("test", test), ["a", "b"])


@pytest.fixture
def found(splits: Splits) -> dict[str, Any]:
    lengths = {
        "train": encoded([20, 5, 5, 5, 5, 10]),
        "validation": encoded([5, 5]),
        "test": encoded([5, 5, 5, 5, 5, 5], unknown=3),
    }
    return audit(splits, lengths, "sequence-classification", 10)


def test_splits_are_described(found: dict[str, Any]) -> None:
    train = found["splits"]["train"]
    assert train["source"] == "folder/train.csv" and train["rows"] == 6
    assert train["files"] == [{"path": "train.csv", "sha256": "0" * 64, "bytes": 100, "rows": 6}]
    assert train["labels"] == {"a": 4, "b": 2}
    assert (train["exact_duplicates"], train["near_duplicates"], train["conflicting_labels"]) == (1, 2, 1)
    letters = 18 * 2 + 2 + 2 + 4 + 2
    assert train["ethiopic_share"] == pytest.approx((letters - 3) / letters)
    assert train["tokens"] == {"mean": pytest.approx(50 / 6), "median": 5.0, "p95": pytest.approx(17.5), "max": 20}
    assert (train["truncated"], train["truncated_share"]) == (1, pytest.approx(1 / 6))
    assert found["splits"]["test"]["unknown_token_share"] == pytest.approx(0.1)
    assert json.loads(json.dumps(found)) == found, "plain JSON values only"


def test_overlaps_between_splits(found: dict[str, Any]) -> None:
    across = {(pair["a"], pair["b"]): pair for pair in found["across"]}
    assert across["train", "test"] == {"a": "train", "b": "test", "exact": 1, "near": 2, "conflicting_labels": 1}
    assert across["validation", "test"]["near"] == 1 and across["validation", "test"]["exact"] == 0
    assert across["train", "validation"]["near"] == 0
    assert found["near_duplicate_ids"] == {"test": ["test:2", "test:3", "test:4"]}


def test_clean_rows_are_those_that_neither_train_nor_validation_has(splits: Splits) -> None:
    assert clean_rows(splits).tolist() == [False, False, False, True, True, True]
    assert clean_rows(Splits(splits.train, splits.validation, None, ["a", "b"])).tolist() == []


def test_label_shift_and_unknown_labels(found: dict[str, Any]) -> None:
    shift = {pair["b"]: pair for pair in found["label_shift"]}
    # Train has a 4/6, b 2/6; test a 1/6, b 4/6, new 1/6.
    assert shift["test"]["total_variation"] == pytest.approx(0.5)
    assert 0 < shift["test"]["chi2_p"] < 1
    assert found["labels_only_in"] == {"test": ["new"]}


def test_warnings_are_sentences_with_figures(found: dict[str, Any]) -> None:
    said = "\n".join(found["warnings"])
    assert "2 rows of test are (near-)duplicates of rows of train (1 exact, 1 with another label)" in said
    assert "test has labels that train does not have: new" in said
    assert "16.7% of train is longer than 10 tokens" in said
    assert "1 texts of train stand there more than once with different labels" in said
    assert "10.0% of the tokens of test are unknown" in said
    assert "test has fewer than 10 rows of a (1), b (4), new (1)" in said
    assert LONG not in said


def test_a_real_shift_is_warned_of_and_a_chance_one_is_not() -> None:
    def made(a: int, b: int, name: str) -> Source:
        return source(name, [(f"{name}{n}", "a" if n < a else "b") for n in range(a + b)])

    train, same, shifted = made(300, 300, "train"), made(48, 52, "validation"), made(20, 80, "test")
    said = audit(Splits(train, same, shifted, ["a", "b"]), {}, "sequence-classification", 10)["warnings"]
    assert any("labels shift between train and test: total variation 0.30" in sentence for sentence in said)
    assert not any("between train and validation" in sentence for sentence in said)


def test_the_fingerprint_follows_texts_and_labels_and_nothing_else(splits: Splits) -> None:
    moved = Splits(
        source("train", [(row.text, row.label) for row in splits.train.rows], spec="/elsewhere/renamed.csv"),
        splits.validation,
        splits.test,
        ["a", "b"],
    )
    renamed = [Row("other", row.text, row.label, "renamed.csv", row.line + 5) for row in moved.train.rows]
    moved.train.rows[:] = renamed
    assert fingerprint(moved) == fingerprint(splits)
    first = splits.train.rows[0]
    for changed in (Row(first.id, first.text + " ", first.label, "", 1), Row(first.id, first.text, "b", "", 1)):
        other = source("train", [(row.text, row.label) for row in splits.train.rows])
        other.rows[0] = changed
        assert fingerprint(Splits(other, splits.validation, splits.test, ["a", "b"])) != fingerprint(splits)


def test_texts_without_labels_and_without_a_test_split() -> None:
    train, validation = source("train", [(LONG, None), ("12", None)]), source("validation", [("12 !", None)])
    found = audit(Splits(train, validation, None, []), {}, "masked-lm", 10)
    assert found["label_shift"] == [] and found["labels_only_in"] == {} and found["near_duplicate_ids"] == {}
    assert found["splits"]["validation"]["ethiopic_share"] is None
    assert "tokens" not in found["splits"]["train"] and found["warnings"] == []
