"""A run averaged with its base and with others: what is scored, chosen, exported and refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import amharic_tl as atl
from amharic_tl.cli.main import main
from amharic_tl.records.files import read_json
from tests.tiny import overrides

SHORT = {"train.steps": 3, "train.evaluate_every": 3, "output.baselines": False, "output.tensorboard": False}


@pytest.fixture(scope="module")
def one_device() -> Any:
    one = jax.devices()[:1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "devices", lambda: one)  # programs for eight take long to compile
        yield


@pytest.fixture(scope="module")
def finished(one_device: None, tiny_base: Path, tiny_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    del one_device
    folder = tmp_path_factory.mktemp("runs") / "run"
    atl.train(atl.build_config({**overrides(tiny_base, tiny_files), **SHORT}), folder)
    return folder


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


def test_a_range_of_rates_is_found_and_the_run_is_left_alone(
    one_device: None, tiny_base: Path, tiny_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del one_device
    settings = {**overrides(tiny_base, tiny_files), "optim.ema": 0.9, "transfer.method": "head"}
    words = [f"--config.{name}={value}" for name, value in settings.items()]
    place = tmp_path / "rates"
    command = ["rate-range", "--config", "classify", *words, "--workdir", str(place), "--lowest=1e-5", "--steps=40"]
    assert main(command) == 0
    record = read_json(place / "rate_range.json")
    assert record["range"] is None or record["range"]["low"] <= record["range"]["high"]
    lines = [json.loads(line) for line in (place / "rate_range.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [lines[0]["learning_rate"], len(lines)] == [pytest.approx(1e-5), record["steps"]]
    ratios = {round(b["learning_rate"] / a["learning_rate"], 6) for a, b in zip(lines, lines[1:], strict=False)}
    assert len(ratios) == 1
    assert record["trainable"] < 3000  # the head alone
    assert sorted(path.name for path in place.iterdir()) == ["rate_range.html", "rate_range.json", "rate_range.jsonl"]
    assert main(command) == 73
    assert main([*command[:-4], f"--workdir={tmp_path / 'new'}", "--lowest=2"]) == 78
    assert "--lowest < --highest" in capsys.readouterr().err
