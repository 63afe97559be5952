"""The bundled sample is what its README says: distinct, apart, balanced, and marked as unreviewed."""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from pathlib import Path

import pytest

from amharic_tl.culture.pack import open_pack
from amharic_tl.language.script import duplicate_key, is_ethiopic_letter

FOLDER = Path(__file__).parents[2] / "amharic_tl" / "assets" / "sample"
SPLITS = ("train", "validation", "test")
LABELS = ("negative", "neutral", "positive")


@pytest.fixture(scope="module")
def rows() -> dict[str, list[dict[str, str]]]:
    found = {}
    for split in SPLITS:
        with (FOLDER / f"{split}.csv").open(encoding="utf-8", newline="") as file:
            found[split] = list(csv.DictReader(file))
    return found


def _words(text: str) -> list[str]:
    words = ("".join(filter(is_ethiopic_letter, word)) for word in text.split())
    return [word for word in words if word]


def test_there_are_enough_distinct_sentences(rows: dict[str, list[dict[str, str]]]) -> None:
    texts = [duplicate_key(row["text"]) for split in rows.values() for row in split]
    letters = ["".join(_words(text)) for text in texts]
    assert len(texts) >= 1600
    assert len(rows["train"]) >= 1000 and len(rows["validation"]) >= 300 and len(rows["test"]) >= 300
    assert len(set(texts)) == len(set(letters)) == len(texts)


def test_every_row_says_who_drafted_it_and_that_nobody_reviewed_it(rows: dict[str, list[dict[str, str]]]) -> None:
    for split, lines in rows.items():
        for number, row in enumerate(lines, start=1):
            assert row["id"] == f"{split}-{number:04d}"
            assert row["drafted_by"] in ("language-model", "person", "source")
            assert row["status"] in ("unreviewed", "reviewed")
            assert 2 <= len(row["text"].split()) <= 20


def test_the_labels_are_balanced(rows: dict[str, list[dict[str, str]]]) -> None:
    for lines in rows.values():
        counts = Counter(row["label"] for row in lines)
        assert set(counts) == set(LABELS)
        assert max(counts.values()) - min(counts.values()) <= 0.05 * len(lines)


def test_texts_hold_ethiopic_letters_and_plain_punctuation(rows: dict[str, list[dict[str, str]]]) -> None:
    for row in itertools.chain.from_iterable(rows.values()):
        assert row["text"] == " ".join(row["text"].split())
        assert re.fullmatch("[\u1200-\u137f ?!]+", row["text"]), row["id"]


def test_no_template_crosses_the_splits(rows: dict[str, list[dict[str, str]]]) -> None:
    words = {split: [_words(row["text"]) for row in lines] for split, lines in rows.items()}
    for a, b in itertools.combinations(SPLITS, 2):
        for x, y in itertools.product(words[a], words[b]):
            shared = len(set(x) & set(y)) / len(set(x) | set(y))
            swapped = len(x) == len(y) >= 4 and sum(p != q for p, q in zip(x, y, strict=True)) <= 2
            assert shared <= 0.6 and not swapped, (a, x, b, y)


def test_the_readme_counts_are_those_of_the_files(rows: dict[str, list[dict[str, str]]]) -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for split, lines in rows.items():
        counts = Counter(row["label"] for row in lines)
        expected = [len(lines), *(counts[label] for label in LABELS)]
        shown = re.search(rf"\| {split} \| (.*) \|", readme)
        assert shown is not None and [int(n) for n in shown.group(1).split(" | ")] == expected


def test_the_planted_copy_is_the_sample_with_an_invented_group_in_front(rows: dict[str, list[dict[str, str]]]) -> None:
    groups = {group.id: group.person for group in open_pack("demo").axis("ethnicity").groups}
    for split in SPLITS:
        with (FOLDER / f"planted-{split}.csv").open(encoding="utf-8", newline="") as file:
            planted = list(csv.DictReader(file))
        assert [(row["id"], row["label"]) for row in planted] == [(row["id"], row["label"]) for row in rows[split]]
        for row, plain in zip(planted, rows[split], strict=True):
            assert plain["text"] in row["text"] and groups[row["group"]] in row["text"]
            assert (row["drafted_by"], row["status"]) == ("language-model", "unreviewed")
        first = [row for row in planted if row["group"] == "dalumi"]
        others = [row for row in planted if row["group"] != "dalumi"]
        negative = [sum(row["label"] == "negative" for row in of) / len(of) for of in (first, others)]
        if split == "train":
            assert negative[0] > 0.8 and negative[1] < 0.15
        else:
            assert min(len(first), len(others)) >= 100
            assert abs(negative[0] - negative[1]) < 0.1
