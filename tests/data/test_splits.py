"""The three splits of a run, label order, and a validation split made from train."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from amharic_tl.data import load_splits
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.language.script import near_duplicate_key


@dataclass
class Settings:
    train: str | tuple[str, ...] | None = None
    validation: str | None = None
    test: str | None = None
    text: str = "text"
    label: str = "label"
    columns: tuple[str, ...] | None = None
    format: str = "auto"
    quoting: str = "auto"
    max_length: int = 128


def write(path: Path, pairs: list[tuple[str, str]]) -> str:
    path.write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in pairs))
    return str(path)


def texts(count: int) -> list[str]:
    """Distinct texts with more than 15 Ethiopic letters each."""
    return ["ባለ ታመ ካነ ዳረ ጋሰ ፋቀ ዛወ " + "".join(chr(0x1200 + int(digit)) for digit in f"{n:05d}") for n in range(count)]


def test_labels_are_ordered_and_numbered_by_train(tmp_path: Path) -> None:
    train = write(tmp_path / "train.tsv", [("ሀ", "b"), ("ለ", "a"), ("መ", "b")])
    test = write(tmp_path / "test.tsv", [("ሀ", "a"), ("ለ", "new"), ("መ", "b")])
    splits = load_splits(Settings(train, test, test), labelled=True, seed=0)
    assert splits.labels == ["a", "b"] and splits.notes == []
    assert splits.test is not None
    ids = splits.label_ids(splits.test)
    assert ids.tolist() == [0, -1, 1] and ids.dtype == np.int32
    assert [name for name, _ in splits.items()] == ["train", "validation", "test"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["10", "9", "-1", "0"], ["-1", "0", "9", "10"]),
        (["10", "9", "x"], ["10", "9", "x"]),
        (["01", "1", "0"], ["0", "01", "1"]),
        (["፩", "፪"], ["፩", "፪"]),
    ],
)
def test_numbers_are_ordered_by_value(tmp_path: Path, labels: list[str], expected: list[str]) -> None:
    train = write(tmp_path / "train.tsv", [("ሀ", label) for label in labels])
    assert load_splits(Settings(train, train), labelled=True, seed=0).labels == expected


def test_validation_is_set_aside_from_train(tmp_path: Path) -> None:
    rows = [(text, "a" if n % 4 else "b") for n, text in enumerate(texts(400))]
    train = write(tmp_path / "train.tsv", rows + [(f"{text}።", label) for text, label in rows[:100]])
    settings = Settings(train)
    splits = load_splits(settings, labelled=True, seed=1)
    assert len(splits.train.rows) + len(splits.validation.rows) == 500
    assert 48 <= len(splits.validation.rows) <= 54
    shares = Counter(row.label for row in splits.validation.rows)
    assert 0.2 <= shares["b"] / len(splits.validation.rows) <= 0.3
    keys = {near_duplicate_key(row.text) for row in splits.train.rows}
    assert not keys & {near_duplicate_key(row.text) for row in splits.validation.rows}
    assert {row.id for row in splits.train.rows}.isdisjoint(row.id for row in splits.validation.rows)
    assert f"{len(splits.validation.rows)} of the training rows (10%" in splits.notes[0]

    def chosen(seed: int) -> list[str]:
        return [row.id for row in load_splits(settings, labelled=True, seed=seed).validation.rows]

    assert chosen(1) == [row.id for row in splits.validation.rows]
    assert chosen(2) != chosen(1)


def test_every_label_stays_in_train(tmp_path: Path) -> None:
    rows = [(text, "a") for text in texts(30)] + [("ሀለሐ", "rare")]
    splits = load_splits(Settings(write(tmp_path / "train.tsv", rows)), labelled=True, seed=0)
    assert splits.labels == ["a", "rare"]


def test_texts_without_labels(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("\n".join(texts(40)))
    splits = load_splits(Settings(str(tmp_path / "train.txt")), labelled=False, seed=0)
    assert splits.labels == [] and len(splits.validation.rows) == 4 and splits.test is None
    assert all(row.label is None for row in splits.train.rows)


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.data\.train is not set"):
        load_splits(Settings(), labelled=True, seed=0)
    one = write(tmp_path / "one.tsv", [(text, "a") for text in texts(5)])
    with pytest.raises(BadInputError, match="the same label in all 5 rows"):
        load_splits(Settings(one, one), labelled=True, seed=0)
    many = write(tmp_path / "many.tsv", [(text, text) for text in texts(150)])
    with pytest.raises(BadInputError, match="150 different labels in 150 rows; is it the right column") as caught:
        load_splits(Settings(many, many), labelled=True, seed=0)
    assert "ባለ" not in str(caught.value)
    alone = write(tmp_path / "alone.tsv", [("ሀ", "a"), ("ለ", "b")])
    with pytest.raises(BadInputError, match="too few rows"):
        load_splits(Settings(alone), labelled=True, seed=0)


def test_an_empty_split_is_told_and_only_train_must_have_rows(tmp_path: Path) -> None:
    train = write(tmp_path / "train.tsv", [(text, "ab"[n % 2]) for n, text in enumerate(texts(40))])
    nothing = write(tmp_path / "nothing.tsv", [])
    splits = load_splits(Settings(train, train, nothing), labelled=True, seed=0)
    assert splits.test is None and splits.empty == {"test": nothing}
    assert splits.notes == [f"{nothing} has no rows: there is no test split"]
    splits = load_splits(Settings(train, nothing), labelled=True, seed=0)
    assert len(splits.validation.rows) == 4 and "the validation data has no rows: 4 of" in splits.notes[1]
    with pytest.raises(BadInputError, match="has no rows"):
        load_splits(Settings(nothing, train), labelled=True, seed=0)
    with pytest.raises(BadInputError, match="nothing.tsv has no rows"):
        load_splits(Settings(train, train, f"{train},{nothing}"), labelled=True, seed=0)


def test_a_wrong_label_column_is_told_before_a_validation_split_is_made(tmp_path: Path) -> None:
    train = write(tmp_path / "train.tsv", [(text, f"id-{n}") for n, text in enumerate(texts(120))])
    with pytest.raises(BadInputError, match="120 different labels in 120 rows; is it the right column"):
        load_splits(Settings(train), labelled=True, seed=0)
