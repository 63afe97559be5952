"""From measured runs and a question to everything the tables say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from amharic_tl.errors import ConfigError
from amharic_tl.evaluation.compare.expected_best import expected_best
from amharic_tl.sweeps.analysis.arms import Arm, find_control, gather_arms, short_names, shown, varying_leaves
from amharic_tl.sweeps.analysis.contrasts import Contrast, against_control
from amharic_tl.sweeps.analysis.factors import Factors, factor_effects
from amharic_tl.sweeps.analysis.items import read_judged, shared_items
from amharic_tl.sweeps.measured import MeasuredRun, Question

FEWEST_RUNS = 3  # of a curve of the expected best


@dataclass(frozen=True)
class Budget:
    """The expected best of a set of runs against how many of them are made.

    Attributes:
      name: of the set.
      measure: whose best it is: the validation score where there is one, since that is what one chooses by.
      best: ``[N]``, of 1 to N runs.
      minutes: of a run, on average; None where none was timed.
    """

    name: str
    measure: str
    best: tuple[float, ...]
    minutes: float | None


@dataclass(frozen=True)
class Analysis:
    """What the runs of a sweep say.

    Attributes:
      question: as asked.
      arms: with their scores.
      control: the arm that the others are compared with.
      contrasts: the family of the other arms against it.
      factors: main effects and interactions, a family of their own.
      budgets: expected best against budget.
      items: how many items the scores rest on; None where they are not known.
      clusters: how many independent clusters these are.
      notes: sentences about what is not known or not measured.
    """

    question: Question
    arms: tuple[Arm, ...]
    control: Arm
    contrasts: tuple[Contrast, ...]
    factors: Factors
    budgets: tuple[Budget, ...]
    items: int | None
    clusters: int | None
    notes: tuple[str, ...]


def analyse(runs: Sequence[MeasuredRun], question: Question) -> Analysis:
    """Arms against the control, paired over seeds and, where predictions exist, over items; factors; budgets.

    Args:
      runs: of the sweep, finished or not.
      question: what they answer.

    Raises:
      ConfigError: no runs, a measure that is not ``split/metric``, or a control that is no arm or several.
      BadInputError: two runs of one arm and seed.
    """
    split, _, metric = question.measure.partition("/")
    if not split or not metric:
        raise ConfigError(f"measure: expected split/metric such as test/macro_f1, found {question.measure!r}")
    if not runs:
        raise ConfigError("there are no runs to analyse")
    judged, unread = read_judged(runs, question.measure)
    arms = gather_arms(runs, question.measure, judged)
    control = find_control(arms, question.control)
    items = shared_items(arms, metric)
    contrasts = against_control(arms, control, items, question.higher_is_better)
    return Analysis(
        question=question,
        arms=tuple(arms),
        control=control,
        contrasts=tuple(contrasts),
        factors=factor_effects(arms, control, items),
        budgets=tuple(_budgets(runs, arms, question)),
        items=items.count,
        clusters=items.clusters,
        notes=(*_about_runs(runs, question), *unread, *items.notes),
    )


def _about_runs(runs: Sequence[MeasuredRun], question: Question) -> list[str]:
    finished = [run for run in runs if run.status == "finished"]
    notes = []
    if len(finished) < len(runs):
        counts = {status: sum(run.status == status for run in runs) for status in dict.fromkeys(r.status for r in runs)}
        told = ", ".join(f"{count} {status}" for status, count in counts.items())
        notes.append(f"{len(finished)} of {len(runs)} runs are measured ({told})")
    without = [run.run_id for run in finished if question.measure not in run.scores]
    if without:
        notes.append(f"{len(without)} finished runs have no {question.measure}")
    return notes


def _budgets(runs: Sequence[MeasuredRun], arms: Sequence[Arm], question: Question) -> list[Budget]:
    """A curve over all runs, and one for each level of a leaf whose runs differ in something else too."""
    finished = [run for run in runs if run.status == "finished"]
    chosen_by = "validation/" + question.measure.partition("/")[2]
    measure = chosen_by if finished and all(run.scores.get(chosen_by) is not None for run in finished) else ""
    measure = measure or question.measure
    scored = [run for run in finished if run.scores.get(measure) is not None]
    leaves = varying_leaves([arm.settings for arm in arms])
    short = short_names(leaves)
    sets: dict[str, list[MeasuredRun]] = {"all runs": scored}
    if len(leaves) > 1:
        for leaf in leaves:
            for run in scored:
                if leaf in run.arm:
                    sets.setdefault(f"{short[leaf]}={shown(run.arm[leaf])}", []).append(run)
    found = []
    for name, members in sets.items():
        if len(members) < FEWEST_RUNS:
            continue
        scores = np.asarray([run.scores[measure] for run in members], np.float64)
        best = expected_best(scores, higher_is_better=question.higher_is_better)
        minutes = [run.minutes for run in members if run.minutes is not None]
        found.append(Budget(name, measure, tuple(best.tolist()), float(np.mean(minutes)) if minutes else None))
    return found
