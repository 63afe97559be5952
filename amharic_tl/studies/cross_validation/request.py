"""What is asked of a cross-validation, and which runs that makes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amharic_tl.config import Config, build_config, flatten, to_dict
from amharic_tl.data.folds import Fold
from amharic_tl.errors import ConfigError
from amharic_tl.records.workdir import Workdir

GROUP = "group:"
NEAR_DUPLICATES = "near-duplicates"
LABELLED = ("sequence-classification", "token-classification")
# Leaves that a grid must not vary: they say what is compared, not how it is learned.
_NOT_CHOSEN = (
    *("data.", "task.", "mesh.", "output.", "train.seed", "train.select_by"),
    *("safety.axes", "safety.pack", "safety.positive_labels", "safety.reference"),
)
ALL = "all"  # config.data.fold of the whole


@dataclass(frozen=True)
class Request:
    """What is asked.

    Attributes:
      folds: how many; where cultural groups are left out, at most so many (None: all).
      repeats: how often, each with the next seed for the division and for training.
      group_by: near-duplicates, a column, ``source``, ``article``, or ``group:AXIS``.
      choose: leaves with the values among which the inner split of each fold chooses.
      jobs: how many folds train at once; 1: in this process.
    """

    folds: int | None = None
    repeats: int = 1
    group_by: str = NEAR_DUPLICATES
    choose: Mapping[str, Sequence[str]] = field(default_factory=dict)
    jobs: int = 1

    @property
    def axis(self) -> str | None:
        """The axis whose groups are left out, None where folds are made of clusters."""
        return self.group_by.removeprefix(GROUP) if self.group_by.startswith(GROUP) else None

    def settings(self, seed: int) -> dict[str, Any]:
        """What a folds file remembers of how it was made."""
        return {"folds": self.folds, "repeats": self.repeats, "seed": seed, "group_by": self.group_by}


@dataclass(frozen=True)
class FoldRun:
    """One training run: a fold, the values tried in it, its config and its workdir."""

    fold: Fold
    values: Mapping[str, str]
    config: Config
    workdir: Path


def check(config: Config, request: Request) -> None:
    """Refuses what cross-validation does not serve, before any input is opened.

    Raises:
      ConfigError: see above.
    """
    problems = []
    if config.task.kind not in LABELLED:
        problems.append(
            f"config.task.kind: {config.task.kind} has no labelled rows to divide; cross-validation serves "
            f"{' and '.join(LABELLED)}"
        )
    if config.data.folds is not None:
        problems.append("config.data.folds: this config is a fold already; take the config that it was made from")
    if config.safety.reference is not None:
        problems.append("config.safety.reference: a fold has other rows than the reference; use none")
    if request.axis is None and request.folds is None:
        problems.append("--folds is missing, for example --folds=5")
    if request.folds is not None and request.folds < 2:
        problems.append(f"--folds: {request.folds} is too few, cross-validation needs two or more")
    if request.repeats < 1:
        problems.append(f"--repeats: {request.repeats} is too few, expected 1 or more")
    if request.jobs < 1:
        problems.append(f"-j: {request.jobs} is too few, expected 1 or more")
    for leaf, values in request.choose.items():
        if leaf.startswith(_NOT_CHOSEN):
            problems.append(f"--choose {leaf}: this leaf says what is compared, so that nothing can be chosen by it")
        if len(set(values)) < 2:
            problems.append(f"--choose {leaf}: name two or more values, such as --choose {leaf}=1e-4,3e-4")
    if problems:
        raise ConfigError("\n  ".join(problems))
    candidates(config, request)  # each must be a valid config


def candidates(config: Config, request: Request) -> list[tuple[dict[str, str], Config]]:
    """Every combination of the grid with its config; one with no values where nothing is chosen."""
    leaves, lists = list(request.choose), [list(dict.fromkeys(values)) for values in request.choose.values()]
    stored = flatten(to_dict(config))
    found = []
    for values in itertools.product(*lists):
        chosen = dict(zip(leaves, values, strict=True))
        found.append((chosen, build_config({**stored, **chosen})))
    return found


def whole(config: Config, folds: Path) -> Config:
    """The config of the whole; no run can be made of it, so that its folder is not taken for a run's."""
    return build_config({**flatten(to_dict(config)), "data.folds": str(folds), "data.fold": ALL})


def runs_of(config: Config, request: Request, folds: Sequence[Fold], root: Path) -> list[FoldRun]:
    """The runs of all folds, those of a fold one after the other.

    A fold trains with the seed of its repetition and writes no ``export/``: none of its models is the result. Baselines
    are fitted in each fold beside it, so that their predictions can be pooled. Gates were asked of all folds before.
    """
    grid = candidates(config, request)
    found = []
    for fold in folds:
        for values, candidate in grid:
            leaves: dict[str, object] = {
                "data.folds": str(Workdir(root).folds),
                "data.fold": fold.name,
                "data.gates": None,
                "train.seed": config.train.seed + fold.repeat,
                "output.export": False,
                "output.baselines": False,
            }
            folder = root / "folds" / fold.name
            name = ",".join(f"{leaf}={value}" for leaf, value in values.items()).replace("/", "_")
            run = build_config({**flatten(to_dict(candidate)), **leaves})
            found.append(FoldRun(fold, values, run, folder / name if name else folder))
    return found
