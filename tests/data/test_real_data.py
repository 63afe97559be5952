"""Counts of real data sets against those that their README gives."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from amharic_tl.data.audit import audit, clean_rows
from amharic_tl.data.rows import Columns, Source
from amharic_tl.data.sources import read_source
from amharic_tl.data.splits import Splits
from amharic_tl.errors import BadInputError

AFRISENTI = {
    "train": {"neutral": 3104, "negative": 1548, "positive": 1332},
    "dev": {"neutral": 776, "negative": 388, "positive": 333},
    "test": {"neutral": 224, "negative": 1337, "positive": 438},
}
TRAC = {
    "category": {"hate": (2915, 604, 630), "offensive": (1511, 334, 319), "normal": (1354, 301, 290)},
    "target": {
        "politics": (2265, 466, 518),
        "ethnic": (1643, 375, 339),
        "NOTARGET": (1566, 330, 324),
        "religion": (256, 57, 46),
        "gender": (29, 7, 6),
        "other": (21, 4, 6),
    },
}
TEXTS = [
    ("enh-news/train.jsonl.gz", "text", 10247),
    ("enh-news/dev.jsonl.gz", "text", 1414),
    ("enh-news/test.jsonl.gz", "text", 1432),
    ("masakhaner-news-text/amharic_news.txt", "text", 9941),
    ("amwiki-2015/amharic_wiki_clean.txt", "text", 21730),
    ("mafand-mt/dev.tsv", "amh", 899),
    ("mafand-mt/test.tsv", "amh", 1037),
    ("ntrex128/newstest2019-ref.amh.txt", "text", 1997),
    ("ethiopian-parallel/legal.amh.txt", "text", 5371),
    ("ethiopian-parallel/news.amh.txt", "text", 5393),
    ("ethiopian-parallel/history.amh.txt", "text", 1253),
    ("ethiopian-parallel/bible.amh.txt", "text", 11726),
    ("hornmt/amh.txt", "text", 2030),
    ("crows-pairs-en/crows_pairs_anonymized.csv", "sent_more", 1508),
    ("blend-ethiopia/Ethiopia_questions.csv", "Question", 500),
    ("gender-bias-probe/Am-Benchmark-Masked.csv", "Maked Sentence", 376),
    ("toxic-words/am.txt", "text", 50),
]


def read(data_dir: Path, name: str, text: str, label: str | None, header: tuple[str, ...] | None = None) -> Source:
    path = data_dir / name
    if not path.is_file():
        pytest.skip(f"needs {name}")
    return read_source(str(path), Columns(text, label, header))


def counts(source: Source) -> dict[str | None, int]:
    return dict(Counter(row.label for row in source.rows))


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_afrisenti(data_dir: Path, split: str) -> None:
    source = read(data_dir, f"afrisenti/{split}.tsv", "tweet", "label")
    assert counts(source) == AFRISENTI[split]
    assert source.quoting is not None and source.quoting["choice"] == "none"


@pytest.mark.parametrize("task", ["category", "target"])
def test_trac2024(data_dir: Path, task: str) -> None:
    label = {"category": "label", "target": "target"}[task]
    for position, split in enumerate(("train", "dev", "test")):
        source = read(data_dir, f"trac2024-hate/{split}_{task}.csv", "tweet", label)
        assert counts(source) == {name: numbers[position] for name, numbers in TRAC[task].items()}
        assert all(row.id.isdecimal() for row in source.rows), "ids are those of the tweets"


def test_trac2024_intensity_has_the_same_texts(data_dir: Path) -> None:
    for split, rows in (("train", 5780), ("dev", 1239), ("test", 1239)):
        scores = read(data_dir, f"trac2024-hate/{split}_intensity.csv", "tweet", "score")
        category = read(data_dir, f"trac2024-hate/{split}_category.csv", "tweet", "label")
        assert set(counts(scores)) == {str(score) for score in range(11)} and len(scores.rows) == rows
        # A bare truth value, so that a failure prints no posts.
        same = {row.id: row.text for row in scores.rows} == {row.id: row.text for row in category.rows}
        assert same, split


def test_trac2024_is_quoted(data_dir: Path) -> None:
    source = read(data_dir, "trac2024-hate/train_category.csv", "tweet", "label")
    assert source.quoting is not None and source.quoting["choice"] == "standard"
    assert sum(row.text.startswith('"') and row.text.endswith('"') for row in source.rows) == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test", {"business": 81, "health": 100, "politics": 100, "sports": 95}),
        ("dev", {"business": 41, "health": 50, "politics": 50, "sports": 47}),
        *((f"train_{n}shot", dict.fromkeys(("business", "health", "politics", "sports"), n)) for n in (5, 10, 20, 50)),
    ],
)
def test_masakhanews(data_dir: Path, name: str, expected: dict[str, int]) -> None:
    source = read(data_dir, f"masakhanews/{name}.tsv", "text", "category")
    assert counts(source) == expected
    assert source.quoting is not None and source.quoting["choice"] == "standard"


@pytest.mark.parametrize(
    ("name", "lines"),
    [("AMHSDataTrain.txt", [96, 681, 1438, 1439, 1440, 1510]), ("AMHSDataTest.txt", [373, 375, 386, 388])],
)
def test_zenodo2021_names_its_broken_lines(data_dir: Path, name: str, lines: list[int], tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        read(data_dir, f"zenodo2021-hate-facebook/{name}", "Content", "Label")
    for line in lines:
        assert f"line {line}: expected 2 fields, found 1" in str(caught.value)
    assert f"{len(lines)} malformed records" in str(caught.value)
    content = (data_dir / "zenodo2021-hate-facebook" / name).read_text(encoding="utf-8").split("\n")
    mended = [line for number, line in enumerate(content, 1) if number not in lines]
    (tmp_path / name).write_text("\n".join(mended), encoding="utf-8")
    source = read_source(str(tmp_path / name), Columns("Content", "Label"))
    expected = {"AMHSDataTrain.txt": (798, 796), "AMHSDataTest.txt": (200, 196)}[name]
    assert sorted(counts(source).values(), reverse=True) == list(expected)


@pytest.mark.parametrize(("split", "rows"), [("train", 3549), ("dev", 592), ("test", 1774)])
def test_ethioemo(data_dir: Path, split: str, rows: int) -> None:
    for kind in ("", "_intensity"):
        source = read(data_dir, f"ethioemo/{split}{kind}.csv", "text", "anger")
        assert len(source.rows) == rows
        assert source.quoting is not None and source.quoting["choice"] == "standard"
    if split == "train":
        positives = {
            name: counts(read(data_dir, "ethioemo/train.csv", "text", name))["1"]
            for name in ("anger", "disgust", "fear", "joy", "sadness", "surprise")
        }
        assert list(positives.values()) == [1188, 1268, 109, 549, 771, 151]


@pytest.mark.parametrize(("name", "column", "rows"), TEXTS)
def test_running_text(data_dir: Path, name: str, column: str, rows: int) -> None:
    assert len(read(data_dir, name, column, None).rows) == rows


def test_a_file_without_header(data_dir: Path) -> None:
    source = read(data_dir, "unimorph-amh/amh.tsv", "form", "features", ("lemma", "form", "features"))
    assert len(source.rows) == 46224


def splits_of(data_dir: Path, names: tuple[str, str, str], text: str, label: str) -> Splits:
    train, validation, test = (read(data_dir, name, text, label) for name in names)
    return Splits(train, validation, test, sorted({row.label or "" for row in train.rows}))


def test_the_audit_of_afrisenti(data_dir: Path) -> None:
    splits = splits_of(data_dir, ("afrisenti/train.tsv", "afrisenti/dev.tsv", "afrisenti/test.tsv"), "tweet", "label")
    found = audit(splits, {}, "sequence-classification", 128)
    across = {(pair["a"], pair["b"]): pair for pair in found["across"]}
    assert {pair: (item["exact"], item["near"]) for pair, item in across.items()} == {
        ("train", "validation"): (0, 8),
        ("train", "test"): (0, 1),
        ("validation", "test"): (0, 0),
    }
    assert len(found["near_duplicate_ids"]["test"]) == 1 and int(clean_rows(splits).sum()) == 1998
    shift = {pair["b"]: pair for pair in found["label_shift"]}
    assert shift["test"]["total_variation"] == pytest.approx(0.41, abs=0.01) and shift["test"]["chi2_p"] < 1e-100
    assert any("labels shift between train and test" in sentence for sentence in found["warnings"])
    assert not any("between train and validation" in sentence for sentence in found["warnings"])


def test_the_audit_of_trac2024(data_dir: Path) -> None:
    names = tuple(f"trac2024-hate/{split}_category.csv" for split in ("train", "dev", "test"))
    splits = splits_of(data_dir, names, "tweet", "label")  # type: ignore[arg-type]
    found = audit(splits, {}, "sequence-classification", 128)
    assert [pair["exact"] for pair in found["across"]] == [2, 2, 1]
    assert found["splits"]["train"]["exact_duplicates"] == 8
    assert found["splits"]["train"]["conflicting_labels"] == 2
    assert found["splits"]["train"]["ethiopic_share"] == pytest.approx(0.925, abs=0.001)


def test_the_audit_of_masakhanews(data_dir: Path) -> None:
    names = ("masakhanews/train_50shot.tsv", "masakhanews/dev.tsv", "masakhanews/test.tsv")
    found = audit(splits_of(data_dir, names, "text", "category"), {}, "sequence-classification", 512)
    across = {(pair["a"], pair["b"]): pair["exact"] for pair in found["across"]}
    assert across == {("train", "validation"): 3, ("train", "test"): 3, ("validation", "test"): 10}
    assert found["splits"]["train"]["exact_duplicates"] == 3
