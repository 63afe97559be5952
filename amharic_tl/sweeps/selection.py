"""Which configuration of a tuned arm is compared: the one that validation scores choose. Test scores have no say."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amharic_tl.config.figures import lower_is_better
from amharic_tl.sweeps.manifest import Manifest
from amharic_tl.sweeps.measured import MeasuredRun, Value

_Point = tuple[tuple[str, Value], ...]


@dataclass(frozen=True)
class Choice:
    """What was chosen for an arm.

    Attributes:
      compared: the arm, leaf -> value.
      tuning: the chosen values of the tuned leaves; None: not chosen.
      value: mean over seeds of the figure that chose it.
      why_not: why nothing is chosen.
      runs: one a seed, with ``arm`` as ``compared``: of the chosen configuration, or not started.
    """

    compared: Mapping[str, Value]
    tuning: Mapping[str, Value] | None
    value: float | None
    why_not: str | None
    runs: tuple[MeasuredRun, ...]


def choices(manifest: Manifest, runs: Sequence[MeasuredRun]) -> list[Choice]:
    """The choice of every arm of a tuned sweep; none where nothing is tuned.

    It falls on the best mean of ``manifest.select_by`` over seeds, among configurations all of whose seeds have that
    figure; the first of equal ones. It is made once every run of the arm has finished or failed.
    """
    if manifest.select_by is None:
        return []
    arms: dict[_Point, dict[_Point, list[MeasuredRun]]] = {}
    for stored, run in zip(manifest.runs, runs, strict=True):
        grid = arms.setdefault(tuple(stored.compared.items()), {})
        grid.setdefault(tuple(run.arm.items()), []).append(run)
    return [_choose(dict(compared), list(grid.values()), manifest.select_by) for compared, grid in arms.items()]


def chosen(manifest: Manifest, runs: Sequence[MeasuredRun]) -> list[MeasuredRun]:
    """The runs that the arms are compared by: all of them, or of tuned arms the chosen ones (:func:`choices`)."""
    if manifest.select_by is None:
        return list(runs)
    return [run for choice in choices(manifest, runs) for run in choice.runs]


def _choose(compared: Mapping[str, Value], grid: Sequence[list[MeasuredRun]], select_by: str) -> Choice:
    unmeasured = tuple(
        dataclasses.replace(run, arm=compared, status="not started", scores={}, workdir=None, minutes=None)
        for run in grid[0]
    )
    waiting = sum(run.status not in ("finished", "failed") for runs in grid for run in runs)
    if waiting:
        return Choice(compared, None, None, f"{waiting} runs of its tuning are not finished", unmeasured)
    sign = -1 if lower_is_better(select_by.partition("/")[2]) else 1
    best: tuple[float, list[MeasuredRun]] | None = None
    for runs in grid:
        figures = [value for run in runs if (value := run.scores.get(select_by)) is not None]
        mean = sum(figures) / len(figures) if figures else 0.0
        if len(figures) == len(runs) and (best is None or sign * mean > sign * best[0]):
            best = mean, runs
    if best is None:
        return Choice(compared, None, None, f"no configuration has {select_by} for every seed", unmeasured)
    tuning = {leaf: value for leaf, value in best[1][0].arm.items() if leaf not in compared}
    picked = tuple(dataclasses.replace(run, arm=compared) for run in best[1])
    return Choice(compared, tuning, best[0], None, picked)
