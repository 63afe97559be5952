"""How long a fold will take, measured on a few steps of it."""

from __future__ import annotations

import time

from amharic_tl.config import Config

SAMPLED = 50  # batches whose sizes are looked at


def seconds_of_run(config: Config) -> float:
    """Seconds of a run, from one training and one evaluation batch of its data on this machine.

    Reading and compiling are measured too. What a safety monitor shows the model is not, so that watched runs take
    longer.
    """
    import jax

    from amharic_tl.distributed.mesh import put_batch
    from amharic_tl.run import assemble

    began = time.monotonic()
    run = assemble(config)
    reading = time.monotonic() - began
    train, evaluation = run.prepared.train, run.prepared.evaluation["validation"]
    state = run.stages.enter_last(run.steps.state)  # what costs most
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        state, metrics = run.steps.train(state, put_batch(dict(train[0]), run.mesh))
        jax.block_until_ready(metrics)
        seconds.append(time.monotonic() - began)
    judging = []
    for _ in range(2):
        began = time.monotonic()
        jax.block_until_ready(run.steps.evaluate(state, put_batch(dict(evaluation[0]), run.mesh)))
        judging.append(time.monotonic() - began)
    sizes = [train[step]["input_ids"].size for step in range(0, len(train), max(1, len(train) // SAMPLED))]
    per_step = min(seconds[1:]) * sum(sizes) / len(sizes) / max(train[0]["input_ids"].size, 1)
    batches = run.schedule.evaluations() * len(evaluation) + len(evaluation) + len(run.prepared.evaluation["test"])
    shapes = len(set(sizes))
    compiling = shapes * (seconds[0] - seconds[1]) + 2 * (judging[0] - judging[1])
    return reading + max(compiling, 0.0) + run.schedule.total * per_step + batches * judging[1]
