"""The sweeps of the study; ``run.py`` says by TRANSFER_METHODS (JSON) which part of which set.

``tuning``: every method at three rates with one seed. ``final``: every method at its rate with five seeds. ``depth``:
how many blocks train. ``adaptation``: further pretraining on the task's own texts. What ``final`` measures already (all
parameters, one block, no further pretraining) is not run again in the last two.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
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


def arms_of(part: str, rates: Mapping[str, float] | None) -> list[dict[str, Any]]:
    """The arms of a part; ``rates``: of each method, chosen on dev (None: any, to count them)."""
    if part == "tuning":
        return [arm(method, rate) for method in METHODS for rate in RATES[method]]
    rate = dict.fromkeys(METHODS, 1.0) if rates is None else rates
    if part == "final":
        return [arm(method, rate[method]) for method in METHODS]
    if part == "depth":
        blocks = [{"transfer.method": "top-layers", "transfer.trainable_layers": n} for n in (2, 3, 4)]
        return [{**one, "optim.lr": rate["top-layers"]} for one in ({"transfer.method": "head"}, *blocks)]
    return [{**arm("full", rate["full"]), "adapt.tapt.steps": 300, "adapt.tapt.lr": 3e-4}]


def arm_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a run was, of all that varies in the study, from its config.json: equal for equal runs."""
    transfer, steps = config["transfer"], config["adapt"]["tapt"]["steps"]
    top = {"blocks": transfer["trainable_layers"]} if transfer["method"] == "top-layers" else {}
    adapted = {"tapt_steps": steps} if steps else {}
    return {"method": transfer["method"], "rate": config["optim"]["lr"], **top, **adapted}


def shown(arm: Mapping[str, Any]) -> dict[str, Any]:
    """The same of an arm that is to be run."""
    names = {"transfer.method": "method", "optim.lr": "rate", "adapt.tapt.steps": "tapt_steps"}
    found = {name: arm[leaf] for leaf, name in names.items() if leaf in arm}
    return found | ({"blocks": arm["transfer.trainable_layers"]} if "transfer.trainable_layers" in arm else {})


def get_sweep() -> sweeps.Sweep:
    asked = json.loads(os.environ["TRANSFER_METHODS"])
    name = asked["set"]
    base, leaves = fixed(name, Path(asked["data"]), Path(asked["output"]), asked["draw"])
    return sweeps.Sweep(
        base=base,
        fixed=leaves,
        arms=asked["arms"],
        seeds=sweeps.seeds([asked["seed"]]),
        question=sweeps.Question(
            measure=f"test/{MEASURES[name]}",
            text="What helps when a small base is transferred?",
            hypothesis=HYPOTHESIS,
        ),
        minutes=asked["minutes"],
    )
