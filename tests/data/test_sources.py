"""Several files, patterns, ids that name one row."""

from __future__ import annotations

from pathlib import Path

import pytest

from amharic_tl.data.rows import Columns
from amharic_tl.data.sources import read_source
from amharic_tl.errors import BadInputError, MissingInputError

TWO = Columns("text", "label")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text('id,text,label\n1,"ባለ, ታመ",x\n2,ካነ,y\n')
    (tmp_path / "b.csv").write_text("id,text,label\n2,ዳረ,x\n3,ጋሰ,y\n")
    return tmp_path


@pytest.mark.parametrize("form", ["pattern", "commas", "tuple"])
def test_several_files(folder: Path, form: str) -> None:
    spec = {
        "pattern": f"{folder}/*.csv",
        "commas": f"{folder}/a.csv, {folder}/b.csv",
        "tuple": (f"{folder}/a.csv", f"{folder}/b.csv"),
    }[form]
    source = read_source(spec, TWO)
    assert [row.text for row in source.rows] == ["ባለ, ታመ", "ካነ", "ዳረ", "ጋሰ"]
    assert [row.id for row in source.rows] == ["a.csv:1", "a.csv:2", "b.csv:2", "b.csv:3"], "2 stands in both files"
    assert [(file.path, file.rows) for file in source.files] == [("a.csv", 2), ("b.csv", 2)]
    assert source.format == "csv" and source.quoting is not None
    assert source.quoting["choice"] == "standard, none" and "b.csv: none" in source.quoting["reason"]


def test_files_of_the_same_name_in_two_folders(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "more" / "b.csv").write_text("id,text,label\n2,ፋቀ,x\n")
    source = read_source((f"{folder}/b.csv", f"{folder}/more/b.csv"), TWO)
    assert [row.id for row in source.rows] == ["b.csv:2", "b.csv:3", "b.csv:2#2"]


def test_a_name_with_commas_or_brackets_is_a_file_where_it_exists(tmp_path: Path) -> None:
    for name in ("a,b.csv", "c[1].csv"):
        (tmp_path / name).write_text("text,label\nባለ,x\n")
        assert len(read_source(str(tmp_path / name), TWO).rows) == 1


def test_nothing_and_too_much(folder: Path) -> None:
    with pytest.raises(MissingInputError, match="matches no file"):
        read_source(f"{folder}/*.tsv", TWO)
    with pytest.raises(BadInputError, match=r"names a file more than once: .*a\.csv"):
        read_source(f"{folder}/a.csv,{folder}/*.csv", TWO)
    with pytest.raises(BadInputError, match="stands alone"):
        read_source(f"tfds:afrisenti/amh:train,{folder}/a.csv", TWO)
    with pytest.raises(MissingInputError, match="splits train, validation and test"):
        read_source("sample:dev", TWO)
