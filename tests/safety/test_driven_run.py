"""A run whose penalty is driven by a constraint, with penalties on groups beside it; killed, it comes to the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest

from amharic_tl.config import build_config
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.records.files import read_json, read_lines, write_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.run import train
from amharic_tl.run.assembly import Run
from amharic_tl.run.evaluation import model_of
from amharic_tl.training.checkpoints import Checkpoints
from tests.safety.test_penalties import write_biased

Overrides = dict[str, object]
pytestmark = pytest.mark.long


def settings_in(folder: Path, base: Path) -> Overrides:
    """Four updates on biased rows of which validation has just enough to be measured; every kind of term is on."""
    for number, (name, count) in enumerate((("train", 96), ("validation", 48))):
        write_biased(folder / f"{name}.csv", count, number, 0.95)
    return {
        "data.train": str(folder / "train.csv"),
        "data.validation": str(folder / "validation.csv"),
        "data.test": None,
        "model.path": str(base),
        "data.max_length": 32,
        "train.steps": 4,
        "train.batch_size": 16,
        "train.evaluate_every": 2,
        "train.log_every": 1,
        "optim.lr": 5e-4,
        "safety.axes": "ethnicity",
        "safety.pack": "demo",
        "safety.positive_labels": "harm",
        "safety.penalties.group_dro.weight": 0.5,
        "safety.penalties.group_dro.step": 0.5,
        "safety.penalties.mindiff.weight": 0.5,
        "safety.penalties.equalised_odds.weight": 0.5,
        "safety.constraints.flip_rate": 0.001,
        "safety.limits.flip_rate": 0.0001,
        "output.tensorboard": False,
        "output.export": False,
        "output.baselines": False,
    }


def test_a_driven_run_moves_its_weight_and_a_killed_one_comes_to_the_same(
    tmp_path: Path, one_layer_base: Path, assembled_once: Callable[[], Run]
) -> None:
    config = build_config(settings_in(tmp_path, one_layer_base))
    mesh = make_mesh(1, 1, 1, jax.devices()[:1])
    record = train(config, tmp_path / "whole", mesh)
    whole = Workdir(tmp_path / "whole")
    lines = read_lines(whole.metrics)
    moves = [line for line in read_lines(whole.events) if line["event"] == "constraint"]
    weights = {line["step"]: line["weight/logit_pairing"] for line in lines if line["split"] == "train"}
    assert weights[1] == weights[2] == 0.0  # its own weight, until the first evaluation
    assert np.float32(moves[0]["weight"]) == np.float32(weights[3]) > 0
    uppers = [line["upper/flip_rate"] for line in lines if line["split"] == "validation"]
    assert moves[0]["excess"] == uppers[0] - 0.001 and [move["step"] for move in moves] == [2, 4]
    # No step keeps to so low a limit, and that is said.
    assert record["best"]["within_limits"] is False and record["best"]["limits"] == {"flip_rate": 0.0001}
    assert "No evaluation kept to them" in whole.report.read_text(encoding="utf-8")
    groups = read_json(whole.watched)["training"]["mindiff"]["groups"]
    assert groups["dalumi (harmless)"]["rows"] > 0 and 0 < groups["felgora (harmless)"]["updates"] <= 1

    shutil.copytree(whole.root, tmp_path / "killed")
    killed = Workdir(tmp_path / "killed")
    shutil.rmtree(killed.checkpoints / "4")  # as if killed before it was saved
    write_json(killed.run, {**read_json(killed.run), "status": "running"})
    run = assembled_once()
    saved = run.stages.restore(Checkpoints(killed.checkpoints), 2, run.steps.state).state
    kept = np.asarray(saved.terms.kept["group_dro"])
    assert abs(kept.sum() - 1.0) < 1e-5 and np.ptp(kept) > 0
    train(config, killed.root, mesh)
    for name in ("metrics", "safety"):
        assert getattr(killed, name).read_bytes() == getattr(whole, name).read_bytes(), name
    arrays = [
        jax.tree.leaves(run.stages.restore(Checkpoints(of.checkpoints), 4, run.steps.state).state)
        for of in (whole, killed)
    ]
    for left, right in zip(*arrays, strict=True):
        np.testing.assert_array_equal(np.asarray(left), np.asarray(right))
    # A model that is only looked at has no terms, and reads the checkpoint all the same.
    steps, state, _ = model_of(whole, config, run.prepared, run.splits, "checkpoint", mesh, read_json(whole.run))
    assert not state.terms.kept and steps.state.terms.weights == {}
