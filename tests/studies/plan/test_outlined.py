"""The step that is planned is the step of the run: the same shapes, places and operations, without data or weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import pytest

from amharic_tl.config import build_config
from amharic_tl.distributed.mesh import make_mesh, put_batch
from amharic_tl.models.interchange.adapter_folder import tokenizer_of
from amharic_tl.run import assemble
from amharic_tl.run.assembly import read_splits
from amharic_tl.studies.plan.batch_shapes import batch_shapes, class_names, task_of
from amharic_tl.studies.plan.outlined import outline_run
from amharic_tl.tasks.registry import prepare
from amharic_tl.training.flops import count_flops

Overrides = dict[str, Any]
# Of the only bucket that the tiny data has.
LENGTH = {"data.max_length": 8}


def _kinds(tree: Any) -> list[tuple[Any, ...]]:
    return [(leaf.shape, str(leaf.dtype), str(leaf.sharding.spec)) for leaf in jax.tree.leaves(tree)]


def test_it_is_the_step_of_the_run(tiny_overrides: Overrides) -> None:
    overrides = {
        **tiny_overrides,
        **LENGTH,
        "mesh.fsdp": 2,
        "train.microbatch": 8,
        "train.remat": "full",
        "optim.ema": 0.99,
    }
    overrides |= {"transfer.method": "top-layers", "transfer.trainable_layers": 2}
    overrides |= {"transfer.regularizers.l2_sp.weight": 0.1}
    config, devices = build_config(overrides), jax.devices()[:2]
    run = assemble(config, make_mesh(None, 2, 1, devices))
    planned = outline_run(config, devices, labels=3).step
    assert _kinds(planned.state) == _kinds(run.steps.state)
    fed = put_batch(run.prepared.train[0], run.mesh)
    assert _kinds(planned.arguments[1]) == _kinds(dict(sorted(fed.items())))
    assert count_flops(planned.untraced(), *planned.arguments) == count_flops(
        run.steps.untraced("train"), run.steps.state, fed
    )


@pytest.mark.parametrize(
    "more",
    [
        {"train.class_weights": "balanced"},
        {"task.kind": "masked-lm", "train.select_by": "validation/loss"},
        {"task.kind": "causal-lm", "train.select_by": "validation/loss"},
        {"data.long_text": "windows"},
    ],
    ids=["classification", "masked-lm", "causal-lm", "windows"],
)
def test_batches_are_those_of_the_data(tiny_overrides: Overrides, tiny_base: Path, more: Overrides) -> None:
    config = build_config({**tiny_overrides, **LENGTH, **more})
    splits = read_splits(config, {})
    real = prepare(config, splits, tokenizer_of(str(tiny_base))).train[0]
    names = class_names(config, 3)
    planned = batch_shapes(config, len(names))
    assert {name: (of.shape, of.dtype) for name, of in planned.items()} == {
        name: (array.shape, array.dtype) for name, array in real.items()
    }
    inputs = task_of(config, names, 50).model_inputs(planned)  # type: ignore[arg-type]
    assert inputs.keys() <= planned.keys()


@pytest.mark.parametrize(
    "more",
    [
        {"task.kind": "token-classification", "train.select_by": "validation/entity_f1"},
        {"task.problem": "multi-label"},
        {"task.problem": "regression", "train.select_by": "validation/pearson"},
        {"transfer.method": "lora"},
        {"transfer.method": "gradual"},
        {"model.initialise": "random"},
    ],
    ids=lambda more: "-".join(map(str, more.values())),
)
def test_other_runs_can_be_outlined(tiny_overrides: Overrides, more: Overrides) -> None:
    found = outline_run(build_config({**tiny_overrides, **more}), jax.devices()[:1], labels=3)
    traced = jax.eval_shape(found.step.untraced(), *found.step.arguments)
    assert traced[1]["loss"].shape == ()
    assert found.plan.totals["trainable"] == sum(leaf.size for leaf in jax.tree.leaves(found.step.state.trainable))
