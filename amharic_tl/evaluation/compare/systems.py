"""Systems against each other: each a finished run, or the runs of several seeds."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from amharic_tl.errors import BadInputError, ConfigError, MissingInputError, name_some
from amharic_tl.evaluation.compare.bootstrap import paired_bootstrap
from amharic_tl.evaluation.compare.contrast import SEEDS_ALONE, Effect, Measured, effect, mean_interval
from amharic_tl.evaluation.compare.mcnemar import McNemar, mcnemar
from amharic_tl.evaluation.compare.measures import Value, higher_is_better
from amharic_tl.evaluation.compare.randomisation import approximate_randomisation
from amharic_tl.evaluation.compare.runs import JudgedRun, align, read_run, sums_by_cluster
from amharic_tl.evaluation.compare.stochastic_order import FEWEST_SEEDS, almost_stochastic_order
from amharic_tl.evaluation.multiplicity import holm

Pairs = Literal["first", "all"]


@dataclass(frozen=True)
class System:
    """One system: a name and its runs, a seed each."""

    name: str
    runs: tuple[JudgedRun, ...]

    @property
    def scores(self) -> dict[int, float]:
        """Finite scores by seed."""
        return {run.seed: run.score for run in self.runs if run.score is not None}

    @property
    def mean(self) -> float | None:
        """Of the scores."""
        return float(np.mean(list(self.scores.values()))) if self.scores else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95% of the mean over seeds."""
        return mean_interval(list(self.scores.values()))

    @property
    def collapsed(self) -> tuple[int, ...]:
        """Seeds of runs that learned nothing."""
        return tuple(run.seed for run in self.runs if run.collapsed)


@dataclass(frozen=True)
class Pair:
    """Two systems compared; differences are ``b`` less ``a``.

    Attributes:
      a: name of the first.
      b: name of the second.
      effect: over seeds and items, as far as there are any.
      bootstrap: 95% interval over clusters of items with the runs as given; None without items.
      randomisation: p of exchanges with the runs as given; None without items, or with unequal numbers of runs.
      mcnemar: of one run against one, items by themselves; None otherwise.
      order: ``epsilon_min`` that b is almost stochastically better than a, and a than b; None below five seeds.
      p: the one that is corrected: of the effect over seeds, of the randomisation for single runs.
      method: which one that is.
      p_holm: corrected for the family.
      notes: what a reader must know.
    """

    a: str
    b: str
    effect: Effect
    bootstrap: tuple[float, float] | None
    randomisation: float | None
    mcnemar: McNemar | None
    order: tuple[float, float] | None
    p: float | None
    method: str
    p_holm: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """All systems and pairs, for one score of one split."""

    split: str
    metric: str
    systems: tuple[System, ...]
    pairs: tuple[Pair, ...]
    items: int | None
    clusters: int | None
    notes: tuple[str, ...]


def read_system(name: str, place: Path, split: str, metric: str | None) -> tuple[System, str]:
    """A workdir, or a directory whose folders are workdirs of several seeds.

    Raises:
      MissingInputError: neither.
      BadInputError: two runs of one seed.
    """
    if (place / "run.json").exists():
        folders = [place]
    else:
        folders = sorted(path.parent for path in place.glob("*/run.json"))
        if not folders:
            raise MissingInputError(f"{place} is neither a workdir nor a directory of workdirs: no run.json in it")
    runs = []
    for folder in folders:
        run, metric = read_run(folder, split, metric)
        runs.append(run)
    seeds = [run.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        twice = next(seed for seed in seeds if seeds.count(seed) > 1)
        where = name_some(run.workdir.name for run in runs if run.seed == twice)
        raise BadInputError(f"{place}: {where} are all of seed {twice}; a system has one run a seed")
    assert metric is not None
    return System(name, tuple(runs)), metric


def compare(
    places: Mapping[str, Path],
    split: str = "test",
    metric: str | None = None,
    *,
    groups: Mapping[str, object] | None = None,
    pairs: Pairs = "first",
    seed: int = 0,
) -> Comparison:
    """Compares systems on the same items.

    Args:
      places: by name, as :func:`read_system` reads them.
      split: validation, test or test_clean.
      metric: the score; None: the headline of the task.
      groups: item id -> article, source or what else belongs together, beside near-duplicates.
      pairs: every system against the first, or all pairs.
      seed: of resamples and exchanges.

    Raises:
      ConfigError: fewer than two systems.
      MissingInputError, BadInputError: what is not there, or does not fit together.
    """
    if len(places) < 2:
        raise ConfigError("there must be two or more systems to compare")
    systems = []
    for name, place in places.items():
        system, metric = read_system(name, place, split, metric)
        systems.append(system)
    assert metric is not None
    systems, clusters, notes = _aligned(systems, groups)
    value = next((run.items.value(metric) for s in systems for run in s.runs if run.items is not None), None)
    chosen = itertools.combinations(systems, 2) if pairs == "all" else ((systems[0], other) for other in systems[1:])
    found = list(chosen)
    made = [_pair(a, b, metric, value if clusters is not None else None, clusters, len(found), seed) for a, b in found]
    count = None if clusters is None else len(clusters)
    independent = None if clusters is None else int(clusters.max()) + 1
    return Comparison(split, metric, tuple(systems), tuple(_corrected(made)), count, independent, tuple(notes))


def _aligned(
    systems: list[System], groups: Mapping[str, object] | None
) -> tuple[list[System], np.ndarray | None, list[str]]:
    runs = [run for system in systems for run in system.runs]
    without = [run for run in runs if run.items is None]
    if without:
        return systems, None, [f"over seeds alone: {without[0].why_no_items}"]
    if groups is not None and runs[0].items is not None:
        unnamed = [name for name in runs[0].items.ids if name not in groups]
        if unnamed:
            raise BadInputError(
                f"--clusters: {len(unnamed)} of {len(runs[0].items.ids)} items have no group there: "
                f"{name_some(unnamed)}"
            )
    aligned, clusters = align(runs, groups)
    rest = iter(aligned)
    renewed = [dataclasses.replace(s, runs=tuple(next(rest) for _ in s.runs)) for s in systems]
    notes = []
    if not any(run.clusters_known for run in runs):
        notes.append(
            "near-duplicates among the items are not known (data.json has none): every item counts as independent"
        )
    return renewed, clusters, notes


def _pair(
    a: System, b: System, metric: str, value: Value | None, clusters: np.ndarray | None, family: int, seed: int
) -> Pair:
    lacking = [system.name for system in (a, b) if not system.scores]
    if lacking:
        raise BadInputError(f"{name_some(lacking)}: no run has a finite {metric}")
    by_seed = [_measured(system, clusters) for system in (b, a)]
    found = effect(by_seed, (1.0, -1.0), value)
    interval, p_items, test = None, None, None
    notes = []
    if clusters is not None and value is not None:
        sums = [sums_by_cluster(system.runs, clusters) for system in (a, b)]
        interval = paired_bootstrap(sums[0], sums[1], value, seed=seed)
        if len(a.runs) == len(b.runs):
            p_items = approximate_randomisation(sums[0], sums[1], value, seed=seed)
        else:
            notes.append("no randomisation: outputs are exchanged run by run, and the systems have unequal numbers")
        test, why = _mcnemar(a, b, clusters)
        notes += [why] if why else []
    order = None
    seeds = min(len(a.scores), len(b.scores))
    if seeds >= FEWEST_SEEDS:
        sign = 1 if higher_is_better(metric) else -1
        x, y = (sign * np.asarray(list(system.scores.values())) for system in (b, a))
        order = (
            almost_stochastic_order(x, y, comparisons=family, seed=seed).epsilon_min,
            almost_stochastic_order(y, x, comparisons=family, seed=seed).epsilon_min,
        )
    if "seeds" in found.basis:
        p, method = found.p, f"t, {found.basis}"
        notes += [SEEDS_ALONE] if found.basis == "seeds" else []
        if seeds < FEWEST_SEEDS:
            notes.append(
                f"{seeds} seeds: no stochastic order below {FEWEST_SEEDS}, and intervals wide for want of them"
            )
    elif p_items is not None:
        p, method = p_items, "randomisation"
        notes.append("one seed in a system: it tells these models apart, not the ways they were trained")
    else:
        p, method = found.p, found.basis
        if p is None:
            notes.append("one seed in a system and no items: nothing tells the error")
    return Pair(a.name, b.name, found, interval, p_items, test, order, p, method, notes=tuple(notes))


def _measured(system: System, clusters: np.ndarray | None) -> Measured:
    if clusters is None:
        return Measured(system.scores)
    sums = sums_by_cluster(system.runs, clusters)
    return Measured(system.scores, {run.seed: one for run, one in zip(system.runs, sums, strict=True)})


def _mcnemar(a: System, b: System, clusters: np.ndarray) -> tuple[McNemar | None, str]:
    """McNemar's test where it holds: one model against one, items that are independent, right or wrong."""
    if len(a.runs) > 1 or len(b.runs) > 1:
        return None, ""
    one, two = a.runs[0].items, b.runs[0].items
    assert one is not None and two is not None
    if int(clusters.max()) + 1 < len(clusters):
        return None, "no McNemar's test: it takes items for independent, and these come in clusters"
    try:
        return mcnemar(one.right(), two.right()), ""
    except ConfigError as error:
        return None, str(error)


def _corrected(pairs: Sequence[Pair]) -> list[Pair]:
    tested = [pair.p for pair in pairs if pair.p is not None]
    adjusted = iter(holm(tested) if tested else [])
    return [dataclasses.replace(pair, p_holm=next(adjusted)) if pair.p is not None else pair for pair in pairs]
