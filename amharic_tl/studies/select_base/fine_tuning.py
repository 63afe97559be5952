"""The self-check's runs: the best bases and a random lower one, fine-tuned as any run, with one budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amharic_tl.config import Config, build_config, flatten, to_dict
from amharic_tl.config.figures import lower_is_better
from amharic_tl.errors import TrainingStopped
from amharic_tl.records.files import read_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.studies.cross_validation.running import Train, completed
from amharic_tl.studies.select_base.request import Base, Request, of_base
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.progress import duration


@dataclass(frozen=True)
class TuningRun:
    """One training of one base."""

    base: Base
    seed: int
    config: Config
    workdir: Path


def chosen(ranking: Sequence[str], best: int, seed: int) -> tuple[list[str], str | None]:
    """The ``best`` first of a ranking, and one drawn from those below; None where there is none below."""
    below = list(ranking[best:])
    drawn = None if not below else below[int(np.random.default_rng([seed, 0x10E]).integers(len(below)))]
    return list(ranking[:best]), drawn


def runs_of(
    config: Config, names: Sequence[str], request: Request, root: Path, slug: Callable[[str], str]
) -> list[TuningRun]:
    """The runs of the named bases: as many steps, the same settings, the same seeds; no test split."""
    found = []
    for name in names:
        for number in range(request.seeds):
            seed = config.train.seed + number
            own = of_base(config, Base(name))
            leaves = {"train.seed": seed, "output.export": False, "output.baselines": False}
            run = build_config({**flatten(to_dict(own)), **leaves})
            found.append(TuningRun(Base(name), seed, run, root / slug(name) / f"seed-{seed}"))
    return found


def fine_tune(
    runs: Sequence[TuningRun],
    train: Train,
    interruption: Interruption,
    say: Callable[[str], None],
) -> list[str]:
    """Trains what is not done. One that stops for non-finite values does not keep the others from being trained.

    Returns:
      Sentences about runs that stopped.

    Raises:
      Preempted: told to stop; what was running is saved.
      AmharicTLError: whatever else a run raises, at once.
    """
    stopped: list[str] = []
    left = sum(not completed(run.workdir) for run in runs)
    began, done = time.monotonic(), 0
    say(f"{left} of {len(runs)} runs of the self-check are left to train")
    for number, run in enumerate(runs, start=1):
        if completed(run.workdir):
            continue
        interruption.check("going on to the next run")
        until = f", about {duration((time.monotonic() - began) / done * (left - done))} left" if done else ""
        say(f"fine-tuning {run.base.name}, seed {run.seed} ({number} of {len(runs)}{until})")
        done += 1
        try:
            train(run.config, run.workdir, interruption)
        except TrainingStopped as error:
            stopped.append(f"{run.base.name}, seed {run.seed}, gave no outcome: {error}")
            say(stopped[-1])
    return stopped


def outcomes(runs: Sequence[TuningRun], select_by: str) -> dict[str, list[float]]:
    """By base, the best validation figure of each of its runs that are done; losses with the sign turned."""
    sign = -1.0 if lower_is_better(select_by.split("/", 1)[1]) else 1.0
    found: dict[str, list[float]] = {}
    for run in runs:
        value = (read_json(Workdir(run.workdir).run).get("best") or {}).get("value") if completed(run.workdir) else None
        if value is not None:
            found.setdefault(run.base.name, []).append(sign * float(value))
    return found
