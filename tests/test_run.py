"""A whole run: what the workdir holds, and what happens to a user's mistakes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest

import amharic_tl as atl
from amharic_tl.cli.main import main
from amharic_tl.config import build_config
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import ConfigError, TrainingStopped
from amharic_tl.records.files import read_json, read_lines
from amharic_tl.run import train

Overrides = dict[str, object]


def _train(overrides: Overrides, workdir: Path) -> dict[str, object]:
    return train(build_config(overrides), workdir, make_mesh(1, 1, 1, jax.devices()[:1]))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, tiny_files: Path) -> tuple[Path, Overrides]:
    workdir = tmp_path_factory.mktemp("run") / "w"
    overrides: Overrides = {
        "model.path": str(tiny_base),
        "data.train": str(tiny_files / "train.csv"),
        "data.validation": str(tiny_files / "validation.csv"),
        "data.test": str(tiny_files / "test.csv"),
        "data.max_length": 16,
        "train.steps": 120,
        "train.batch_size": 16,
        "train.evaluate_every": 40,
        "optim.lr": 3e-3,
    }
    _train(overrides, workdir)
    return workdir, overrides


def test_the_workdir_holds_what_the_contract_names(finished: tuple[Path, Overrides]) -> None:
    workdir, _ = finished
    names = {path.name for path in workdir.iterdir()}
    assert names >= {
        "config.json", "plan.json", "data.json", "baselines.json", "evaluation.json", "run.json", "metrics.jsonl",
        "timing.jsonl", "events.jsonl", "predictions-validation.jsonl", "predictions-test.jsonl", "checkpoints",
        "export", "tensorboard", "report.html", "report.json",
    }  # fmt: skip
    run = read_json(workdir / "run.json")
    assert run["status"] == "completed"
    assert set(run["final"]) == {"validation", "test", "test_clean"}
    assert {"accuracy", "macro_f1", "weighted_f1", "f1/ሀ", "f1/ለ", "f1/መ"} <= set(run["final"]["test"])
    assert run["provenance"]["seed"] == 0 and run["provenance"]["versions"]["jax"] == jax.__version__


def test_the_tiny_model_learns_and_the_best_step_is_the_one_scored(finished: tuple[Path, Overrides]) -> None:
    workdir, _ = finished
    run = read_json(workdir / "run.json")
    assert run["final"]["validation"]["macro_f1"] > 0.6
    lines = [line for line in read_lines(workdir / "metrics.jsonl") if line["split"] == "validation"]
    assert [line["step"] for line in lines] == [40, 80, 120]
    best = max(lines, key=lambda line: line["macro_f1"])
    assert run["best"]["step"] == best["step"]
    assert run["final"]["validation"]["macro_f1"] == pytest.approx(best["macro_f1"])


def test_predictions_hold_ids_and_scores_and_no_text(finished: tuple[Path, Overrides], tiny_files: Path) -> None:
    workdir, _ = finished
    lines = read_lines(workdir / "predictions-test.jsonl")
    assert len(lines) == 60
    assert all(set(line) == {"id", "label", "predicted", "scores"} for line in lines)
    assert all(abs(sum(line["scores"].values()) - 1) < 1e-4 for line in lines)
    texts = {
        line.split('","')[0].strip('"')
        for line in (tiny_files / "test.csv").read_text(encoding="utf-8").splitlines()[1:]
    }
    everything = "".join(p.read_text(encoding="utf-8") for p in workdir.glob("*.json*"))
    assert not any(text in everything for text in texts)


def test_the_export_predicts_what_was_scored(finished: tuple[Path, Overrides], tiny_files: Path) -> None:
    from amharic_tl.data.tokenizer import encode, load_tokenizer

    workdir, _ = finished
    model = atl.from_pretrained(str(workdir / "export"), "sequence-classification")
    tokenizer = load_tokenizer(workdir / "export")
    lines = read_lines(workdir / "predictions-test.jsonl")
    rows = [
        line.strip('"').split('","') for line in (tiny_files / "test.csv").read_text(encoding="utf-8").splitlines()[1:]
    ]
    labels = ["ሀ", "ለ", "መ"]
    for line, (text, _) in list(zip(lines, rows, strict=True))[:8]:
        ids = encode(tokenizer, [text], 16).ids[0]
        logits = model(jax.numpy.asarray(ids)[None]).logits[0]
        expected = np.asarray([line["scores"][label] for label in labels])
        np.testing.assert_allclose(np.asarray(jax.nn.softmax(logits)), expected, atol=1e-4)


def test_a_complete_run_is_left_alone_and_another_config_is_refused(
    finished: tuple[Path, Overrides], capsys: pytest.CaptureFixture[str]
) -> None:
    workdir, overrides = finished
    before = {path: path.stat().st_mtime_ns for path in workdir.rglob("*")}
    assert _train(overrides, workdir)["status"] == "completed"
    with pytest.raises(ConfigError, match="config.optim.lr") as caught:
        _train({**overrides, "optim.lr": 1e-3}, workdir)
    assert caught.value.exit_code == 78
    assert {path: path.stat().st_mtime_ns for path in workdir.rglob("*")} == before
    assert "complete" in capsys.readouterr().err


def test_masked_lm_trains_and_lowers_its_bits(tiny_base: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n".join(["ባለ ቦሎ ቢሊ ታመ ቶሞ ቲሚ ካነ ኮኖ ኪኒ"] * 60) + "\n", encoding="utf-8")
    overrides: Overrides = {
        "task.kind": "masked-lm",
        "model.path": str(tiny_base),
        "data.train": str(text),
        "data.validation": str(text),
        "data.max_length": 8,
        "train.steps": 60,
        "train.batch_size": 16,
        "train.evaluate_every": 30,
        "train.select_by": "validation/bits_per_character",
        "optim.lr": 3e-3,
    }
    run = _train(overrides, tmp_path / "w")
    lines = [line for line in read_lines(tmp_path / "w" / "metrics.jsonl") if line["split"] == "validation"]
    assert lines[1]["bits_per_character"] < lines[0]["bits_per_character"]
    assert run["best"]["value"] == lines[1]["bits_per_character"]
    split = read_json(tmp_path / "w" / "data.json")["splits"]["train"]
    assert split["tokens"]["max"] <= 8 and split["windows"] > split["rows"] == 60 and split["truncated"] == 0
    assert "bits per character" in (tmp_path / "w" / "report.html").read_text(encoding="utf-8")
    assert atl.from_pretrained(str(tmp_path / "w" / "export"), "masked-lm").load_report.newly_initialised == ()


def test_non_finite_updates_are_recorded_and_too_many_stop_the_run(
    tiny_overrides: Overrides, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amharic_tl.data.batches import Batches

    original = Batches.__getitem__

    def poisoned(self: Batches, step: int) -> dict[str, np.ndarray]:
        batch = original(self, step)
        if self.plan.seed is not None and step in (3, *range(10, 40)):
            batch["weights"] = batch["weights"] * np.float32("nan")
        return batch

    monkeypatch.setattr(Batches, "__getitem__", poisoned)
    with pytest.raises(TrainingStopped, match="stopped at step 15: 5 updates in a row") as caught:
        _train({**tiny_overrides, "train.max_non_finite": 4}, tmp_path / "w")
    assert caught.value.exit_code == 71 and "train.csv:" in str(caught.value)
    skipped = [event["step"] for event in read_lines(tmp_path / "w" / "events.jsonl") if event["event"] == "non_finite"]
    assert skipped == [4, 11, 12, 13, 14, 15]
    null = [line["step"] for line in read_lines(tmp_path / "w" / "metrics.jsonl") if line.get("loss", 0) is None]
    assert null == skipped
    assert read_json(tmp_path / "w" / "run.json")["status"] == "failed"


def test_early_stopping_ends_the_run(tiny_overrides: Overrides, tmp_path: Path) -> None:
    changed: Overrides = {"train.patience": 2, "train.evaluate_every": 5, "optim.lr": 1e-9, "train.steps": 1000}
    run = _train({**tiny_overrides, **changed}, tmp_path / "w")
    assert "no better validation/macro_f1" in run["stopped_because"]
    assert read_lines(tmp_path / "w" / "metrics.jsonl")[-1]["step"] < 100


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"data.train": "nowhere.csv"}, 66, "nowhere.csv"),
        ({"data.text": "txet"}, 65, "did you mean 'text'?"),
        ({"data.test": "EMPTY"}, 65, "empty"),
        ({"model.path": "nowhere"}, 66, "nowhere"),
        ({"data.max_length": 100}, 78, "positions"),
        ({"train.batch_size": 12}, 78, "multiple of 8"),
        ({"optim.lr": "nan"}, 78, "finite"),
        ({"train.select_by": "validation/f2"}, 78, "validation/macro_f1"),
        ({"train.select_by": "validation/macro-f1"}, 78, "did you mean validation/macro_f1?"),
        ({"train.select_by": "validation/f1/ሰ"}, 78, "the classes are ሀ, ለ, መ"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_exit_code(
    change: Overrides,
    code: int,
    said: str,
    tiny_overrides: Overrides,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    values = {**tiny_overrides, "output.baselines": False, **change}
    values = {name: str(empty) if value == "EMPTY" else value for name, value in values.items()}
    path = tmp_path / "none.json"
    path.write_text("{}")
    arguments = [f"--config.{name}={value}" for name, value in values.items()]
    assert main(["train", "--config", str(path), *arguments, "--workdir", str(tmp_path / "w")]) == code
    shown = capsys.readouterr().err
    assert said in shown and "Traceback" not in shown
    assert not (tmp_path / "w").exists()


def test_an_evaluation_without_a_loss_picks_no_checkpoint_and_figures_not_measured_say_why(
    tiny_overrides: Overrides, tiny_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = tmp_path / "unknown.csv"
    unknown.write_text("text,label\nባለ ዳረ,ነ\nካነ ጋሰ,ነ\n", encoding="utf-8")
    changed = {"train.steps": 4, "data.validation": str(unknown), "data.test": str(tiny_files / "train.csv")}
    run = _train({**tiny_overrides, **changed, "output.export": False, "data.gates": None}, tmp_path / "w")
    assert run["best"] == {"step": None, "metric": "validation/macro_f1", "value": None}
    events = read_lines(tmp_path / "w" / "events.jsonl")
    (told,) = [event for event in events if event["event"] == "non_finite_metrics"]
    assert (told["step"], told["split"], told["names"]) == (4, "validation", ["loss"])
    assert "(near-)duplicate" in run["final"]["test_clean"]["not_measured"]
    said = capsys.readouterr().err
    assert "(best)" not in said and "test_clean  not measured: every row of test" in said
    assert "train: quoting standard: " in said and "drawn anew, not taken from the checkpoint: classifier." in said
    assert "lm_head.bias" in read_json(tmp_path / "w" / "plan.json")["dropped"]


@pytest.mark.parametrize(
    ("harm", "code", "said"),
    [
        (lambda folder: (folder / "tokenizer.json").unlink(), 66, "holds no tokenizer"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), 65, "cannot be read"),
        (lambda folder: _vocabulary(folder, 40), 65, "tokenizer and weights do not belong together"),
        (lambda folder: _vocabulary(folder, "many"), 65, "vocab_size"),
    ],
)
def test_a_tokenizer_that_is_missing_or_another_models_is_named_before_weights_are_read(
    harm: Callable[[Path], None],
    code: int,
    said: str,
    tiny_overrides: Overrides,
    tiny_base: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = shutil.copytree(tiny_base, tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"not read")
    harm(folder)
    (tmp_path / "none.json").write_text("{}")
    values = {**tiny_overrides, "model.path": str(folder)}
    arguments = [f"--config.{name}={value}" for name, value in values.items()]
    command = ["train", "--config", str(tmp_path / "none.json"), *arguments, "--workdir", str(tmp_path / "w")]
    assert main(command) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


def _vocabulary(folder: Path, size: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": size}))


def test_a_folder_of_other_things_is_not_overwritten(tiny_overrides: Overrides, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="thesis.txt"):
        _train(tiny_overrides, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(os.geteuid() != 0 if hasattr(os, "geteuid") else True, reason="needs to mount a small file system")
@pytest.mark.parametrize("size", ["12k"])
def test_a_full_disk_is_one_sentence_and_loses_nothing(
    size: str, tiny_overrides: Overrides, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import subprocess

    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], capture_output=True
    ).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        path = tmp_path / "run.json"
        path.write_text(json.dumps({}))
        short = {"train.steps": 10, "train.evaluate_every": 5, "output.baselines": False, "output.tensorboard": True}
        values = {**tiny_overrides, **short}
        arguments = [f"--config.{name}={value}" for name, value in values.items()]
        command = ["train", "--config", str(path), *arguments, "--workdir", str(disk / "w")]
        assert main(command) == 73
        shown = capsys.readouterr().err
        assert "intact" in shown and "Traceback" not in shown
        # With room again the same command goes on to the end.
        assert subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], capture_output=True).returncode == 0
        assert main(command) == 0
        assert read_json(disk / "w" / "run.json")["status"] == "completed"
    finally:
        subprocess.run(["umount", str(disk)], capture_output=True)
