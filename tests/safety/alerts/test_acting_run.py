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
from amharic_tl.records.workdir import Workdir
from amharic_tl.run import train
from amharic_tl.safety.monitor import Monitor
from tests.safety.test_penalties import write_biased

pytestmark = pytest.mark.slow


def settings(folder: Path, base: Path) -> dict[str, object]:
    for number, (name, count) in enumerate((("train", 60), ("validation", 120))):
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
        "safety.level": 0.5,
        "safety.thresholds.flip_rate": 0.0,
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


def confirm_everything(patch: pytest.MonkeyPatch) -> None:
    """A monitor whose first tested signal is certain from step 4 on; all else of the look is as it is."""
    from amharic_tl.safety import monitor as module

    usual = module.judge

    def certain(signals: list, *rest: object) -> list:
        from dataclasses import replace

        first = next(place for place, one in enumerate(signals) if one.p_value is not None)
        if signals[0].step >= 4:
            signals = [*signals]
            signals[first] = replace(signals[first], p_value=0.0, value=0.9)
        return usual(signals, *rest)  # type: ignore[arg-type]

    patch.setattr(module, "judge", certain)


def test_a_run_goes_back_stops_and_says_the_same_after_a_kill(
    tmp_path: Path, small_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirm_everything(monkeypatch)
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
    monkeypatch.setattr(Monitor, "fairness", None)  # what comes after training is not reached
    go(config, again.root)
    assert (again.alerts.read_bytes(), again.safety.read_bytes(), again.metrics.read_bytes()) == kept
    assert len(list(again.evidence.iterdir())) == len(bundles)
