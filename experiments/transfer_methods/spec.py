"""The sweeps of the study; ``run.py`` says by TRANSFER_METHODS (JSON) which part of which set.

``tuning``: every method at three rates with one seed. ``final``: every method at its rate with five seeds. ``depth``:
how many blocks train. ``adaptation``: further pretraining on the task's own texts, on and off.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from sets import MEASURES, fixed  # noqa: E402

from amharic_tl import sweeps  # noqa: E402

HYPOTHESIS = (
    "Plain fine-tuning is not beaten by a method of thawing or freezing by more than seeds vary; adapters and one "
    "trained block lose where the task is far from news (TRAC) and on entities, and lose least on topics."
)
# The blocks of amharic-tiny are four. Moments are shares of the run, so that all methods have the same steps.
METHODS: dict[str, dict[str, Any]] = {
    "full": {},
    "lp-ft": {"transfer.stage_length": "25%"},
    "gradual": {"transfer.stage_length": "15%", "transfer.groups": 3},
    "plateau": {"transfer.groups": 2, "transfer.thaw_patience": 1},
    "top-layers": {"transfer.trainable_layers": 1},
    "surgical": {"transfer.blocks": "auto"},
    "lora": {"transfer.adapters.rank": 8},
}
LOWER, HIGHER = (1e-4, 3e-4, 1e-3), (3e-4, 1e-3, 3e-3)
RATES = {name: HIGHER if name in ("top-layers", "surgical", "lora") else LOWER for name in METHODS}
TUNING_SEED = 100


def arm(method: str, rate: float) -> dict[str, Any]:
    """A method at a rate, as leaves."""
    return {"transfer.method": method, **METHODS[method], "optim.lr": rate}


def get_sweep() -> sweeps.Sweep:
    asked = json.loads(os.environ["TRANSFER_METHODS"])
    name, part, rates = asked["set"], asked["part"], asked["rates"]
    base, leaves = fixed(name, Path(asked["data"]), Path(asked["output"]), asked["draw"])
    seeds = sweeps.seeds(asked["seeds"])
    text = "What helps when a small base is transferred?"
    control: dict[str, Any] = {"transfer.method": "full"}
    if part == "tuning":
        arms = [arm(method, rate) for method in METHODS for rate in RATES[method]]
        control["optim.lr"] = LOWER[0]
    elif part == "final":
        arms = [arm(method, rates[method]) for method in METHODS]
    elif part == "depth":
        blocks = [{"transfer.method": "top-layers", "transfer.trainable_layers": n} for n in (1, 2, 3, 4)]
        arms = [{"transfer.method": "full"}, {"transfer.method": "head"}, *blocks]
        arms = [
            {**one, "optim.lr": rates["full" if one["transfer.method"] == "full" else "top-layers"]} for one in arms
        ]
    else:
        steps = {"adapt.tapt.steps": 300, "adapt.tapt.lr": 3e-4}
        arms = [arm("full", rates["full"]), {**arm("full", rates["full"]), **steps}]
        control["adapt.tapt.steps"] = None
    return sweeps.Sweep(
        base=base,
        fixed=leaves,
        arms=arms,
        seeds=seeds,
        question=sweeps.Question(measure=f"test/{MEASURES[name]}", control=control, text=text, hypothesis=HYPOTHESIS),
        minutes=asked["minutes"],
    )
