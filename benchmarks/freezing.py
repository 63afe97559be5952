"""Whether freezing pays: with the top quarter of the layers trained, the step takes at most 1.15 times what its FLOPs
predict from the full step, and gradients and optimiser state fall as the parameters that train do.

    python benchmarks/freezing.py [--rounds 12]   # benchmarks/freezing.txt keeps what it printed

The prediction is time of the full step x FLOPs of the step / FLOPs of the full step, both counted from the jaxpr with
the trip counts of its loops (amharic_tl/training/flops.py). Steps of the two are timed in turn, round by round, in one
process; the figure is the median of the rounds' ratios. "Of cores" is the same ratio of processor time, which other
programmes on the machine disturb less. The model is made on the spot, its weights are random.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import Any

from environment import describe

BOUND = 1.15
LAYERS, WIDTH, HEADS, VOCABULARY = 12, 256, 4, 2000
ROWS, LENGTH, LABELS = 16, 64, ["0", "1", "2"]
STEPS = 3  # timed together in a round
ARMS = {
    "full": {"transfer.method": "full"},
    "top quarter": {"transfer.method": "top-layers", "transfer.trainable_layers": LAYERS // 4},
    "head": {"transfer.method": "head"},
}


class Arm:
    """One way to freeze: its step, compiled, and what it costs."""

    def __init__(self, name: str, optimiser: str) -> None:
        import jax
        import numpy as np

        import amharic_tl as atl
        from amharic_tl.config import build_config
        from amharic_tl.distributed.mesh import make_mesh, put_batch
        from amharic_tl.tasks.sequence_classification import SequenceClassification
        from amharic_tl.training.flops import count_flops
        from amharic_tl.training.step import make_steps
        from amharic_tl.transfer.optimizers import make_optimizer
        from amharic_tl.transfer.plan import make_plan
        from amharic_tl.transfer.schedules import make_schedule

        settings = build_config({**ARMS[name], "optim.name": optimiser})
        model = atl.from_config(
            {
                "model_type": "roberta", "vocab_size": VOCABULARY, "hidden_size": WIDTH, "intermediate_size": 4 * WIDTH,
                "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "max_position_embeddings": LENGTH + 2,
                "type_vocab_size": 1, "pad_token_id": 1,
            },
            "sequence-classification", labels=LABELS,
        )  # fmt: skip
        plan = make_plan(model, settings.transfer, settings.optim.weight_decay)
        plan.regroup(model)
        mesh = make_mesh(1, 1, 1, jax.devices()[:1])
        steps = make_steps(
            model, SequenceClassification(LABELS), plan,
            lambda trainable: make_optimizer(settings.optim, plan, trainable), make_schedule(settings.optim, 10_000),
            mesh, batch_size=ROWS, microbatch=None, seed=0,
        )  # fmt: skip
        generator = np.random.default_rng(0)
        self.batch = put_batch(
            {
                "input_ids": generator.integers(4, VOCABULARY, (ROWS, LENGTH), dtype=np.int32),
                "attention_mask": np.ones((ROWS, LENGTH), np.int32),
                "labels": generator.integers(0, len(LABELS), ROWS, dtype=np.int32),
                "weights": np.ones(ROWS, np.float32),
            },
            mesh,
        )
        self.state = steps.state
        self.flops = count_flops(steps.untraced("train"), steps.state, self.batch)
        self.trains = plan.totals["trainable"]
        self.gradients = _bytes(steps.state.trainable)
        self.moments = _bytes(steps.state.optimizer)
        self.compiled = steps.train.lower(steps.state, self.batch).compile()
        self.temporary = self.compiled.memory_analysis().temp_size_in_bytes
        self.train = steps.train
        self.seconds(1)

    def seconds(self, steps: int = STEPS) -> tuple[float, float]:
        """Seconds a step, over ``steps`` in a row: by the clock, and of all cores' work."""
        import jax

        began = time.perf_counter(), time.process_time()
        for _ in range(steps):
            self.state, _ = self.train(self.state, self.batch)
        jax.block_until_ready(self.state)
        ended = time.perf_counter(), time.process_time()
        return (ended[0] - began[0]) / steps, (ended[1] - began[1]) / steps


def _bytes(tree: Any) -> int:
    import jax

    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def main() -> int:
    """Returns 1 where a step takes longer than the bound, or holds more than its share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--optimiser", default="adamw", choices=("adamw", "adafactor", "lion", "muon"))
    arguments = parser.parse_args()
    print(describe("flax", "optax"))
    print(
        f"{LAYERS} layers of {WIDTH}, {ROWS} rows of {LENGTH} tokens, {arguments.optimiser}; {arguments.rounds} rounds "
        f"of {STEPS} steps each in turn, medians; bound of time / predicted {BOUND}"
    )
    arms = {name: Arm(name, arguments.optimiser) for name in ARMS}
    rounds = [{name: arm.seconds() for name, arm in arms.items()} for _ in range(arguments.rounds)]
    full = arms["full"]
    print(
        f"{'trains':12} {'parameters':>12} {'GFLOP':>7} {'ms a step':>10} {'predicted':>10}  "
        f"{'time / predicted':22} {'of cores':>8} {'gradients':>11} {'moments':>11} {'temporary':>11}"
    )
    failed = False
    for name, arm in arms.items():
        share = arm.flops / full.flops
        ratios = sorted(one[name][0] / (one["full"][0] * share) for one in rounds)
        ratio = statistics.median(ratios)
        of_work = statistics.median(one[name][1] / (one["full"][1] * share) for one in rounds)
        seconds = statistics.median(one[name][0] for one in rounds)
        predicted = statistics.median(one["full"][0] for one in rounds) * share
        print(
            f"{name:12} {arm.trains:12,} {arm.flops / 1e9:7.2f} {1e3 * seconds:10.1f} {1e3 * predicted:10.1f}  "
            f"{ratio:.3f} [{ratios[0]:.3f}, {ratios[-1]:.3f}]   {of_work:8.3f} "
            f"{arm.gradients / 1e6:8.2f} MB {arm.moments / 1e6:8.2f} MB {arm.temporary / 1e6:8.1f} MB",
            flush=True,
        )
        failed |= name == "top quarter" and ratio > BOUND
        failed |= arm.gradients != 4 * arm.trains
        failed |= arguments.optimiser == "adamw" and abs(arm.moments - 8 * arm.trains) > 16
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
