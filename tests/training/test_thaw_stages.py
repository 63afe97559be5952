"""Stages of training: what a thaw keeps, what it costs, and that a run killed in any stage leaves no trace."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import amharic_tl as atl
from amharic_tl.config import build_config
from amharic_tl.config.regularizers import L2SPConfig, RegularizersConfig
from amharic_tl.distributed.mesh import make_mesh, put_batch
from amharic_tl.errors import Preempted
from amharic_tl.records.files import read_lines
from amharic_tl.records.workdir import Workdir
from amharic_tl.run import Run, assemble
from amharic_tl.run.assembly import load_model
from amharic_tl.run.resumption import begin
from amharic_tl.run.staging import make_stages, make_thaws
from amharic_tl.tasks.terms import Term
from amharic_tl.training.checkpoints import Checkpoints
from amharic_tl.training.flops import count_flops
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.loop import Loop, Schedule
from amharic_tl.training.memory import Memory
from amharic_tl.training.progress import Progress
from amharic_tl.training.relative_gradients import relative_gradient_norms
from amharic_tl.training.selection import Selection
from amharic_tl.training.stages import Stages
from amharic_tl.training.step import TrainState
from amharic_tl.training.writers import Writer
from amharic_tl.transfer.regularizers import regularizers
from tests.tiny import overrides

Arrays = dict[str, np.ndarray]
Fresh = Callable[..., Stages]
TOTAL = 8


@pytest.fixture(scope="module")
def run(tiny_base: Path, tiny_files: Path) -> Run:
    """Two stages, of which the loss on validation begins the second."""
    values = {
        **overrides(tiny_base, tiny_files),
        "train.steps": TOTAL,
        "train.evaluate_every": 2,
        "train.patience": 1,
        "transfer.method": "plateau",
        "transfer.groups": 1,
        "transfer.thaw_patience": 2,
        "transfer.thaw_warmup": 2,
    }
    return assemble(build_config(values), make_mesh(1, 1, 1, jax.devices()[:1]))


@pytest.fixture(scope="module")
def fresh(run: Run) -> Fresh:
    """The run's stages as a new process has them, with other leaves of transfer where asked for."""
    graphdef, start = nnx.split(load_model(run.config, run.hf_config, run.splits.labels))

    def stages(terms: Sequence[Term] = (), **leaves: Any) -> Stages:
        config = dataclasses.replace(run.config, transfer=dataclasses.replace(run.config.transfer, **leaves))
        model = nnx.merge(graphdef, jax.tree.map(jnp.copy, start))
        return make_stages(config, model, run.prepared, run.plan.clock, run.mesh, terms=terms)

    return stages


def _arrays(tree: Any) -> Arrays:
    return {name: np.asarray(view.value()) for name, view in atl.named_parameters(jax.device_get(tree)).items()}


def _everything(state: TrainState) -> Arrays:
    return {**_arrays(state.trainable), **_arrays(state.frozen)}


class _After(Interruption):
    """Tells the run to stop at its n-th poll; there is one before each step."""

    def __init__(self, polls: int) -> None:
        super().__init__()
        self.left = polls

    def requested(self) -> bool:
        self.left -= 1
        return self.left < 0


def _train(
    run: Run, stages: Stages, root: Path, polls: int = 10**6, look: Callable[[TrainState, int], None] | None = None
) -> tuple[TrainState, Memory, str]:
    """The loop as the job has it, with an evaluator whose loss depends on what training has made of the head."""
    run = dataclasses.replace(run, stages=stages)
    place = Workdir(root)
    root.mkdir(exist_ok=True)
    checkpoints, progress = Checkpoints(place.checkpoints), Progress(TOTAL, active=False)
    writer = Writer(place, tensorboard=False)

    def evaluate(state: TrainState, step: int) -> dict[str, float]:
        if look is not None:
            look(state, step)
        size = float(np.square(_arrays(state.trainable)["classifier.out_proj.weight"]).sum())
        return {"loss": 1.0 + size / 1e3 if step < 4 else 2.0 + size, "macro_f1": 1.0 / step}

    loop = Loop(
        stages=stages,
        thaws=make_thaws(run.config, stages.plan),
        batches=lambda start: run.prepared.train.stream(start, TOTAL),
        evaluate=evaluate,
        after_evaluation=lambda step, memory: None,
        after_thaw=lambda step, memory: None,
        checkpoints=checkpoints,
        writer=writer,
        progress=progress,
        interruption=_After(polls),
        schedule=Schedule(TOTAL, 2, 100, 1, run.config.train.patience, 5),
        mesh=run.mesh,
        selection=Selection("validation/macro_f1", False, {}),
        row_ids=lambda numbers: [str(number) for number in numbers],
    )
    return loop.run(*begin(run, place, checkpoints, writer, progress, True))


@pytest.mark.long
def test_a_run_killed_in_any_stage_leaves_the_bytes_of_a_whole_one(run: Run, fresh: Fresh, tmp_path: Path) -> None:
    stages, programmes = fresh(), {}
    start = _everything(stages.steps.state)

    def look(state: TrainState, step: int) -> None:
        programmes[stages.plan.stage] = stages.steps.train.compiled._cache_size()
        if stages.plan.stage == 0:  # bit-identical until they thaw
            frozen = _arrays(state.frozen)
            assert all(np.array_equal(array, start[name]) for name, array in frozen.items())
            assert any("encoder" in name for name in frozen)

    state, memory, reason = _train(run, stages, tmp_path / "whole", look=look)
    # Step 4 sets no new best, nor does 6: two evaluations after the lowest loss the rest thaws, and patience (1) is not
    # over before.
    assert memory.began == [0, 6] and reason == "no better validation/macro_f1 for 1 evaluations"
    assert memory.best_step == 2 and int(state.step) == TOTAL
    assert programmes == {0: 1, 1: 1}  # one programme a stage
    (thaw,) = [event for event in read_lines(tmp_path / "whole/events.jsonl") if event["event"] == "thaw"]
    assert (thaw["step"], thaw["stage"], thaw["frozen"]) == (6, 1, 0)

    for polls in (3, 4):  # within the first stage, and after the thaw
        with pytest.raises(Preempted):
            _train(run, fresh(), tmp_path / "killed", polls)
    last = fresh()
    again, remembered, _ = _train(run, last, tmp_path / "killed")
    resumed = [event["step"] for event in read_lines(tmp_path / "killed/events.jsonl") if event["event"] == "resumed"]
    assert resumed == [3, 7]
    assert dataclasses.replace(remembered, lengths={}) == dataclasses.replace(memory, lengths={})
    for one, other in zip(jax.tree.leaves(state), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    assert (tmp_path / "killed/metrics.jsonl").read_bytes() == (tmp_path / "whole/metrics.jsonl").read_bytes()

    # The best checkpoint is of the first stage, which has another structure than the last.
    best = last.restore(Checkpoints(tmp_path / "killed/checkpoints"), 2, again)
    assert last.plan.stage == 0 and int(best.state.step) == 2
    assert set(_arrays(best.state.trainable)) == {name for name in start if name.startswith("classifier.")}


def test_a_thaw_keeps_parameters_and_moments_and_gives_new_ones_their_own(run: Run, fresh: Fresh) -> None:
    pull = regularizers(RegularizersConfig(l2_sp=L2SPConfig(weight=0.1)), run.prepared.task, frozenset())
    stages = fresh(pull, method="gradual", groups=2, stage_length="2steps", thaw_patience=2)
    state, start = stages.steps.state, _everything(stages.steps.state)
    # As if it had trained: parameters that have moved, moments and counts that are not 0.
    moved = jax.tree.map(lambda leaf: leaf + 0.125, state.trainable)
    state = dataclasses.replace(state, trainable=moved, optimizer=jax.tree.map(lambda leaf: leaf + 3, state.optimizer))
    batch = run.prepared.train[2]
    flops = [count_flops(stages.steps.untraced("train"), state, batch)]
    before, moments = _everything(state), [np.asarray(leaf) for leaf in jax.tree.leaves(state.optimizer)]
    state = stages.enter(1, state)
    flops.append(count_flops(stages.steps.untraced("train"), state, batch))
    after = _everything(state)
    assert before.keys() == after.keys() and all(np.array_equal(before[name], after[name]) for name in before)
    # What pulls towards the beginning goes on to: of what trained already, that is not how it is now.
    initial = _arrays(stages.steps.train.initial)
    assert initial.keys() == _arrays(state.trainable).keys()
    assert all(np.array_equal(array, start[name]) for name, array in initial.items())
    assert not np.array_equal(initial["classifier.out_proj.weight"], after["classifier.out_proj.weight"])
    directions = state.optimizer[1].inner_states
    kept = jax.tree.leaves(directions["0"])
    assert len(moments) == len(kept) + 1  # and the count of its warm-up
    assert all(np.array_equal(one, np.asarray(other)) for one, other in zip(moments, kept, strict=False))
    assert all(not np.asarray(leaf).any() for leaf in jax.tree.leaves(directions["1"]))
    assert (
        sum(leaf.size for leaf in jax.tree.leaves(state.optimizer) if leaf.ndim) == 2 * stages.plan.totals["trainable"]
    )
    assert flops[1] > 1.3 * flops[0]
    spans = [variable.get_metadata()["layers"] for variable in _stacked(state.trainable)]
    assert set(spans) == {(2, 3)}


def _stacked(tree: Any) -> list[nnx.Variable[Any]]:
    leaves = jax.tree.leaves(tree, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))
    return [leaf for leaf in leaves if leaf.get_metadata()["layers"] is not None]


def test_a_head_trains_alike_on_kept_features_and_on_the_whole_model(run: Run, fresh: Fresh) -> None:
    heads, said = [], []
    for limit in (10**9, 1000):
        stages = fresh(method="lp-ft", groups=3, thaw_patience=2, stage_length="7steps", feature_bytes=limit)
        stages.listen(lambda doing: None, said.append)
        state, losses = stages.steps.state, []
        for index in range(3):
            batch = stages.fed(state, run.prepared.train[index])
            assert ("features" in batch) == (limit > 1000)
            state, metrics = stages.steps.train(state, put_batch(dict(batch), run.mesh))
            losses.append(float(metrics["loss"]))
        heads.append((losses, _arrays(state.trainable)))
    (losses, head), (whole_losses, whole_head) = heads
    np.testing.assert_allclose(losses, whole_losses, rtol=1e-6)
    for name, array in head.items():
        np.testing.assert_allclose(array, whole_head[name], atol=1e-6, err_msg=name)
    assert "are kept" in said[0] and "feature_bytes" in said[1]


class _Quadratic:
    """A task whose loss is ``c / 2 * ||theta||^2`` with a factor of its own for each block: the gradient is c theta."""

    kind = "sequence-classification"

    def forward(self, model: Any, batch: Any, dropout_key: Any = None) -> Any:
        views = atl.named_parameters(model).items()
        factors = {name: 9.0 if view.layer is None else view.layer + 1.0 for name, view in views}
        return sum(factors[name] / 2 * jnp.sum(jnp.square(view.value())) for name, view in views)

    def loss_weights(self, batch: Any) -> jax.Array:
        return batch["weights"]

    def loss(self, outputs: Any, batch: Any) -> jax.Array:
        return outputs * jnp.sum(batch["weights"])


def test_relative_gradients_are_those_of_each_block(run: Run) -> None:
    model = run.steps.model(run.steps.state)
    found = relative_gradient_norms(model, _Quadratic(), run.prepared.train, 2, run.mesh)  # type: ignore[arg-type]
    assert found == pytest.approx({"embeddings": 9.0, "block 0": 1.0, "block 1": 2.0, "block 2": 3.0, "block 3": 4.0})
