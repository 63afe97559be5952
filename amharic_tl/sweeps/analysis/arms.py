"""Runs gathered into arms, with names made of what varies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from amharic_tl.errors import BadInputError, ConfigError, name_some
from amharic_tl.evaluation.compare.contrast import mean_interval
from amharic_tl.evaluation.compare.runs import JudgedRun
from amharic_tl.sweeps.measured import MeasuredRun, Value

ABSENT = "(default)"  # the level of a leaf that an arm does not name
Key = tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Arm:
    """The runs that share a config but for the seed.

    Attributes:
      name: of what varies, short.
      settings: config leaf -> value.
      scores: by seed, of finished runs whose score is finite.
      not_finite: seeds whose run finished with no finite score.
      missing: by seed, the status of runs that are not finished.
      collapsed: seeds of runs that learned nothing.
      judged: by seed, what the run's workdir holds; only where it could be read.
      minutes: over all runs; None where none was timed.
    """

    name: str
    settings: Mapping[str, Value]
    scores: Mapping[int, float]
    not_finite: tuple[int, ...]
    missing: Mapping[int, str]
    collapsed: tuple[int, ...]
    judged: Mapping[int, JudgedRun]
    minutes: float | None

    @property
    def mean(self) -> float | None:
        """Of the scores; None where nothing is measured."""
        return float(np.mean(list(self.scores.values()))) if self.scores else None

    @property
    def deviation(self) -> float | None:
        """Standard deviation over seeds; None for fewer than two."""
        return float(np.std(list(self.scores.values()), ddof=1)) if len(self.scores) > 1 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95% of the mean over seeds."""
        return mean_interval(list(self.scores.values()))

    @property
    def planned(self) -> int:
        """How many runs there are, finished or not."""
        return len(self.scores) + len(self.not_finite) + len(self.missing)


def key_of(settings: Mapping[str, Value]) -> Key:
    """What tells arms apart."""
    return tuple(sorted(settings.items()))


def gather_arms(runs: Sequence[MeasuredRun], measure: str, judged: Mapping[str, JudgedRun]) -> list[Arm]:
    """The arms in the order in which they are met.

    Args:
      runs: of the sweep.
      measure: ``split/metric``.
      judged: by run id, what could be read of finished runs.

    Raises:
      BadInputError: two runs of one arm and seed.
    """
    by_arm: dict[Key, dict[int, MeasuredRun]] = {}
    for run in runs:
        seeds = by_arm.setdefault(key_of(run.arm), {})
        if run.seed in seeds:
            raise BadInputError(f"runs {seeds[run.seed].run_id} and {run.run_id} are of one arm and of one seed")
        seeds[run.seed] = run
    # Leaves in the order in which the sweep names them.
    settings = [dict(next(iter(seeds.values())).arm) for seeds in by_arm.values()]
    names = arm_names(settings)
    return [
        _arm(name, leaves, seeds, measure, judged)
        for name, leaves, seeds in zip(names, settings, by_arm.values(), strict=True)
    ]


def _arm(
    name: str,
    settings: Mapping[str, Value],
    runs: Mapping[int, MeasuredRun],
    measure: str,
    judged: Mapping[str, JudgedRun],
) -> Arm:
    finished = {seed: run for seed, run in sorted(runs.items()) if run.status == "finished"}
    scores: dict[int, float] = {}
    for seed, run in finished.items():
        score = run.scores.get(measure)
        if score is not None and math.isfinite(score):
            scores[seed] = float(score)
    read = {seed: judged[run.run_id] for seed, run in finished.items() if run.run_id in judged}
    not_finite = tuple(seed for seed in finished if seed not in scores)
    minutes = [run.minutes for run in runs.values() if run.minutes is not None]
    return Arm(
        name=name,
        settings=settings,
        scores=scores,
        not_finite=not_finite,
        missing={seed: run.status for seed, run in sorted(runs.items()) if run.status != "finished"},
        collapsed=tuple(sorted({*not_finite, *(seed for seed, run in read.items() if run.collapsed)})),
        judged=read,
        minutes=sum(minutes) if minutes else None,
    )


def arm_names(arms: Sequence[Mapping[str, Value]]) -> list[str]:
    """``leaf=value`` of the leaves that vary, each leaf by the shortest end of its name that no other has."""
    varying = varying_leaves(arms)
    short = short_names(varying)
    names = []
    for settings in arms:
        parts = [f"{short[leaf]}={shown(settings[leaf])}" for leaf in varying if leaf in settings]
        names.append(", ".join(parts) or "default")
    return names


def varying_leaves(arms: Sequence[Mapping[str, Value]]) -> list[str]:
    """Leaves that do not have one value in all arms, in the order in which they are met."""
    leaves = list(dict.fromkeys(leaf for settings in arms for leaf in settings))
    return [leaf for leaf in leaves if len({repr(settings.get(leaf, ABSENT)) for settings in arms}) > 1]


def short_names(leaves: Sequence[str]) -> dict[str, str]:
    """Each leaf by the shortest end, at its dots, that is no end of another."""
    found = {}
    for leaf in leaves:
        parts = leaf.split(".")
        for count in range(1, len(parts) + 1):
            end = ".".join(parts[-count:])
            if sum(other == end or other.endswith(f".{end}") for other in leaves) == 1:
                break
        found[leaf] = end
    return found


def shown(value: Value) -> str:
    """A value as one types it."""
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def find_control(arms: Sequence[Arm], control: Mapping[str, Value]) -> Arm:
    """The arm that has the leaves of ``control``; the first for none.

    Raises:
      ConfigError: no arm has them, or several do.
    """
    if not control:
        return arms[0]
    wanted = {leaf: shown(value) for leaf, value in control.items()}
    found = [
        arm
        for arm in arms
        if all(leaf in arm.settings and shown(arm.settings[leaf]) == value for leaf, value in wanted.items())
    ]
    asked = ", ".join(f"{leaf}={value}" for leaf, value in wanted.items())
    if not found:
        raise ConfigError(f"control: no arm has {asked}; the arms are {name_some(arm.name for arm in arms)}")
    if len(found) > 1:
        raise ConfigError(
            f"control: {len(found)} arms have {asked} ({name_some(arm.name for arm in found)}); name more leaves"
        )
    return found[0]
