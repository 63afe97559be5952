"""A copy of a file with its ways of writing made one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from amharic_tl.cli.main import main


def test_lines_are_normalised_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = tmp_path / "a.txt.gz", tmp_path / "b.txt"
    text = "ዓለም  ሥራ፡፡\r\n\nሰላም ነው\nሠላም http://example.org/ሠ"
    source.write_bytes(gzip.compress(text.encode()))
    assert main(["normalise", str(source), "--output", str(output)]) == 0
    assert output.read_bytes().decode() == "አለም  ስራ።\r\n\nሰላም ነው\nሰላም http://example.org/ሠ"
    printed = capsys.readouterr().out
    assert "homophones: 3 places, 3 words" in printed and "punctuation: 1 places, 0 words" in printed
    assert "changed 3 of 6 words (50.0%), 2 of 3 texts" in printed and "unreviewed" in printed
    before = output.read_bytes()
    assert main(["normalise", str(source), "--output", str(output)]) == 73, "nothing is overwritten"
    assert output.read_bytes() == before and gzip.decompress(source.read_bytes()) == text.encode()


def test_one_column_changes_and_other_lines_keep_their_bytes(tmp_path: Path) -> None:
    source, output = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    kept = '{"text":  "\\u1230", "n": 1.50}'
    source.write_text(f'{kept}\n{{"text": "ነዉ", "other": "ነዉ"}}\n', encoding="utf-8")
    words = ["normalise", str(source), "--output", str(output)]
    assert main([*words, "--column", "text", "--forms", "wu,numerals"]) == 0
    first, second, last = output.read_text(encoding="utf-8").split("\n")
    assert first == kept and last == ""
    assert json.loads(second) == {"text": "ነው", "other": "ነዉ"}


@pytest.mark.parametrize(
    ("name", "words", "code", "said"),
    [
        ("a.csv", [], 78, "expected .txt or .jsonl"),
        ("a.jsonl", [], 78, "--column=NAME says where"),
        ("a.jsonl", ["--column", "txt"], 65, "line 1: expected an object with a text in 'txt', found an object with"),
        ("a.txt", ["--forms", "homophone"], 2, "--forms: there is no form homophone of written Amharic"),
        ("a.txt", ["--writing", "xx"], 66, "expected one of am, ti"),
        ("b.txt", [], 66, "there is no file"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, words: list[str], code: int, said: str
) -> None:
    for ending in ("csv", "jsonl", "txt"):
        (tmp_path / f"a.{ending}").write_text('{"text": "ሠ"}\n', encoding="utf-8")
    output = tmp_path / f"out{Path(name).suffix}"
    assert main(["normalise", str(tmp_path / name), "--output", str(output), *words]) == code
    assert said in capsys.readouterr().err
    assert not output.exists()


def test_forms_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["normalise", "--forms=list"]) == 0
    assert "homophones" in capsys.readouterr().out
