"""Every format, and every complaint: file, line, what was expected, never the text."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from amharic_tl.data.readers import format_of, read_file
from amharic_tl.data.rows import Columns, Row
from amharic_tl.errors import BadInputError, InputOutputError, MissingInputError

TWO = Columns("text", "label")
TEXT = Columns("text", None)


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def rows(path: Path, columns: Columns = TWO, format: str = "auto") -> list[Row]:
    return read_file(path, columns, format, "auto")[0]


def refusal(path: Path, columns: Columns = TWO, format: str = "auto") -> str:
    with pytest.raises(BadInputError) as caught:
        rows(path, columns, format)
    message = str(caught.value)
    assert path.name in message
    assert "ሚስጥር" not in message, "texts are not printed"
    return message


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_the_same_rows_from_every_format(tmp_path: Path, ending: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pairs = [("ባለ ታመ", "1"), ("ካነ", "2"), ("ዳረ, ጋሰ", "1")]
    texts, labels = [text for text, _ in pairs], [label for _, label in pairs]
    files = [
        write(tmp_path, f"a.csv{ending}", "text,label\n" + "".join(f'"{t}",{x}\n' for t, x in pairs)),
        write(tmp_path, f"a.tsv{ending}", "text\tlabel\n" + "".join(f"{t}\t{x}\n" for t, x in pairs)),
        write(tmp_path, f"a.txt{ending}", "text\tlabel\n" + "".join(f"{t}\t{x}\n" for t, x in pairs)),
        write(tmp_path, f"a.jsonl{ending}", "".join(json.dumps({"text": t, "label": int(x)}) + "\n" for t, x in pairs)),
    ]
    if not ending:
        pq.write_table(pa.table({"label": [float(x) for x in labels], "text": texts}), tmp_path / "a.parquet")
        files.append(tmp_path / "a.parquet")
    for path in files:
        found = rows(path)
        assert [(row.text, row.label) for row in found] == pairs, path.name
        assert len({row.id for row in found}) == 3


def test_a_text_file_without_labels_is_one_text_a_line(tmp_path: Path) -> None:
    found = rows(write(tmp_path, "a.txt", "ባለ, ታመ\r\n\n  \nካነ\n"), TEXT)
    assert [(row.text, row.label, row.line) for row in found] == [("ባለ, ታመ", None, 1), ("ካነ", None, 4)]


def test_what_was_read_is_recorded(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl.gz", '{"text": "ባለ", "label": true}\n{"text": "ካነ", "label": "x"}')
    _, file, kind, quoting = read_file(path, TWO, "auto", "auto")
    stored = path.read_bytes()
    assert (file.path, file.bytes, file.rows) == ("a.jsonl.gz", len(stored), 2)
    assert file.sha256 == hashlib.sha256(stored).hexdigest()
    assert (kind, quoting) == ("jsonl", None)


def test_ids_come_from_an_id_column_that_is_unique(tmp_path: Path) -> None:
    own = rows(write(tmp_path, "a.csv", "tweet_id,text,label\n17,ባለ,a\n18,ካነ,b\n"))
    assert [row.id for row in own] == ["17", "18"]
    repeated = rows(write(tmp_path, "b.csv", "id,text,label\n17,ባለ,a\n17,ካነ,b\n"))
    assert [row.id for row in repeated] == ["b.csv:2", "b.csv:3"]
    empty = rows(write(tmp_path, "c.csv", "id,text,label\n17,ባለ,a\n,ካነ,b\n"))
    assert [row.id for row in empty] == ["c.csv:2", "c.csv:3"]


def test_labels_keep_their_text(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,label\nባለ,01\nካነ, 1.0\nዳረ,ጥሩ \n")
    assert [row.label for row in rows(path)] == ["01", "1.0", "ጥሩ"]


def test_a_file_without_header(tmp_path: Path) -> None:
    columns = Columns("text", "label", ("label", "text"))
    path = write(tmp_path, "a.csv", 'a,"ባለ, ታመ"\nb,ካነ\n')
    assert [(row.text, row.label, row.line) for row in rows(path, columns)] == [("ባለ, ታመ", "a", 1), ("ካነ", "b", 2)]
    assert "names 3 columns (x, text, label), the file has 2" in refusal(
        path, Columns("text", "label", ("x", "text", "label"))
    )
    with_header = write(tmp_path, "b.csv", "label,text\na,ባለ\n")
    assert "line 1 is a header; leave config.data.columns unset" in refusal(with_header, columns)


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    assert rows(write(tmp_path, "a.csv", "\ufefftext,label\nባለ,a\n"))[0].text == "ባለ"
    assert rows(write(tmp_path, "a.csv", '\ufeff"text","label"\n"ባለ, ካነ","a"\n'))[0].text == "ባለ, ካነ"


def test_an_unknown_column_names_the_nearest(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, "a.csv", "tweet_id,tweet,labels\n1,ሚስጥር,a\n"))
    assert "no column 'text'" in message and "'tweet_id', 'tweet', 'labels'" in message
    message = refusal(write(tmp_path, "a.csv", "id,text,labels\n1,ሚስጥር,a\n"))
    assert "no column 'label'; did you mean 'labels'?" in message
    message = refusal(write(tmp_path, "a.jsonl", '{"txt": "ሚስጥር", "label": "a"}'))
    assert "a.jsonl, line 1: there is no column 'text'; did you mean 'txt'?" in message


def test_a_file_without_header_line_is_recognised_and_its_text_kept_secret(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, "a.tsv", "ሚስጥር ባለ ካነ ዳረ ጋሰ ፋቀ\ta\nባለ\tb\n"))
    assert "(a text of 19 characters)" in message and "config.data.columns" in message


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    assert "2 columns are called 'text'" in refusal(write(tmp_path, "a.csv", "text,text,label\nባለ,ካነ,a\n"))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "a.csv",
            "text,label\nሚስጥር,\n ,a\nባለ,b\n",
            ["line 2: no label in column 'label'", "line 3: no text in column"],
        ),
        ("a.tsv", "text\tlabel\n\t\n", ["2 values", "line 2: no text", "line 2: no label"]),
        ("a.jsonl", '{"text":"ሚስጥር","label":"a"}\n{"text":"ባለ"}\n', ["line 2: no label in column 'label'"]),
        ("a.jsonl", '{"text":"ባለ","label":NaN}\n', ["line 1: no label"]),
        ("a.jsonl", '{"text":5,"label":["a"]}\n', ["holds a int, expected a text", "holds a list, expected a label"]),
    ],
)
def test_rows_without_text_or_label_are_named(tmp_path: Path, name: str, content: str, expected: list[str]) -> None:
    message = refusal(write(tmp_path, name, content))
    for part in expected:
        assert part in message


def test_only_ten_are_named(tmp_path: Path) -> None:
    message = refusal(write(tmp_path, "a.csv", "text,label\n" + "ሚስጥር,\n" * 25))
    assert "25 values cannot be used" in message and "line 11: " in message and "and 15 more" in message
    assert "line 12: " not in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"text":"ባለ","label":"a"}\n{"text": ሚስጥር}\n', "line 2: not valid JSON: Expecting value at column 10"),
        ('[{"text":"ባለ"}]\n', "line 1: expected an object, found list"),
        ('{"text":"ባለ",\n"label":"a"}\n', "line 1: not valid JSON"),
        ('{"text":"ባለ","label":' + "[" * 100000, "nested too deeply"),
    ],
)
def test_broken_json_is_named_by_line(tmp_path: Path, content: str, expected: str) -> None:
    assert expected in refusal(write(tmp_path, "a.jsonl", content))


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_bytes_that_are_no_utf8_are_named_by_line(tmp_path: Path, name: str) -> None:
    content = "\ufefftext,label\nባለ,a\n".encode() + b"caf\xe9,b\n"
    assert f"{name}, line 3: not UTF-8 (byte 0xE9 at position {content.index(0xE9)})" in refusal(
        write(tmp_path, name, content)
    )
    assert "from UTF-16 to UTF-8" in refusal(write(tmp_path, name, "text,label\nባለ,a\n".encode("utf-16")))


def test_a_nul_is_refused(tmp_path: Path) -> None:
    assert "line 2: a NUL character" in refusal(write(tmp_path, "a.txt", "ባለ\nካ\0ነ\n"), TEXT)


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
@pytest.mark.parametrize("name", ["a.csv", "a.txt.gz", "a.jsonl"])
def test_empty_files(tmp_path: Path, name: str, content: str) -> None:
    assert "is empty" in refusal(write(tmp_path, name, content))


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert rows(write(tmp_path, "a.csv", "text,label\n")) == []


def test_broken_archives(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress("text,label\nባለ,a\n".encode() * 50)[:-12])
    assert "not a whole gzip file" in refusal(tmp_path / "a.csv.gz")
    (tmp_path / "b.csv.gz").write_text("text,label\nbale,a\n")
    assert "not a whole gzip file" in refusal(tmp_path / "b.csv.gz")
    (tmp_path / "c.parquet").write_bytes(b"PAR1 and no more")
    assert "not a whole parquet file" in refusal(tmp_path / "c.parquet")
    (tmp_path / "d.parquet").write_bytes(b"")
    assert "not a whole parquet file" in refusal(tmp_path / "d.parquet")


def test_parquet_names_rows_and_class_names(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["ባለ", None, "ካነ"], "label": [0, 1, None]}), tmp_path / "a.parquet")
    message = refusal(tmp_path / "a.parquet")
    assert "row 2: no text" in message and "row 3: no label" in message
    assert "did you mean 'text'" in refusal(tmp_path / "a.parquet", Columns("texts", "label"))
    features = {"info": {"features": {"label": {"names": ["bad", "good"], "_type": "ClassLabel"}}}}
    table = pa.table({"text": ["ባለ", "ካነ"], "label": [1, 0]}).replace_schema_metadata(
        {"huggingface": json.dumps(features)}
    )
    pq.write_table(table, tmp_path / "b.parquet")
    assert [row.label for row in rows(tmp_path / "b.parquet")] == ["good", "bad"]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    write(tmp_path, "train.csv", "x")
    with pytest.raises(MissingInputError, match=r"no file .*trian\.csv; near it are train\.csv"):
        rows(tmp_path / "trian.csv")
    with pytest.raises(MissingInputError, match="there is no file"):
        rows(tmp_path / "nowhere" / "train.csv")
    with pytest.raises(MissingInputError, match="is a directory; name a file, or a pattern"):
        rows(tmp_path)
    with pytest.raises(InputOutputError, match="could not read"):
        rows(tmp_path / ("x" * 300 + ".csv"))


def test_formats(tmp_path: Path) -> None:
    assert format_of(Path("a.TSV.gz"), "auto") == "tsv"
    assert format_of(Path("a.dat"), "jsonl") == "jsonl"
    with pytest.raises(BadInputError, match=r"set config\.data\.format to one of csv, tsv, jsonl, txt, parquet"):
        format_of(Path("a.dat"), "auto")
    assert rows(write(tmp_path, "a.dat", "text\tlabel\nባለ, ካነ\ta\n"), format="tsv")[0].text == "ባለ, ካነ"


def test_another_header_is_no_row(tmp_path: Path) -> None:
    columns = Columns("text", "label", ("text", "label"))
    path = write(tmp_path, "a.csv", "tweet,class\nባለ,a\nካነ,b\nዳረ,a\n")
    assert "a.csv, line 1 looks like a header (tweet, class)" in refusal(path, columns)
    for known in ("ok,a\nባለ,a\nካነ,b\n", "ባለ,one\nካነ,b\nዳረ,b\n", "ok,1\nባለ,2\nካነ,2\n"):
        assert len(rows(write(tmp_path, "b.csv", known), columns)) == 3


def test_a_lone_surrogate_is_named_by_line(tmp_path: Path) -> None:
    good = '{"text": "\\ud83d\\ude00", "label": "a"}\n'
    assert rows(write(tmp_path, "a.jsonl", good))[0].text == "\U0001f600"
    for bad in ('{"text": "x \\ud83d", "label": "a"}', '{"text": "x", "label": "\\uDE00"}'):
        assert "a.jsonl, line 2: a lone surrogate" in refusal(write(tmp_path, "a.jsonl", good + bad))


def test_lines_that_end_in_a_carriage_return_alone_are_refused(tmp_path: Path) -> None:
    assert "end in a carriage return alone" in refusal(write(tmp_path, "a.csv", "text,label\rባለ,a\r"))


@pytest.mark.parametrize(("magic", "said"), [(b"", "rename it to a.csv.gz"), (b"PK\x03\x04", "a zip archive")])
def test_a_compressed_file_under_another_ending_is_told(magic: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(magic or gzip.compress(b"text,label\nx,a\n"))
    assert said in refusal(path)


@pytest.mark.parametrize("text", ['[{"text": "ሚስጥር", "label": "a"}]', '[\n{"text": "ሚስጥር", "label": "a"}\n]'])
def test_a_json_array_says_how_it_becomes_lines(text: str, tmp_path: Path) -> None:
    assert "jq -c '.[]'" in refusal(write(tmp_path, "a.json", text))


def test_parquet_with_decimal_labels_and_texts_as_bytes(tmp_path: Path) -> None:
    from decimal import Decimal

    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    labels = pa.array([Decimal("1.00"), Decimal("2.50")], pa.decimal128(5, 2))
    pq.write_table(pa.table({"text": ["ባለ".encode(), "ካነ".encode()], "label": labels}), path)
    assert [(row.text, row.label) for row in rows(path)] == [("ባለ", "1"), ("ካነ", "2.5")]
    pq.write_table(pa.table({"text": [b"\xff\xfe", b"x"], "label": ["a", "b"]}), path)
    assert "column 'text' holds bytes that are not UTF-8" in refusal(path)
