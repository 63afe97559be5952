"""A finished run is scored again to the same figures, on other data too, and compared with others on the same items."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

import amharic_tl as atl
from amharic_tl.cli.main import main
from amharic_tl.records.files import read_json, read_lines
from tests.tiny import overrides

SHORT = {"train.steps": 8, "train.evaluate_every": 8, "train.save_every": 8, "output.baselines": True}


@pytest.fixture(scope="module")
def finished(tiny_base: Path, tiny_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    atl.train(atl.build_config({**overrides(tiny_base, tiny_files), **SHORT}), folder)
    return folder


@pytest.mark.slow
def test_the_best_checkpoint_is_scored_again_to_the_same_figures(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = tmp_path / "again"
    assert main(["evaluate", str(finished), "--model=checkpoint", "--output", str(again)]) == 0
    assert "the same as in run.json" in capsys.readouterr().out
    before, after = (read_json(place / "run.json")["final"] for place in (finished, again))
    assert after["test"]["macro_f1"] == pytest.approx(before["test"]["macro_f1"], abs=1e-6)
    assert after["test_clean"]["accuracy"] == pytest.approx(before["test_clean"]["accuracy"], abs=1e-6)
    lines = [read_lines(place / "predictions-test.jsonl") for place in (finished, again)]
    assert [line["predicted"] for line in lines[0]] == [line["predicted"] for line in lines[1]]
    # It can be compared like a workdir: here with the run itself, from which it does not differ.
    assert main(["evaluate", "--compare", str(finished), str(again), "--output", str(tmp_path / "compared")]) == 0
    pair = read_json(tmp_path / "compared" / "comparison.json")["pairs"][0]
    assert pair["effect"]["value"] == pytest.approx(0, abs=1e-9) and pair["p"] == 1.0
    # What it wrote is never written over.
    assert main(["evaluate", str(finished), "--output", str(again)]) == 73


@pytest.mark.slow
def test_other_data_is_scored_by_the_export(
    finished: Path, tiny_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rows of one class of the test split, which as a file of their own get the predictions they had."""
    with (tiny_files / "test.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    kept = [number for number, row in enumerate(rows) if row[1] == rows[0][1]]
    with (tmp_path / "other.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([header, *(rows[number] for number in kept)])
    other, one_class = tmp_path / "other", kept
    assert main(["evaluate", str(finished), f"--data={tmp_path / 'other.csv'}", f"--output={other}"]) == 0
    before, after = (read_lines(place / "predictions-test.jsonl") for place in (finished, other))
    assert [line["predicted"] for line in after] == [before[number]["predicted"] for number in kept]
    # Of different items nothing is compared, and how many are missing is said.
    capsys.readouterr()
    assert main(["evaluate", "--compare", str(other), str(finished)]) == 65
    said = capsys.readouterr().err
    assert f"{len(one_class)} of the {len(one_class)} ids" in said and "60 of its 60" in said


def test_wrong_usage_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases: Mapping[tuple[str, ...], int] = {
        ("--compare", str(tmp_path)): 2,
        (): 2,
        (str(tmp_path), "--measure=test/accuracy"): 2,
        (str(tmp_path), "--model=newest"): 2,
        (str(tmp_path),): 66,
        ("--compare", str(tmp_path), str(tmp_path / "absent")): 66,
    }
    for arguments, code in cases.items():
        assert main(["evaluate", *arguments]) == code, arguments
        assert "Traceback" not in capsys.readouterr().err


def test_what_has_no_model_is_not_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"status": "completed", "evaluated": "export"}), encoding="utf-8")
    assert main(["evaluate", str(tmp_path)]) == 66
    assert "written by evaluate" in capsys.readouterr().err
    (tmp_path / "run.json").write_text(json.dumps({"status": "completed"}), encoding="utf-8")
    (tmp_path / "cross_validation.json").write_text("{}", encoding="utf-8")
    assert main(["evaluate", str(tmp_path)]) == 66
    assert "folds/fold-1" in capsys.readouterr().err


def test_a_file_in_the_place_of_the_output_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"status": "completed"}), encoding="utf-8")
    (tmp_path / "out").touch()
    assert main(["evaluate", str(tmp_path), f"--output={tmp_path / 'out'}"]) == 73
    assert "is a file" in capsys.readouterr().err


def test_an_unfinished_run_is_not_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"status": "preempted"}), encoding="utf-8")
    assert main(["evaluate", str(tmp_path)]) == 66
    assert "preempted" in capsys.readouterr().err
