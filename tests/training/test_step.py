"""The step itself: devices, accumulation, freezing, non-finite values, cost."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

from amharic_tl.config import build_config
from amharic_tl.distributed.mesh import make_mesh, put_batch
from amharic_tl.errors import ConfigError
from amharic_tl.models import named_parameters
from amharic_tl.run import Run, assemble
from amharic_tl.training.flops import count_flops

Overrides = dict[str, object]


def _losses(run: Run, steps: int) -> tuple[list[float], object]:
    state, losses = run.steps.state, []
    for index in range(steps):
        state, metrics = run.steps.train(state, put_batch(run.prepared.train[index], run.mesh))
        losses.append(float(metrics["loss"]))
    return losses, state


def _arrays(state: object) -> dict[str, np.ndarray]:
    return {name: np.asarray(view.value()) for name, view in named_parameters(state).items()}


@pytest.mark.slow
@pytest.mark.parametrize("task", ["sequence-classification", "masked-lm"])
def test_one_device_and_eight_give_the_same_losses(tiny_overrides: Overrides, mixed_files: Path, task: str) -> None:
    extra: Overrides = {"task.kind": task}
    if task == "masked-lm":
        extra |= {"train.select_by": "validation/loss", "task.mask_probability": 0.3}
        extra |= {"data.train": str(mixed_files / "train.csv")}  # two length buckets
    config = build_config({**tiny_overrides, **extra})
    one, _ = _losses(assemble(config, make_mesh(1, 1, 1, jax.devices()[:1])), 20)
    for layout in ((2, 2, 2), (8, 1, 1)) if task == "sequence-classification" else ((2, 2, 2),):
        many, _ = _losses(assemble(config, make_mesh(*layout)), 20)
        np.testing.assert_allclose(many, one, atol=1e-4, err_msg=str(layout))
    assert np.ptp(one) > 0.01  # it trains: the losses are not one number repeated


def test_accumulation_equals_the_whole_batch(tiny_overrides: Overrides) -> None:
    base = {**tiny_overrides, "model.dropout": 0.0, "train.class_weights": "balanced"}
    mesh = make_mesh(2, 1, 1, jax.devices()[:2])
    whole, state = _losses(assemble(build_config(base), mesh), 5)
    parts, other = _losses(assemble(build_config({**base, "train.microbatch": 4}), mesh), 5)
    np.testing.assert_allclose(parts, whole, atol=1e-5)
    found = _arrays(other.trainable)
    for name, array in _arrays(state.trainable).items():
        # A key's bias has no gradient but rounding, which Adam blows up; it changes no output.
        if "key.bias" not in name:
            np.testing.assert_allclose(found[name], array, atol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    "method", [{"transfer.method": "head"}, {"transfer.method": "top-layers", "transfer.trainable_layers": 1}]
)
def test_frozen_leaves_stay_bit_identical_and_have_no_state(tiny_overrides: Overrides, method: Overrides) -> None:
    run = assemble(build_config({**tiny_overrides, **method}), make_mesh(1, 1, 1, jax.devices()[:1]))
    before_frozen, before_trainable = _arrays(run.steps.state.frozen), _arrays(run.steps.state.trainable)
    assert before_frozen.keys() == {name for name, row in run.plan.rows.items() if not row.trainable}
    moments = sum(leaf.size for leaf in jax.tree.leaves(run.steps.state.optimizer) if leaf.ndim)
    assert moments == 2 * run.plan.totals["trainable"]
    _, state = _losses(run, 5)
    for name, array in _arrays(state.frozen).items():
        np.testing.assert_array_equal(array, before_frozen[name])
    changed = [
        name for name, array in _arrays(state.trainable).items() if not np.array_equal(array, before_trainable[name])
    ]
    # Attention key biases have no gradient: softmax does not see a constant. Everything else moves.
    assert {name for name in before_trainable if "key.bias" not in name} <= set(changed)


def test_flops_and_memory_fall_as_less_trains(tiny_overrides: Overrides) -> None:
    flops, memory = {}, {}
    for top in (4, 2, 1, 0):
        overrides = {**tiny_overrides, "transfer.method": "top-layers", "transfer.trainable_layers": top}
        run = assemble(build_config(overrides), make_mesh(1, 1, 1, jax.devices()[:1]))
        batch = put_batch(run.prepared.train[0], run.mesh)
        flops[top] = count_flops(run.steps.train, run.steps.state, batch)
        forward = count_flops(run.steps.evaluate, run.steps.state, batch)
        memory[top] = run.steps.train.lower(run.steps.state, batch).compile().memory_analysis().temp_size_in_bytes
    assert flops[4] > flops[2] > flops[1] > flops[0] > forward
    # A trained block costs two more forward passes; the lowest one that trains needs no gradient of its input, but
    # a scanned
    # block computes it all the same.
    block = (flops[4] - flops[2]) / 2
    assert flops[2] - flops[1] == pytest.approx(block, rel=0.01)
    assert memory[4] > memory[2] > memory[0]


def test_runs_that_differ_in_seed_and_rate_share_one_programme(tiny_overrides: Overrides) -> None:
    programmes, rates, keys = set(), set(), set()
    for change in ({}, {"train.seed": 1, "optim.lr": 0.5, "train.steps": 9}):
        run = assemble(build_config({**tiny_overrides, **change}), make_mesh(1, 1, 1, jax.devices()[:1]))
        batch = put_batch(run.prepared.train[0], run.mesh)
        programmes.add(run.steps.train.lower(run.steps.state, batch).as_text())
        rates.add(float(run.steps.train.rate(run.steps.state.step)))
        keys.add(np.asarray(run.steps.train.key).tobytes())
    assert (len(programmes), len(rates), len(keys)) == (1, 2, 2)


def test_a_non_finite_update_leaves_everything_untouched(tiny_overrides: Overrides) -> None:
    run = assemble(build_config(tiny_overrides), make_mesh(1, 1, 1, jax.devices()[:1]))
    _, state = _losses(run, 2)
    before = jax.tree.map(np.asarray, (state.trainable, state.optimizer))
    poisoned = run.prepared.train[2]
    poisoned["weights"] = poisoned["weights"] * np.float32("nan")
    state, metrics = run.steps.train(state, put_batch(poisoned, run.mesh))
    assert int(metrics["skipped"]) == 1 and not np.isfinite(float(metrics["loss"]))
    for old, new in zip(jax.tree.leaves(before), jax.tree.leaves((state.trainable, state.optimizer)), strict=True):
        np.testing.assert_array_equal(old, np.asarray(new))
    assert (int(state.step), int(state.in_a_row), int(state.skipped)) == (3, 1, 1)
    state, metrics = run.steps.train(state, put_batch(run.prepared.train[3], run.mesh))
    assert np.isfinite(float(metrics["loss"]))
    assert (int(state.step), int(state.in_a_row), int(state.skipped)) == (4, 0, 1)


def test_filler_rows_weigh_nothing(tiny_overrides: Overrides) -> None:
    run = assemble(build_config({**tiny_overrides, "model.dropout": 0.0}), make_mesh(1, 1, 1, jax.devices()[:1]))
    batch = run.prepared.train[0]
    half = {name: array.copy() for name, array in batch.items()}
    half["weights"][8:] = 0
    other = {name: array.copy() for name, array in half.items()}
    other["input_ids"][8:], other["labels"][8:] = 5, 2
    losses = [
        float(run.steps.train(jax.tree.map(lambda a: a.copy(), run.steps.state), put_batch(b, run.mesh))[1]["loss"])
        for b in (batch, half, other)
    ]
    assert losses[1] == losses[2] != losses[0]


def test_a_batch_that_cannot_be_split_is_refused(tiny_overrides: Overrides) -> None:
    with pytest.raises(ConfigError, match="choose a multiple of 8, such as 24"):
        assemble(build_config({**tiny_overrides, "train.batch_size": 20}), make_mesh(8, 1, 1))
