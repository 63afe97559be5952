"""A finished run is scored again to the same figures, on other data too, compared with others on the same items, and
averaged with its base and with others.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

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


def _weights(folder: Path) -> dict[str, np.ndarray]:
    return load_file(folder / "model.safetensors")


def _like(run: Path, place: Path, **changes: Any) -> Path:
    """Another finished run, with weights of its own; ``changes`` are edits of its files, by file and dotted key."""
    shutil.copytree(run, place)
    export = place / "export" / "model.safetensors"
    save_file({name: np.ascontiguousarray(0.5 * value) for name, value in load_file(export).items()}, export)
    for path, value in changes.items():
        file, *keys = path.split(".")
        record = inner = read_json(place / f"{file}.json")
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        (place / f"{file}.json").write_text(json.dumps(record), encoding="utf-8")
    return place


@pytest.mark.slow
def test_a_run_is_averaged_with_its_base(finished: Path, tiny_base: Path, tmp_path: Path) -> None:
    output = tmp_path / "averaged"
    assert main(["average", str(finished), "--alphas", "0,0.5,1", "--output", str(output)]) == 0
    record, run = read_json(output / "average.json"), read_json(finished / "run.json")
    scores = [point["validation"]["macro_f1"] for point in record["curve"]]
    # At 1 it is the run itself.
    for name, value in record["curve"][2]["validation"].items():
        assert value == pytest.approx(run["final"]["validation"][name], abs=1e-6)
    alpha = record["chosen"]["alpha"]
    assert scores[[0, 0.5, 1].index(alpha)] == max(scores)
    base, tuned, made = _weights(tiny_base), _weights(finished / "export"), _weights(output / "export")
    name = "roberta.encoder.layer.2.output.dense.weight"
    np.testing.assert_allclose(made[name], (1 - alpha) * base[name] + alpha * tuned[name], rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(made["classifier.dense.weight"], tuned["classifier.dense.weight"])
    assert set(record["not_in_the_base"]) == {name for name in tuned if name.startswith("classifier")}
    assert read_json(output / "run.json")["final"].keys() == {"validation", "test", "test_clean"}
    assert "Chosen on validation" in (output / "average.html").read_text(encoding="utf-8")
    assert main(["average", str(finished), "--output", str(output)]) == 73
    assert main(["average", str(output), "--output", str(tmp_path / "again")]) == 66


@pytest.mark.slow
def test_a_soup_is_the_mean_of_runs_with_one_beginning(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = _like(finished, tmp_path / "other", **{"config.optim.lr": 0.1})
    output = tmp_path / "soup"
    assert main(["average", str(finished), str(other), "--soup=uniform", "--output", str(output)]) == 0
    tuned, made = _weights(finished / "export"), _weights(output / "export")
    for name, value in made.items():
        np.testing.assert_allclose(value, 0.75 * tuned[name], rtol=1e-6)
    assert read_json(output / "average.json")["chosen"]["runs"] == [str(finished), str(other)]
    capsys.readouterr()
    for name, changes, said in (
        ("seed", {"config.train.seed": 7}, "from the seeds 0 and 7"),
        ("labels", {"data.labels": ["ሀ", "ለ"]}, "other tasks or labels"),
        ("tokenizer", {"run.provenance.fingerprints.tokenizer": "other"}, "other tokenizers"),
        ("base", {"run.provenance.fingerprints.model": {}}, "other pretrained weights"),
        ("data", {"data.fingerprint": "other"}, "other data"),
    ):
        strange = _like(finished, tmp_path / name, **changes)
        arguments = [str(finished), str(strange), "--soup=greedy", "--output", str(tmp_path / "none")]
        assert main(["average", *arguments]) == 65, name
        assert said in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_wrong_usage_of_average_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = f"--output={tmp_path / 'out'}"
    for arguments, code in (
        ([out], 2),
        (["a", "b", out], 2),
        (["a", "--soup=greedy", out], 2),
        (["a", "a", "--soup=greedy", out], 2),
        (["a", "--alphas=0,2", out], 2),
        (["a", "--alphas=half", out], 2),
        (["a"], 2),
        ([str(tmp_path / "absent"), out], 66),
    ):
        assert main(["average", *arguments]) == code, arguments
        assert "Traceback" not in capsys.readouterr().err
