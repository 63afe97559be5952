"""A small sweep on the bundled sample: what trains, how fast, three seeds. Its scores are no evidence of anything."""

from amharic_tl import sweeps


def get_sweep() -> sweeps.Sweep:
    methods = sweeps.chain(
        sweeps.param("transfer.method", ["full", "head"]),
        sweeps.zip(
            sweeps.param("transfer.method", ["top-layers"]),
            sweeps.param("transfer.trainable_layers", [1]),
        ),
    )
    return sweeps.Sweep(
        base="classify",
        fixed={
            "data.train": "sample:train",
            "data.validation": "sample:validation",
            "data.test": "sample:test",
            "data.max_length": 64,
            "train.epochs": 2.0,
            "output.export": False,
            "output.tensorboard": False,
        },
        arms=sweeps.prod(methods, sweeps.param("optim.lr", [3e-4, 1e-3])),
        seeds=sweeps.seeds(3),
        question=sweeps.Question(
            measure="test/macro_f1",
            control={"transfer.method": "full", "optim.lr": 3e-4},
            text="On the bundled sample, what does training fewer parameters cost?",
            hypothesis="The head alone scores below full fine-tuning; one block comes close to it.",
        ),
    )
