"""Planted accidents: a NaN batch, a poisoned stretch, an exploding rate; each mended or stopped as configured."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from amharic_tl.config import build_config
from amharic_tl.data.batches import BatchSource, HostBatch
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import Preempted, TrainingStopped
from amharic_tl.models import named_parameters
from amharic_tl.records.files import read_lines
from amharic_tl.records.workdir import Workdir
from amharic_tl.run import Run, assemble
from amharic_tl.run.resumption import begin
from amharic_tl.training.checkpoints import Checkpoints
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.loop import Loop, Schedule
from amharic_tl.training.memory import Memory
from amharic_tl.training.progress import Progress
from amharic_tl.training.selection import Selection
from amharic_tl.training.stability.guard import Guard, Limits
from amharic_tl.training.step import TrainState
from amharic_tl.training.thaws import Thaws
from amharic_tl.training.writers import Writer
from tests.tiny import overrides

TOTAL, SAVE_EVERY = 10, 4
LIMITS = Limits(skips=2, within=3, rollbacks=1, rate_factor=0.25)
Harm = Callable[[HostBatch], np.ndarray]


def _nan(batch: HostBatch) -> np.ndarray:
    return batch["weights"] * np.float32("nan")


def _cancelling(batch: HostBatch) -> np.ndarray:
    """Weights whose sum is 0: the loss is divided by next to nothing, so that its gradient is finite and huge."""
    signs = np.where(np.arange(len(batch["weights"])) % 2, -1, 1).astype(np.float32)
    return batch["weights"] * signs


class _Planted(BatchSource):
    """Batches of which some are harmed, by their place in the plan."""

    def __init__(self, source: BatchSource, harms: Mapping[int, Harm]) -> None:
        self._source, self._harms = source, harms

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, step: int) -> HostBatch:
        batch = self._source[step]
        return batch | {"weights": self._harms[step](batch)} if step in self._harms else batch


class _After(Interruption):
    """Tells the run to stop at its n-th poll; there is one before each step."""

    def __init__(self, polls: int) -> None:
        super().__init__()
        self.left = polls

    def requested(self) -> bool:
        self.left -= 1
        return self.left < 0


@dataclasses.dataclass
class Planted:
    """A run that can be trained again and again from its beginning, in one programme."""

    run: Run
    start: Any

    def train(
        self,
        root: Path,
        harms: Mapping[int, Harm],
        polls: int = 10**6,
        limits: Limits = LIMITS,
        rate: Callable[[Any], Any] | None = None,
    ) -> tuple[TrainState, Memory, str]:
        """From the newest checkpoint in ``root``, or from the beginning."""
        run, place = self.run, Workdir(root)
        root.mkdir(exist_ok=True)
        checkpoints, progress = Checkpoints(place.checkpoints), Progress(TOTAL, active=False)
        writer = Writer(place, tensorboard=False)
        usual = run.stages.steps
        state = jax.device_put(self.start, usual.shardings)
        train = usual.train if rate is None else dataclasses.replace(usual.train, rate=rate)
        run.stages.steps = dataclasses.replace(usual, state=state, train=train)
        source = _Planted(run.prepared.train, harms)
        loop = Loop(
            stages=run.stages,
            thaws=Thaws(),
            batches=lambda start: source.stream(start, TOTAL),
            evaluate=lambda state, step: {"loss": 1.0, "macro_f1": 0.5},
            after_evaluation=lambda step, memory: None,
            after_thaw=lambda step, memory: None,
            checkpoints=checkpoints,
            writer=writer,
            progress=progress,
            interruption=_After(polls),
            schedule=Schedule(TOTAL, TOTAL, SAVE_EVERY, 1, None, 5),
            mesh=run.mesh,
            selection=Selection("validation/macro_f1", False, {}),
            row_ids=lambda numbers: [str(number) for number in numbers],
            guard=Guard(
                *(limits, source, TOTAL, SAVE_EVERY, run.stages, checkpoints, writer, progress), lambda memory: None
            ),
        )
        try:
            return loop.run(*begin(run, place, checkpoints, writer, progress, True))
        finally:
            run.stages.steps = usual


@pytest.fixture(scope="module")
def planted(tiny_base: Path, tiny_files: Path) -> Planted:
    """With an average of the weights and two microbatches an update; the head trains alone, until a thaw that the runs
    here do not come to.
    """
    values = {
        **overrides(tiny_base, tiny_files),
        "transfer.method": "gradual",
        "transfer.groups": 1,
        "transfer.stage_length": "20steps",
        "train.microbatch": 8,
        "optim.ema": 0.9,
        "train.stability.spikes": "skip",
        "train.stability.least": 4,
        "train.stability.window": 8,
    }
    run = assemble(build_config(values), make_mesh(1, 1, 1, jax.devices()[:1]))
    return Planted(run, jax.device_get(run.steps.state))


def _events(root: Path, *names: str) -> list[dict[str, Any]]:
    return [event for event in read_lines(root / "events.jsonl") if event["event"] in names]


def _leaves(state: TrainState) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(state)]


# Places 5 to 7 are bad: the second skip leads back from step 7 to step 4, and place 7 is then skipped by itself.
HARMS: dict[int, Harm] = {1: _nan, 5: _cancelling, 6: _nan, 7: _cancelling}


def test_a_poisoned_stretch_is_left_behind_and_a_kill_leaves_no_trace(planted: Planted, tmp_path: Path) -> None:
    state, memory, reason = planted.train(tmp_path / "whole", HARMS)
    assert reason == "all steps done" and int(state.step) == TOTAL
    assert memory.rollbacks == [{"at": 7, "to": 4, "first_batch": 5, "last_batch": 6}]
    lines = [line for line in read_lines(tmp_path / "whole/metrics.jsonl") if line["split"] == "train"]
    assert [line["step"] for line in lines] == list(range(1, TOTAL + 1))  # rewound, and no step twice
    usual = [float(planted.run.steps.train.rate(jnp.int32(step))) for step in range(TOTAL)]
    scales = np.asarray([line["learning_rate"] for line in lines]) / usual
    np.testing.assert_allclose(scales, [1.0] * 4 + [0.25] * 6, rtol=1e-5)
    spikes = _events(tmp_path / "whole", "spike")
    assert [(event["step"], event["skipped"]) for event in spikes] == [(6, True), (6, True)]  # places 5, then 7
    assert spikes[0]["rows"] != spikes[1]["rows"] and spikes[0]["grad_norm"] > spikes[0]["grad_norm_limit"]
    seen = [np.asarray(planted.run.prepared.train[place]["row_index"]).astype(str).tolist() for place in (5, 7)]
    assert [event["rows"] for event in spikes] == seen
    assert int(state.skipped) == 2  # the NaN at the beginning and place 7: what was left behind counts for nothing

    # Stopped within the bad stretch before the return, right behind it, and later.
    for polls in (6, 2, 3):
        with pytest.raises(Preempted):
            planted.train(tmp_path / "killed", HARMS, polls)
    again, remembered, _ = planted.train(tmp_path / "killed", HARMS)
    assert len(_events(tmp_path / "killed", "resumed")) == 3
    assert dataclasses.replace(remembered, lengths={}) == dataclasses.replace(memory, lengths={})
    for one, other in zip(_leaves(state), _leaves(again), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (tmp_path / "killed/metrics.jsonl").read_bytes() == (tmp_path / "whole/metrics.jsonl").read_bytes()


def test_a_rate_that_explodes_is_lowered_until_it_does_not(planted: Planted, tmp_path: Path) -> None:
    usual = planted.run.steps.train.rate

    def rate(step: Any) -> Any:
        return usual(step) * (1.0 if int(step) < 6 else 1e9)

    limits = dataclasses.replace(LIMITS, rate_factor=1e-9)
    state, memory, _ = planted.train(tmp_path / "w", {}, limits=limits, rate=rate)
    assert [entry["to"] for entry in memory.rollbacks] == [4]
    norms = [float(np.abs(leaf).max()) for leaf in jax.tree.leaves(state.trainable)]
    assert max(norms) < 10 and int(state.step) == TOTAL
    assert _events(tmp_path / "w", "spike", "non_finite")


def test_a_spent_budget_stops_with_a_diagnosis(planted: Planted, tmp_path: Path) -> None:
    with pytest.raises(TrainingStopped) as caught:
        planted.train(tmp_path / "w", dict.fromkeys(range(5, 60), _nan))
    assert caught.value.exit_code == 71
    assert "rollbacks=1 allows no further" in str(caught.value) and "Norms of gradient" in str(caught.value)
    (stopped,) = _events(tmp_path / "w", "stopped")
    diagnosis = stopped["diagnosis"]
    assert len(stopped["rows"]) == 16 and diagnosis["non_finite_losses"] == ["loss"]
    assert diagnosis["first_non_finite"]["of"] == "gradient"
    trains = {name for name, row in planted.run.plan.rows.items() if row.trainable}
    assert diagnosis["first_non_finite"]["name"] in trains
    (part,) = diagnosis["parts"].values()
    expected = planted.start.trainable
    norm = np.sqrt(sum(np.square(view.value()).sum() for view in named_parameters(expected).values()))
    assert part["gradient"] is None and part["parameters"] == pytest.approx(norm, rel=0.1)


def test_after_a_nan_batch_a_thaw_empties_the_window_and_a_return_goes_back_over_it(
    planted: Planted, tmp_path: Path
) -> None:
    state, memory, _ = planted.train(tmp_path / "w", {6: _nan})
    stages, place = planted.run.stages, Workdir(tmp_path / "w")
    (event,) = _events(tmp_path / "w", "non_finite", "spike", "rolled_back")
    assert (event["event"], event["step"], len(event["rows"])) == ("non_finite", 7, 16)
    assert int(state.skipped) == 1 and int(state.step) == TOTAL and memory.rollbacks == []
    assert all(np.isfinite(leaf).all() for leaf in _leaves(state))  # the window's too
    watch = state.watch
    assert watch is not None
    slowed = dataclasses.replace(state, watch=dataclasses.replace(watch, rate_scale=watch.rate_scale * 0.5))
    memory.begin_stage(TOTAL)
    thawed = stages.enter(1, slowed)
    assert thawed.watch is not None and np.isnan(np.asarray(thawed.watch.recent)).all()
    assert float(thawed.watch.rate_scale) == 0.5

    checkpoints = Checkpoints(place.checkpoints)
    steps, told = checkpoints.steps(), []
    guard = Guard(
        *(LIMITS, planted.run.prepared.train, TOTAL, SAVE_EVERY, stages, checkpoints),
        *(Writer(place, tensorboard=False), Progress(TOTAL, active=False), told.append),
    )
    memory.skips = [9, 10]
    back = guard.roll_back(thawed, memory)
    assert not isinstance(back, str)
    restored, step, after = back
    assert (step, after.stage, stages.plan.stage, told) == (8, 0, 0, [after])
    assert checkpoints.steps() == [each for each in steps if each <= 8]
    assert restored.watch is not None and float(restored.watch.rate_scale) == LIMITS.rate_factor
    saved = stages.restore(checkpoints, 8, restored).state
    for name in ("trainable", "optimizer", "average", "step"):
        for one, other in zip(
            jax.tree.leaves(getattr(restored, name)), jax.tree.leaves(getattr(saved, name)), strict=True
        ):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
