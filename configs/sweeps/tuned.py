"""Your own files: full fine-tuning against two blocks, each at its own best learning rate, chosen on validation.

Copy this file and change what is compared. Both arms are tuned over three rates: equal budgets, else it is refused.
"""

from amharic_tl import sweeps


def get_sweep() -> sweeps.Sweep:
    full = sweeps.param("transfer.method", ["full"])
    blocks = sweeps.prod(
        sweeps.param("transfer.method", ["top-layers"]), sweeps.param("transfer.trainable_layers", [2])
    )
    return sweeps.Sweep(
        base="classify",
        fixed={"data.train": "train.csv", "data.validation": "dev.csv", "data.test": "test.csv"},
        arms=(
            *sweeps.tuned(full, sweeps.param("optim.lr", [1e-4, 3e-4, 1e-3])),
            *sweeps.tuned(blocks, sweeps.param("optim.lr", [3e-4, 1e-3, 3e-3])),
        ),
        seeds=sweeps.seeds(5),
        question=sweeps.Question(
            measure="test/macro_f1",
            control={"transfer.method": "full"},
            text="Does training two blocks only cost macro-F1?",
            hypothesis="Write here what you expect, before the first run.",
        ),
    )
