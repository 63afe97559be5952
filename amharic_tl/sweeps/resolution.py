"""From a spec to its runs: every combination of arm, tuning and seed as one validated config. Nothing is started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from amharic_tl.config import Config, build_config, flatten, leaves
from amharic_tl.config.convert import unknown_key
from amharic_tl.config.figures import is_metric, lower_is_better, no_metric
from amharic_tl.config.files import read_leaves
from amharic_tl.errors import ConfigError, name_some
from amharic_tl.sweeps.algebra import SEED, Point, prod
from amharic_tl.sweeps.identity import leaf_values, names, plain, run_id
from amharic_tl.sweeps.measured import Question, Value
from amharic_tl.sweeps.spec import Arm, Sweep

_SPLITS = ("validation", "test", "test_clean")


@dataclass(frozen=True)
class PlannedRun:
    """One run of a sweep.

    Attributes:
      run_id: its identity (:mod:`amharic_tl.sweeps.identity`).
      name: what varies, for people.
      arm: what varies but for the seed, leaf -> value.
      compared: those leaves of ``arm`` that are not tuned: which side of the comparison it belongs to.
      seed: ``train.seed``.
      config: resolved and valid.
    """

    run_id: str
    name: str
    arm: Mapping[str, Value]
    compared: Mapping[str, Value]
    seed: int
    config: Config


@dataclass(frozen=True)
class Plan:
    """All runs of a sweep, in the order of its spec.

    ``doubles`` counts points that are another one's run; ``fingerprints`` are those that the identities rest on.
    """

    runs: tuple[PlannedRun, ...]
    tuned: bool
    doubles: int
    fingerprints: Mapping[str, str] = field(default_factory=dict)


def resolve(sweep: Sweep) -> list[Config]:
    """The resolved config of every run of a sweep, each run once. Reads nothing but the sweep's base.

    Raises:
      ConfigError: leaves that do not exist (with the nearest right name) or are set twice, values that are not valid,
        unequal tuning budgets, a question that no run can answer.
    """
    return [run.config for run in plan(sweep).runs]


def plan(sweep: Sweep, fingerprints: Mapping[str, str] | None = None) -> Plan:
    """As :func:`resolve`, with the identity and the name of each run.

    Args:
      sweep: what to run.
      fingerprints: of local inputs, see :func:`amharic_tl.sweeps.identity.run_id`.
    """
    if not sweep.arms:
        raise ConfigError("the sweep has no arms: expected at least one point, such as param('optim.lr', [1e-4, 3e-4])")
    if not sweep.seeds or any(set(point) != {SEED} for point in sweep.seeds):
        raise ConfigError("seeds: expected points of train.seed alone, such as sweeps.seeds(5)")
    arms = [arm if isinstance(arm, Arm) else Arm(arm) for arm in sweep.arms]
    shared = {**(read_leaves(sweep.base) if isinstance(sweep.base, str) else flatten(sweep.base)), **sweep.fixed}
    points = [
        (index, point)
        for index, arm in enumerate(arms)
        for point in prod([arm.point], tuple(arm.tuning) or ({},), sweep.seeds)
    ]
    configs = _configs(shared, [point for _, point in points])
    identities = [run_id(config, fingerprints) for config in configs]
    tuned = any(arm.tuning for arm in arms)
    if tuned:
        _check_budgets(arms, [index for index, _ in points], identities, len(sweep.seeds))
    own = dict.fromkeys(leaf for arm in arms for leaf in arm.point)
    tuning = dict.fromkeys(leaf for arm in arms for point in arm.tuning for leaf in point)
    runs = _runs(configs, identities, list(own), list(own | tuning))
    _check_question(sweep.question, runs, tuned)
    return Plan(tuple(runs), tuned, len(points) - len(runs), fingerprints or {})


def _configs(shared: Mapping[str, Any], points: Sequence[Point]) -> list[Config]:
    """Validated configs; every problem is told once, with how many runs have it."""
    known = {name for name, _, _ in leaves()}
    unknown = {leaf for point in points for leaf in point} | set(shared)
    problems = {unknown_key(leaf, sorted(known)): 0 for leaf in sorted(unknown - known)}
    configs = []
    for point in points if not problems else ():
        try:
            configs.append(build_config({**shared, **point}))
        except ConfigError as error:
            for line in str(error).splitlines()[1:]:
                problems[line.strip()] = problems.get(line.strip(), 0) + 1
    if problems:
        told = [f"{line} ({count} of {len(points)} runs)" if count else line for line, count in problems.items()]
        raise ConfigError("The sweep is not valid:\n  " + "\n  ".join(told[:10]))
    return configs


def _runs(
    configs: Sequence[Config], identities: Sequence[str], own: Sequence[str], varied: Sequence[str]
) -> list[PlannedRun]:
    """Each run once. Of the leaves that the spec names, those count whose value is not the same in all runs."""
    values = [leaf_values(config) for config in configs]
    varied = [leaf for leaf in varied if any(one[leaf] != values[0][leaf] for one in values)]
    arms = [{leaf: plain(one[leaf]) for leaf in varied} for one in values]
    shown = [
        arm | ({SEED: config.train.seed} if len(configs) > 1 else {}) for arm, config in zip(arms, configs, strict=True)
    ]
    runs: dict[str, tuple[PlannedRun, dict[str, Value]]] = {}
    for identity, arm, config, point in zip(identities, arms, configs, shown, strict=True):
        compared = {leaf: value for leaf, value in arm.items() if leaf in own}
        runs.setdefault(identity, (PlannedRun(identity, "", arm, compared, config.train.seed, config), point))
    called = names([point for _, point in runs.values()])
    return [replace(run, name=name) for (run, _), name in zip(runs.values(), called, strict=True)]


def _check_budgets(arms: Sequence[Arm], owners: Sequence[int], identities: Sequence[str], seeds: int) -> None:
    """Arms that are tuned more than others look better than they are: every arm gets equally many configurations."""
    called = names([{leaf: plain(value) for leaf, value in arm.point.items()} for arm in arms])
    runs: list[set[str]] = [set() for _ in arms]
    for owner, identity in zip(owners, identities, strict=True):
        runs[owner].add(identity)
    counts = [len(found) // seeds for found in runs]
    if len(set(counts)) > 1:
        told = "\n  ".join(f"{name}: {count} x {seeds}" for name, count in zip(called, counts, strict=True))
        raise ConfigError(
            f"the arms have unequal tuning budgets (different configurations x seeds):\n  {told}\n"
            f"Give every arm a grid of {max(counts)} configurations, or draw {min(counts)} of the larger ones with "
            "sweeps.subsample."
        )
    if len(set().union(*runs)) < sum(map(len, runs)):
        raise ConfigError(
            "two tuned arms share a run, so that their choices would not be independent; let a leaf that only one of "
            "them tunes tell them apart"
        )


def _check_question(question: Question, runs: Sequence[PlannedRun], tuned: bool) -> None:
    split, _, metric = question.measure.partition("/")
    if split not in (*_SPLITS, "safety") or not metric:
        raise ConfigError(
            f"question.measure: expected split/metric with one of the splits {', '.join(_SPLITS)}, "
            f"found {question.measure!r}"
        )
    wrong = [run for run in runs if split != "safety" and not is_metric(run.config.task, metric)]
    if wrong:
        raise ConfigError(f"question.measure: {no_metric(wrong[0].config.task, metric)}")
    if split != "safety" and question.higher_is_better == lower_is_better(metric):
        better = "lower" if question.higher_is_better else "higher"
        raise ConfigError(
            f"question.measure: of {question.measure} the {better} is the better; say "
            f"higher_is_better={not question.higher_is_better}"
        )
    if tuned and len({run.config.train.select_by for run in runs}) > 1:
        raise ConfigError("tuning chooses by config.train.select_by, which must be the same in every run")
    if tuned and split == "validation":
        raise ConfigError(
            f"question.measure: {question.measure} is of the split that tuning chooses on, and would flatter what was "
            "chosen; measure on test"
        )
    arms = {tuple(run.compared.items()): run.compared for run in runs}
    strangers = [leaf for leaf in question.control if not any(leaf in arm for arm in arms.values())]
    if strangers:
        varied = name_some(dict.fromkeys(leaf for arm in arms.values() for leaf in arm)) or "nothing"
        raise ConfigError(f"question.control: {name_some(strangers)} does not vary between arms; what varies: {varied}")
    control = {leaf: plain(value) for leaf, value in question.control.items()}
    if control and not any(control.items() <= arm.items() for arm in arms.values()):
        raise ConfigError(f"question.control: no arm has {control}; the arms are {name_some(map(dict, arms.values()))}")
