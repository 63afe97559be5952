"""One whole run that goes back and then stops for what it found, killed and gone on with: the same alerts.jsonl."""

from __future__ import annotations

import shutil
from pathlib import Path

import jax
import pytest

from amharic_tl.config import Config, build_config
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import TrainingStopped
from amharic_tl.records.files import read_json, read_lines
from amharic_tl.records.signals import SafetySignal
from amharic_tl.records.workdir import Workdir
from amharic_tl.run import train
from amharic_tl.run.job import Job
from amharic_tl.safety.alerts.judgement import changes, judge
from amharic_tl.safety.monitoring.classifier import Monitor
from amharic_tl.safety.monitoring.looks import Look
from tests.safety.test_penalties import write_biased

pytestmark = pytest.mark.slow


def settings(folder: Path, base: Path) -> dict[str, object]:
    for number, (name, count) in enumerate((("train", 60), ("validation", 40))):
        write_biased(folder / f"{name}.csv", count, number, 0.95)
    return {
        **{f"data.{split}": str(folder / f"{split}.csv") for split in ("train", "validation")},
        "model.path": str(base),
        "data.max_length": 32,
        "train.steps": 4,
        "train.batch_size": 16,
        "train.evaluate_every": 2,
        "train.save_every": 2,
        "safety.axes": "ethnicity",
        "safety.pack": "demo",
        "safety.positive_labels": "harm",
        "safety.actions.confirmed": "log,bundle,rollback,stop",
        "safety.actions.rollbacks": 1,
        "safety.autonomous": True,
        "output.tensorboard": False,
        "output.export": False,
        "output.baselines": False,
    }


def go(config: Config, root: Path) -> None:
    with pytest.raises(TrainingStopped, match="autonomous=false"):
        train(config, root, make_mesh(1, 1, 1, jax.devices()[:1]))


def found_at(step: int) -> SafetySignal:
    """Nothing at step 2, and what must be confirmed from step 4 on."""
    value, p = (0.9, 0.0) if step >= 4 else (0.0, 0.9)
    return SafetySignal(
        *("counterfactual_flip_rate", "ethnicity", "all", "validation", "held_out", value, value - 0.1, value + 0.1),
        *(90, 0.0, "greater", "", p, 0.02, ("row-1",), step, "ok"),
    )


def planted(monitor: Monitor, split: str, step: int, *rest: object) -> Look:
    """A look that costs nothing: one signal, judged and remembered as any other."""
    judged = judge([found_at(step)], monitor._seen, 0.05, 2)
    alerts = changes(judged, monitor._seen)
    monitor.remember(one.to_dict() for one in judged)
    return Look(judged, alerts, "one test", [])


def test_a_run_goes_back_stops_and_says_the_same_after_a_kill(
    tmp_path: Path, small_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Monitor, "look", planted)
    monkeypatch.setattr(Job, "_report", lambda job: None)
    config = build_config(settings(tmp_path, small_base))
    go(config, tmp_path / "run")
    place = Workdir(tmp_path / "run")
    lines = read_lines(place.alerts)
    actions = [line for line in lines if line.get("kind") == "action"]
    assert [(line["action"], line["status"]) for line in actions if line["action"] != "bundle"] == [
        ("rollback", "taken"),
        ("rollback", "refused"),
        ("stop", "taken"),
    ]
    back = next(line for line in actions if line["action"] == "rollback")
    assert (back["step"], back["to"]) == (4, 2)
    bundles = list(place.evidence.iterdir())
    assert bundles and {line["bundle"] for line in actions if line["action"] == "bundle"} <= {
        f"evidence/{path.name}" for path in bundles
    }
    went = [line for line in read_lines(place.events) if line["event"] == "rolled_back"]
    assert [(line["at"], line["to"], line["first_batch"], line["last_batch"]) for line in went] == [(4, 2, 2, 3)]
    assert read_json(place.run)["status"] == "failed"

    # As if killed right after the save that came before the last evaluation, or while a line was being written.
    kept = place.alerts.read_bytes(), place.safety.read_bytes(), place.metrics.read_bytes()
    shutil.copytree(place.root, tmp_path / "again")
    again = Workdir(tmp_path / "again")
    with again.alerts.open("ab") as file:
        file.write(b'{"half": ')
    go(config, again.root)
    assert (again.alerts.read_bytes(), again.safety.read_bytes(), again.metrics.read_bytes()) == kept
    assert len(list(again.evidence.iterdir())) == len(bundles)
