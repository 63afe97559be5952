"""plan.json: what trains, what it costs, and when its stages began."""

from __future__ import annotations

from typing import Any

import jax

from amharic_tl.models.attention import only_xla
from amharic_tl.models.remat import without_remat
from amharic_tl.run.assembly import Run
from amharic_tl.training.flops import count_flops
from amharic_tl.training.memory import Memory


def describe_plan(run: Run) -> dict[str, Any]:
    """What plan.json holds of a run that is in its first stage; costs are that stage's."""
    host = run.prepared.train[0]
    batch = jax.eval_shape(lambda: {name: jax.numpy.asarray(array) for name, array in host.items()})
    rows, length = batch["input_ids"].shape
    with only_xla(), without_remat():  # no count sees into a kernel; what is computed again is no work of the model's
        fed = run.stages.fed_shapes(batch)
        per_batch = {
            "train_step": count_flops(run.steps.untraced("train"), run.steps.state, fed),
            "forward": count_flops(run.steps.untraced("evaluate"), run.steps.state, batch),
        }
    return {
        **run.plan.to_dict(),
        "newly_initialised": list(run.newly_initialised),
        "dropped": list(run.dropped),
        "flops_per_example": {**{name: flops / rows for name, flops in per_batch.items()}, "length": length},
    }


def with_beginnings(described: dict[str, Any], memory: Memory) -> dict[str, Any]:
    """The same with the steps before which the stages so far began."""
    began = dict(enumerate(memory.began))
    stages = [
        {**stage, "began": began[stage["number"]]} if stage["number"] in began else stage
        for stage in described["stages"]
    ]
    return {**described, "stages": stages}
