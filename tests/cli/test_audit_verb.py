"""amharic-tl audit, as a user types it: files of every kind, a page without texts, an output that is kept."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from amharic_tl.cli.arguments import UsageError, parse
from amharic_tl.cli.main import main
from amharic_tl.records.files import read_json
from tests.audit.clean import rows


def csv_of(path: Path, count: int, seed: int, label: str = "label") -> Path:
    lines = [f"text,{label}", *(f"{row.text},{row.label}" for row in rows(path.stem, count, seed))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [str(csv_of(tmp_path / f"{name}.csv", 120, seed)) for seed, name in enumerate(("train", "test"))]


def audited(arguments: list[str], output: Path, code: int = 0) -> dict[str, Any]:
    assert main(["audit", *arguments, "--output", str(output)]) == code
    return dict(read_json(output / "audit.json"))


def test_files_leave_a_record_and_a_page_of_their_own(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = audited(files, tmp_path / "out")
    assert [part["name"] for part in record["parts"]] == ["train", "test"]
    assert record["problem"] == "single-label" and record["findings"] == []
    said = capsys.readouterr().out
    assert "0 errors, 0 warnings, 0 notes" in said and str(tmp_path / "out" / "audit.html") in said
    page = (tmp_path / "out" / "audit.html").read_text(encoding="utf-8")
    assert "<script" not in page and not re.search(r"(?:src|href)=\"(?!#)", page)
    whole = page + json.dumps(record, ensure_ascii=False)
    for name in files:
        for line in Path(name).read_text(encoding="utf-8").splitlines()[1:]:
            assert line.rpartition(",")[0] not in whole


def test_the_same_audit_is_kept_and_another_is_refused(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audited(files, tmp_path / "out")
    before = (tmp_path / "out" / "audit.json").read_bytes()
    audited(files, tmp_path / "out")
    assert (tmp_path / "out" / "audit.json").read_bytes() == before
    capsys.readouterr()
    assert main(["audit", files[0], "--output", str(tmp_path / "out")]) == 78
    assert "another audit" in capsys.readouterr().err
    csv_of(Path(files[1]), 120, 5)
    assert main(["audit", *files, "--output", str(tmp_path / "out")]) == 78
    assert "changed since" in capsys.readouterr().err
    assert (tmp_path / "out" / "audit.json").read_bytes() == before


def test_a_config_names_its_splits_and_a_gate_exits_with_65_once_all_is_written(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = ["--config", "classify", f"--config.data.train={files[0]}", f"--config.data.test={files[0]}"]
    record = audited(splits, tmp_path / "out", code=65)
    assert [part["name"] for part in record["parts"]] == ["train", "test"]
    error = capsys.readouterr().err
    assert "test-inside-train" in error and "--config.data.gates=none" in error
    assert (tmp_path / "out" / "audit.html").is_file()
    audited([*splits, "--config.data.gates=none"], tmp_path / "out")


def test_tagged_paired_plain_multi_label_and_numeric_files(tmp_path: Path) -> None:
    made = rows("a", 30, 3)
    tagged = tmp_path / "tagged.txt"
    tagged.write_text(
        "\n".join(
            "\n".join(f"{word} {'B-PER' if n == 1 else 'O'}" for n, word in enumerate(r.text.split())) + "\n"
            for r in made
        )
    )
    plain = tmp_path / "plain.txt"
    plain.write_text("\n".join(row.text for row in made) + "\n")
    other = tmp_path / "other.txt"
    other.write_text("\n".join(f"the {row.line} of {row.line + 1}" for row in made) + "\n")
    generator = random.Random(0)
    records = tmp_path / "records.jsonl"
    records.write_text(
        "\n".join(
            json.dumps({"text": row.text, "joy": row.line % 2, "fear": row.line % 3 // 2, "score": generator.random()})
            for row in made
        )
    )
    leaves = ["--config.task.problem=multi-label", "--config.data.label=joy,fear"]
    expected = {
        "tags": [str(tagged)],
        "none": [str(plain)],
        "pairs": [f"{other}::{plain}"],
        "multi-label": [str(records), *leaves],
        "regression": [str(records), "--config.task.problem=regression", "--config.data.label=score"],
    }
    for problem, arguments in expected.items():
        record = audited([*arguments, "--against", str(plain)], tmp_path / problem)
        assert record["problem"] == problem
        assert (tmp_path / problem / "audit.html").is_file()
        assert any(one["name"] == "leak-against" for one in record["findings"]), problem


def test_rows_that_cannot_be_used_are_named_and_the_rest_is_audited(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "rows.csv", 40, 1)
    path.write_text(path.read_text(encoding="utf-8") + "no label here,\n" + "no comma\n", encoding="utf-8")
    record = audited([str(path)], tmp_path / "out")
    assert record["parts"][0]["rows"] == 40
    (finding,) = (one for one in record["findings"] if one["name"] == "unusable-rows")
    assert finding["rows_in_all"] == 2 and all(re.search(r"rows.csv, line 4[23]", row) for row in finding["rows"])


def test_sources_are_read_from_a_column(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [{"text": r.text, "label": r.label, "paper": f"paper {r.label}"} for r in rows("a", 80, 1)]
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    record = audited([str(path), "--by", "paper"], tmp_path / "out")
    assert [one["name"] for one in record["findings"] if one["severity"] == "warning"] == ["label-by-source"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 78, "nothing to audit"),
        (["absent.csv"], 66, "absent.csv"),
        (["{train}", "--config.data.train={train}"], 78, "not both"),
        (["{train}", "--config.data.text=nothing"], 65, "there is no column 'nothing'"),
        (["{train}", "--config.data.label=nothing"], 65, "there is no column 'nothing'"),
        (["{train}", "--by", "nothing"], 65, "there is no column 'nothing'"),
        (["{train}", "--againts", "x"], 2, "did you mean --against"),
        (["{train}", "--config.data.gates=leak"], 78, "data.gates"),
    ],
)
def test_bad_input_is_one_sentence(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    words = [word.replace("{train}", files[0]) for word in arguments]
    assert main(["audit", *words, "--output", str(tmp_path / "out")]) == code
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_an_output_is_asked_for(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", *files]) == 2
    assert "--output is missing" in capsys.readouterr().err


def test_lists_of_words_on_a_command_line() -> None:
    parsed = parse(
        ["a", "b", "--against", "c", "d", "--output", "o", "e", "--against=f"], ["output"], several=("FILE", "against")
    )
    assert parsed.several == {"FILE": ["a", "b", "e"], "against": ["c", "d", "f"]}
    assert parsed.options == {"output": "o"}
    with pytest.raises(UsageError):
        parse(["a"], ["output"])
