"""Tagged tokens from CoNLL, JSON lines and parquet: read, or refused with the place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from amharic_tl.config import build_config
from amharic_tl.data.audit import audit
from amharic_tl.data.readers import read_file
from amharic_tl.data.rows import Columns
from amharic_tl.data.splits import load_splits
from amharic_tl.errors import BadInputError

TAGGED = Columns("tokens", "tags", label_kind="tags")
CONLL = "አበበ B-PER\nበሶ O\n\n\nአዲስ B-LOC\nአበባ I-LOC\n"


def _read(tmp_path: Path, text: str, name: str = "a.txt", columns: Columns = TAGGED, format: str = "auto") -> list[Any]:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_file(tmp_path / name, columns, format, "auto")[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", CONLL),
        ("a.conll", CONLL.replace(" ", "\t").replace("\n", "\r\n")),
        ("a.tsv", "# sent_id = 1\n" + CONLL.replace(" ", "\tX\t")),
        ("a.bio", "-DOCSTART- -X- O\n\n" + CONLL.replace(" ", " NN ")),
        ("a.unheard", CONLL),
    ],
)
def test_conll_files(name: str, text: str, tmp_path: Path) -> None:
    rows = _read(tmp_path, text, name, format="conll" if name == "a.unheard" else "auto")
    assert [row.tokens for row in rows] == [("አበበ", "በሶ"), ("አዲስ", "አበባ")]
    assert [row.labels for row in rows] == [("B-PER", "O"), ("B-LOC", "I-LOC")]
    assert [row.text for row in rows] == ["አበበ በሶ", "አዲስ አበባ"]
    assert [row.label for row in rows] == ["B-PER O", "B-LOC I-LOC"]
    assert len({row.id for row in rows}) == 2 and rows[0].id == f"{name}:{rows[0].line}"


def test_named_columns_of_a_conll_file(tmp_path: Path) -> None:
    text = "1\tአበበ\tB-PER\t-\n2\t# በሶ\tO\t-\n"
    columns = Columns("form", "ner", ("n", "form", "ner", "misc"), label_kind="tags")
    assert [row.tokens for row in _read(tmp_path, text, "a.tsv", columns)] == [("አበበ", "# በሶ")]
    with pytest.raises(BadInputError, match="no 'nerr'"):
        _read(tmp_path, text, "a.tsv", Columns("form", "nerr", ("n", "form", "ner", "misc"), label_kind="tags"))
    with pytest.raises(BadInputError, match="holds '-', expected O, B-TYPE"):
        _read(tmp_path, text, "a.tsv")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("አበበ B-PER\nበሶ\n", "line 2: expected 2 columns, found 1"),
        ("አበበ\nበሶ\n", "line 1: expected 2 columns, found 1"),
        ("አበበ B-PER X\nበሶ O\n", "line 2: expected 3 columns, found 2"),
        ("አበበ PER\n", "line 1: column 'tags' holds 'PER', expected O, B-TYPE or I-TYPE"),
        ("\n \n", "is empty"),
    ],
)
def test_conll_files_that_are_none(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=said):
        _read(tmp_path, text)


@pytest.mark.parametrize("tags", ["tags", "ner_tags"])
def test_json_lines(tags: str, tmp_path: Path) -> None:
    record = {"id": "7", "tokens": ["አዲስ አበባ", "ነው"], tags: ["S-LOC", "O"]}
    (row,) = _read(tmp_path, json.dumps(record), "a.jsonl")
    assert (row.id, row.tokens, row.labels) == ("7", ("አዲስ አበባ", "ነው"), ("S-LOC", "O"))


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"tokens": ["a", "b"], "tags": ["O"]}, "holds 1 tags for 2 tokens"),
        ({"tokens": "a b", "tags": ["O", "O"]}, "holds a str, expected a list of tokens"),
        ({"tokens": ["a", " "], "tags": ["O", "O"]}, "tokens that are empty or no text"),
        ({"tokens": ["a"], "tags": [3]}, "tags that are empty or no text"),
        ({"tokens": [], "tags": []}, "no tokens in column 'tokens'"),
        ({"tokens": ["a"], "labels": ["O"]}, "there is no column 'tags'"),
    ],
)
def test_json_lines_that_cannot_be_used(record: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=said):
        _read(tmp_path, json.dumps(record), "a.jsonl")


def test_parquet_with_class_numbers(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"tokens": [["አበበ", "በላ"], ["በሶ"]], "ner_tags": [[1, 0], [0]]})
    names = {"feature": {"names": ["O", "B-PER"], "_type": "ClassLabel"}, "_type": "Sequence"}
    info = {"info": {"features": {"ner_tags": names}}}
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(info)}), tmp_path / "a.parquet")
    rows = read_file(tmp_path / "a.parquet", TAGGED, "auto", "auto")[0]
    assert [row.labels for row in rows] == [("B-PER", "O"), ("O",)]


def test_formats_that_cannot_hold_tags(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="a csv file cannot hold a tag for each token; use one of conll, jsonl"):
        _read(tmp_path, CONLL, "a.csv")
    with pytest.raises(BadInputError, match="only token-classification reads"):
        _read(tmp_path, CONLL, "a.txt", Columns("text", "label"), format="conll")


def _splits(tmp_path: Path, **texts: str) -> Any:
    overrides = {"task.kind": "token-classification"}
    for name, text in texts.items():
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
        overrides[f"data.{name}"] = str(tmp_path / f"{name}.txt")
    return load_splits(build_config(overrides).data, labelled=True, seed=0, problem="tags")


def test_splits_and_their_audit(tmp_path: Path) -> None:
    splits = _splits(tmp_path, train=CONLL, validation="በሶ O\nአበበ S-PER\n", test=CONLL)
    assert splits.labels == ["O", "B-LOC", "I-LOC", "B-PER"]
    found = audit(splits, {}, "token-classification", 128)
    assert found["splits"]["train"]["labels"] == {"B-LOC": 1, "B-PER": 1, "I-LOC": 1, "O": 1}
    assert found["labels_only_in"] == {"validation": ["S-PER"]}
    assert any("their tokens and entities count as wrong" in said for said in found["warnings"])
    assert any("has no token of" in said for said in found["warnings"])
    assert [shift["total_variation"] for shift in found["label_shift"]] == [0.75, 0.0]


def test_a_validation_split_is_made_by_the_types_of_entities(tmp_path: Path) -> None:
    # Each sentence has letters of its own: near-duplicates stay together.
    signs = [f"{chr(0x1200 + 8 * n)}{chr(0x1208 + 8 * n)}" for n in range(30)]
    text = "".join(f"{sign} {'B-PER' if number % 2 else 'B-LOC'}\nነው O\n\n" for number, sign in enumerate(signs))
    splits = _splits(tmp_path, train=text)
    assert len(splits.validation.rows) == 4 and len(splits.train.rows) == 26
    assert sorted(row.labels[0] for row in splits.validation.rows) == ["B-LOC", "B-LOC", "B-PER", "B-PER"]


def test_tags_that_teach_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="all tokens of the 1 sentences are tagged O"):
        _splits(tmp_path, train="በሶ O\n", validation=CONLL)


def test_masakhaner(data_dir: Path) -> None:
    folder = data_dir / "masakhaner"
    counts = {}
    for name in ("train", "dev", "test"):
        rows = read_file(folder / f"{name}.txt", TAGGED, "auto", "auto")[0]
        counts[name] = (len(rows), sum(len(row.tokens) for row in rows))
    assert counts == {"train": (1750, 25819), "dev": (250, 3749), "test": (500, 7449)}
