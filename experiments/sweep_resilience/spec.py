"""24 short runs on the bundled sample: two learning rates, what trains, four seeds. Only their sameness matters."""

import os

from amharic_tl import sweeps


def get_sweep() -> sweeps.Sweep:
    methods = sweeps.chain(
        sweeps.param("transfer.method", ["full", "head"]),
        sweeps.zip(sweeps.param("transfer.method", ["top-layers"]), sweeps.param("transfer.trainable_layers", [1])),
    )
    return sweeps.Sweep(
        base="classify",
        fixed={
            "model.path": os.environ["SWEEP_RESILIENCE_BASE"],
            "model.initialise": "random",
            "data.train": "sample:train",
            "data.validation": "sample:validation",
            "data.test": "sample:test",
            "data.max_length": 32,
            "train.steps": 24,
            "train.batch_size": 16,
            "train.evaluate_every": 12,
            "train.save_every": 8,
            "output.export": False,
            "output.tensorboard": False,
            "output.baselines": False,
        },
        arms=sweeps.prod(methods, sweeps.param("optim.lr", [3e-3, 1e-2])),
        seeds=sweeps.seeds(4),
        question=sweeps.Question(control={"transfer.method": "full", "optim.lr": 3e-3}),
    )
