"""A whole run that proposes, then goes back and stops on its own, and that says the same after a kill."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import pytest

from amharic_tl.config import build_config
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import Preempted, TrainingStopped
from amharic_tl.records.files import read_json, read_lines
from amharic_tl.records.signals import SafetySignal
from amharic_tl.records.workdir import Workdir
from amharic_tl.run import train
from amharic_tl.run.assembly import Run
from amharic_tl.run.job import Job
from amharic_tl.safety.monitoring.classifier import Monitor
from amharic_tl.safety.monitoring.looks import Look
from tests.safety.test_penalties import write_biased

Overrides = dict[str, object]
pytestmark = pytest.mark.long


@pytest.fixture
def settings(
    tmp_path: Path, one_layer_base: Path, assembled_once: Callable[[], Run], monkeypatch: pytest.MonkeyPatch
) -> Overrides:
    """Four updates with two evaluations. Looks are planted; a report, and what follows the last step, are not made."""
    monkeypatch.setattr(Monitor, "look", planted)
    monkeypatch.setattr(Job, "_report", lambda job: None)
    monkeypatch.setattr(Job, "_finish", killed)
    for number, (name, count) in enumerate((("train", 40), ("validation", 8))):
        write_biased(tmp_path / f"{name}.csv", count, number, 0.95)
    return {
        **{f"data.{split}": str(tmp_path / f"{split}.csv") for split in ("train", "validation")},
        "model.path": str(one_layer_base),
        "data.max_length": 16,
        "train.steps": 4,
        "train.batch_size": 8,
        "train.evaluate_every": 2,
        "train.save_every": 2,
        "safety.axes": "ethnicity",
        "safety.pack": "demo",
        "safety.positive_labels": "harm",
        "safety.actions.confirmed": "log,bundle,rollback,stop",
        "safety.actions.rollbacks": 1,
        "output.tensorboard": False,
        "output.export": False,
        "output.baselines": False,
    }


def planted(monitor: Monitor, split: str, step: int, *rest: object) -> Look:
    """A look that costs nothing: nothing at step 2, and what must be confirmed from step 4 on."""
    value, p = (0.9, 0.0) if step >= 4 else (0.0, 0.9)
    signal = SafetySignal(
        *("counterfactual_flip_rate", "ethnicity", "all", split, "held_out", value, value - 0.1, value + 0.1),
        *(90, 0.0, "greater", "", p, 0.02, ("row-1",), step, "ok"),
    )
    return monitor.judged([signal])


def killed(*rest: object) -> None:
    raise Preempted("killed after the last step")


def go(settings: Overrides, root: Path, autonomous: bool, ends: type[Exception], said: str) -> Workdir:
    with pytest.raises(ends, match=said):
        config = build_config({**settings, "safety.autonomous": autonomous})
        train(config, root, make_mesh(1, 1, 1, jax.devices()[:1]))
    return Workdir(root)


def actions_of(place: Workdir) -> list[dict[str, Any]]:
    return [line for line in read_lines(place.alerts) if line.get("kind") == "action"]


def told(place: Workdir) -> list[tuple[str, str, int]]:
    return [(one["action"], one["status"], one["step"]) for one in actions_of(place) if one["action"] != "bundle"]


def test_a_run_proposes_then_goes_back_and_stops_and_says_the_same_after_a_kill(
    tmp_path: Path, settings: Overrides
) -> None:
    place = go(settings, tmp_path / "run", False, Preempted, "killed after")
    assert told(place) == [("rollback", "proposed", 4), ("stop", "proposed", 4)]
    assert {one["to"] for one in actions_of(place) if one["action"] == "rollback"} == {2}
    assert not [line for line in read_lines(place.events) if line["event"] == "rolled_back"]

    # A person accepts, while the newest checkpoint is that of step 2.
    shutil.rmtree(place.checkpoints / "4")
    go(settings, place.root, True, TrainingStopped, "autonomous=false")
    taken = [("rollback", "taken", 4), ("rollback", "refused", 4), ("stop", "taken", 4)]
    assert told(place) == taken
    bundles = {f"evidence/{path.name}" for path in place.evidence.iterdir()}
    assert bundles and {one["bundle"] for one in actions_of(place)} <= bundles
    events = read_lines(place.events)
    went = [line for line in events if line["event"] == "rolled_back"]
    assert [(line["at"], line["to"], line["first_batch"], line["last_batch"]) for line in went] == [(4, 2, 2, 3)]
    (override,) = [line for line in events if line["event"] == "override"]
    assert (override["leaf"], override["before"], override["after"]) == ("safety.autonomous", False, True)
    assert read_json(place.run)["status"] == "failed"

    # As if killed in the last evaluation, while a line was being written.
    kept = place.alerts.read_bytes(), place.safety.read_bytes(), place.metrics.read_bytes()
    with place.alerts.open("ab") as file:
        file.write(b'{"half": ')
    go(settings, place.root, True, TrainingStopped, "autonomous=false")
    assert (place.alerts.read_bytes(), place.safety.read_bytes(), place.metrics.read_bytes()) == kept
    assert told(place) == taken and {f"evidence/{path.name}" for path in place.evidence.iterdir()} == bundles
