"""A best checkpoint that is damaged: training on makes it again, or the next best takes its place."""

from __future__ import annotations

import shutil
from pathlib import Path

import jax
import pytest

from amharic_tl.config import build_config
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import Preempted
from amharic_tl.records.files import read_json, read_lines
from amharic_tl.run import train
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.loop import Loop, Memory

pytestmark = pytest.mark.long


class _After(Interruption):
    """Stops the run at its n-th poll: there is one a step, one an evaluation batch, and two before training."""

    def __init__(self, polls: int) -> None:
        super().__init__()
        self.left = polls

    def requested(self) -> bool:
        self.left -= 1
        return self.left < 0


def _train(overrides: dict[str, object], workdir: Path, polls: int = 10**9) -> dict[str, object]:
    mesh = make_mesh(1, 1, 1, jax.devices()[:1])
    return train(build_config(overrides), workdir, mesh, _After(polls))


def _damage(step: Path) -> None:
    path = max((p for p in step.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.fixture
def stopped(tiny_overrides: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """A run of 40 steps, told to stop between 20 and 30: its best is step 10, the last two are 20 and later."""
    original = Loop._evaluate

    def ranked(self: Loop, state: object, step: int, memory: Memory) -> bool:
        scores = {10: 0.9, 20: 0.5, 30: 0.6, 40: 0.4}
        measured = self.evaluate
        self.evaluate = lambda state, step: {**measured(state, step), "macro_f1": scores[step]}
        try:
            return original(self, state, step, memory)  # type: ignore[arg-type]
        finally:
            self.evaluate = measured

    monkeypatch.setattr(Loop, "_evaluate", ranked)
    overrides = {**tiny_overrides, "train.evaluate_every": 10, "output.baselines": False, "output.export": False}
    with pytest.raises(Preempted):
        _train(overrides, tmp_path / "w", polls=40)
    return overrides


def test_the_next_best_takes_its_place(stopped: dict[str, object], tmp_path: Path) -> None:
    checkpoints = tmp_path / "w" / "checkpoints"
    steps = sorted(int(folder.name) for folder in checkpoints.iterdir())
    assert steps[0] == 10 and 20 < steps[-1] < 30, steps
    _damage(checkpoints / "10")
    record = _train(stopped, tmp_path / "w")
    assert record["status"] == "completed" and record["best"] == {
        "step": 30, "metric": "validation/macro_f1", "value": 0.6,
    }  # fmt: skip
    events = read_lines(tmp_path / "w" / "events.jsonl")
    (lost,) = [event for event in events if event["event"] == "best_lost"]
    assert (lost["step_lost"], lost["best_step"]) == (10, None)
    assert (checkpoints / "quarantine" / "10").is_dir()


def test_an_older_checkpoint_makes_the_lost_one_again(stopped: dict[str, object], tmp_path: Path) -> None:
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(tmp_path / "w", undisturbed)
    expected = _train(stopped, undisturbed)
    assert expected["best"] == {"step": 10, "metric": "validation/macro_f1", "value": 0.9}
    # As if a step before the best had been kept.
    with pytest.raises(Preempted):
        _train(stopped, tmp_path / "early", polls=7)
    (older,) = (tmp_path / "early" / "checkpoints").iterdir()
    shutil.copytree(older, tmp_path / "w" / "checkpoints" / older.name)
    _damage(tmp_path / "w" / "checkpoints" / "10")
    record = _train(stopped, tmp_path / "w")
    assert record["best"] == expected["best"] and record["final"] == expected["final"]
    assert (tmp_path / "w" / "metrics.jsonl").read_bytes() == (undisturbed / "metrics.jsonl").read_bytes()
    assert read_json(tmp_path / "w" / "run.json")["status"] == "completed"
