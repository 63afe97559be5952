"""Labels as names, sets and numbers, targets, and the records that hold them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amharic_tl.data.audit import audit
from amharic_tl.data.readers import read_file
from amharic_tl.data.rows import Columns, Row
from amharic_tl.data.sources import read_source
from amharic_tl.data.splits import load_splits
from amharic_tl.errors import BadInputError


def rows_of(path: Path, columns: Columns) -> list[Row]:
    return read_file(path, columns, "auto", "auto")[0]


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


FLAGS = Columns("text", None, label_columns=("joy", "fear"), label_kind="set")


def test_several_columns_of_0_and_1_are_a_set_of_labels(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "id,text,fear,joy\na,ባለ,1,0\nb,ታመ,0,0\nc,ካነ,1,1\n")
    rows = rows_of(path, FLAGS)
    assert [row.labels for row in rows] == [("fear",), (), ("joy", "fear")]
    assert [row.label for row in rows] == ["fear", "", "joy, fear"]


@pytest.mark.parametrize("value", ["2", "", "yes", "0.5"])
def test_an_intensity_is_no_flag(tmp_path: Path, value: str) -> None:
    path = write(tmp_path, "a.csv", f"text,joy,fear\nባለ,0,1\nታመ,{value},1\n")
    with pytest.raises(BadInputError, match="line 3: column 'joy' holds .*expected 0 or 1"):
        rows_of(path, FLAGS)


@pytest.mark.parametrize(
    ("name", "content", "separator"),
    [
        ("a.csv", 'text,label\nባለ,"joy, anger"\nታመ,\nካነ,fear\n', ","),
        ("a.tsv", "text\tlabel\nባለ\tjoy|anger|joy\nታመ\t\nካነ\tfear\n", "|"),
        (
            "a.jsonl",
            '{"text":"ባለ","label":["joy","anger"]}\n{"text":"ታመ","label":[]}\n{"text":"ካነ","label":"fear"}\n',
            ",",
        ),
    ],
)
def test_one_column_may_hold_a_set(tmp_path: Path, name: str, content: str, separator: str) -> None:
    columns = Columns("text", "label", label_kind="set", separator=separator)
    rows = rows_of(write(tmp_path, name, content), columns)
    assert [row.labels for row in rows] == [("anger", "joy"), (), ("fear",)]


def test_an_unquoted_set_is_not_taken_for_surplus_text(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,label\nባለ,joy,anger\n")
    with pytest.raises(BadInputError, match="expected 2 fields, found 3"):
        rows_of(path, Columns("text", "label", label_kind="set"))


def test_numbers_must_be_numbers(tmp_path: Path) -> None:
    columns = Columns("text", "label", label_kind="number")
    rows = rows_of(write(tmp_path, "a.csv", "text,label\nባለ,1.50\nታመ,-3\nካነ,2e1\n"), columns)
    assert [float(row.label or "") for row in rows] == [1.5, -3.0, 20.0]
    for wrong in ("high", "nan", "inf", "1,5"):
        with pytest.raises(BadInputError):
            rows_of(write(tmp_path, "b.csv", f"text,label\nባለ,1\nታመ,{wrong}\n"), columns)


@pytest.mark.parametrize("columns", [("en", "am"), ("translation.en", "translation.am")])
def test_a_pair_may_lie_inside_a_record(tmp_path: Path, columns: tuple[str, str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    records = [{"id": n, "translation": {"en": f"house {n}", "am": f"ቤት {n}"}} for n in range(3)]
    lines = write(tmp_path, "a.json", "".join(json.dumps(record) + "\n" for record in records))
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    wanted = Columns(columns[0], None, target=columns[1])
    for path in (lines, tmp_path / "a.parquet"):
        assert [(row.id, row.text, row.target) for row in rows_of(path, wanted)] == [
            (str(n), f"house {n}", f"ቤት {n}") for n in range(3)
        ]
    with pytest.raises(BadInputError, match="config.data.source and config.data.target"):
        rows_of(lines, Columns("en", None, target="fr"))


def test_a_pair_with_a_stray_delimiter_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a.tsv", "en\tam\nhouse\tቤት\na\tb\tc\n")
    with pytest.raises(BadInputError, match="line 3: expected 2 fields, found 3"):
        rows_of(path, Columns("en", None, target="am"))


def test_two_files_of_lines_are_pairs(tmp_path: Path) -> None:
    first = write(tmp_path, "a.eng.txt", "house\n\nbread\n")
    second = write(tmp_path, "a.amh.txt", "ቤት\n\nዳቦ\n")
    columns = Columns("source", None, target="target")
    source = read_source(f"{first}::{second}", columns)
    assert [(row.text, row.target, row.line) for row in source.rows] == [("house", "ቤት", 1), ("bread", "ዳቦ", 3)]
    assert [file.path for file in source.files] == ["a.eng.txt", "a.amh.txt"]
    with pytest.raises(BadInputError, match="has 3 lines and .* 2"):
        read_source(f"{first}::{write(tmp_path, 'b.txt', 'ቤት' + chr(10) + 'ዳቦ' + chr(10))}", columns)
    with pytest.raises(BadInputError, match="line 3: no target"):
        read_source(f"{first}::{write(tmp_path, 'c.txt', 'ቤት' + chr(10) * 3)}", columns)


@dataclass(frozen=True)
class Settings:
    train: str
    validation: str | None = None
    test: str | None = None
    text: str = "text"
    label: Any = "label"
    label_separator: str = ","
    columns: tuple[str, ...] | None = None
    format: str = "auto"
    quoting: str = "auto"


def many(tmp_path: Path, count: int = 200) -> Path:
    generator = np.random.default_rng(0)
    lines = [
        f"{chr(0x1200 + number)}{chr(0x1300 + number % 80)}ቃል,{number / 7:.3f},{a:d},{b:d}"
        for number, (a, b) in enumerate(generator.integers(0, 2, (count, 2)))
    ]
    return write(tmp_path, "many.csv", "text,label,joy,fear\n" + "\n".join(lines) + "\n")


def test_splits_of_sets_and_numbers(tmp_path: Path) -> None:
    path = str(many(tmp_path))
    sets = load_splits(Settings(path, label="joy, fear"), labelled=True, seed=0, problem="multi-label")
    assert sets.labels == ["joy", "fear"]
    flags = sets.label_flags(sets.train)
    assert flags.shape == (len(sets.train.rows), 2) and flags.dtype == np.float32
    assert flags[0].tolist() == [float(name in sets.train.rows[0].labels) for name in sets.labels]
    numbers = load_splits(Settings(path), labelled=True, seed=0, problem="regression")
    assert numbers.labels == [] and len(numbers.validation.rows) == 20
    assert numbers.numbers(numbers.train)[3] == pytest.approx(float(numbers.train.rows[3].label or ""))


def test_the_audit_counts_labels_of_sets_and_the_range_of_numbers(tmp_path: Path) -> None:
    path = many(tmp_path)
    rare = write(tmp_path, "rare.csv", "text,joy,fear\n" + "".join(f"ባለ {n},1,0\n" for n in range(40)))
    settings = Settings(str(path), validation=str(rare), label=("joy", "fear"))
    sets = load_splits(settings, labelled=True, seed=0, problem="multi-label")
    found = audit(sets, {}, "sequence-classification", 16)
    flags = sets.label_flags(sets.train)
    assert found["splits"]["train"]["labels"] == {"fear": int(flags[:, 1].sum()), "joy": int(flags[:, 0].sum())}
    shift = found["label_shift"][0]
    assert shift["total_variation"] == pytest.approx(max(abs(1 - flags[:, 0].mean()), flags[:, 1].mean()))
    assert shift["chi2_p"] < 1e-6
    assert "validation has no row of fear" in found["warnings"]
    numbers = load_splits(Settings(str(path)), labelled=True, seed=0, problem="regression")
    described = audit(numbers, {}, "sequence-classification", 16)["splits"]["train"]
    assert described["labels"] == {} and described["numbers"]["maximum"] == pytest.approx(199 / 7, abs=1)
