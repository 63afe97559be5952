"""The self-check's runs: the best bases and a random lower one, fine-tuned as any run, with one budget.

Where rates are given, each base first runs once at each of them, with a seed that is not used again, and its own best
one is taken: a rate that suits one base alone would be a part of the outcome.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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

    @property
    def shown(self) -> str:
        """As sentences call it."""
        return f"{self.base.name}, rate {self.config.optim.lr:g}, seed {self.seed}"


def chosen(ranking: Sequence[str], best: int, seed: int) -> tuple[list[str], str | None]:
    """The ``best`` first of a ranking, and one drawn from those below; None where there is none below."""
    below = list(ranking[best:])
    drawn = None if not below else below[int(np.random.default_rng([seed, 0x10E]).integers(len(below)))]
    return list(ranking[:best]), drawn


def tuning_runs(
    config: Config, names: Sequence[str], request: Request, root: Path, slug: Callable[[str], str]
) -> list[TuningRun]:
    """A run of each named base at each rate; none where no rates are given. Their seed is that after all others."""
    seed = config.train.seed + request.seeds
    return [
        _run(config, name, seed, rate, root / slug(name) / f"rate-{rate:g}" / f"seed-{seed}")
        for name in names
        for rate in request.rates
    ]


def best_rates(runs: Sequence[TuningRun], select_by: str) -> dict[str, float]:
    """By base, the rate of its best run, the lower of two that are equal; a base without a finished run is absent."""
    best: dict[str, tuple[float, float]] = {}
    for run in runs:
        for value in outcomes([run], select_by).get(run.base.name, ()):
            found = (value, -run.config.optim.lr)
            best[run.base.name] = max(best.get(run.base.name, found), found)
    return {name: -rate for name, (_, rate) in best.items()}


def runs_of(
    config: Config,
    names: Sequence[str],
    request: Request,
    root: Path,
    slug: Callable[[str], str],
    rates: Mapping[str, float] | None = None,
) -> list[TuningRun]:
    """The runs of the named bases: as many steps, the same settings, the same seeds; no test split.

    ``rates``: of those bases that have one of their own.
    """
    found = []
    for name in names:
        rate = (rates or {}).get(name, config.optim.lr)
        folder = root / slug(name) / (f"rate-{rate:g}" if request.rates else "")
        for seed in range(config.train.seed, config.train.seed + request.seeds):
            found.append(_run(config, name, seed, rate, folder / f"seed-{seed}"))
    return found


def _run(config: Config, name: str, seed: int, rate: float, workdir: Path) -> TuningRun:
    own = of_base(config, Base(name))
    leaves = {"train.seed": seed, "optim.lr": rate, "output.export": False, "output.baselines": False}
    return TuningRun(Base(name), seed, build_config({**flatten(to_dict(own)), **leaves}), workdir)


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
        say(f"fine-tuning {run.shown} ({number} of {len(runs)}{until})")
        done += 1
        try:
            train(run.config, run.workdir, interruption)
        except TrainingStopped as error:
            stopped.append(f"{run.shown}, gave no outcome: {error}")
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
