"""The predictions behind the scores, brought to the same items where the runs permit it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from amharic_tl.errors import AmharicTLError
from amharic_tl.evaluation.compare.clusters import cluster_sums
from amharic_tl.evaluation.compare.contrast import Measured
from amharic_tl.evaluation.compare.measures import Value
from amharic_tl.evaluation.compare.runs import JudgedRun, align, judged_run, read_items
from amharic_tl.records.workdir import Workdir
from amharic_tl.sweeps.analysis.arms import Arm
from amharic_tl.sweeps.measured import MeasuredRun


@dataclass(frozen=True)
class Items:
    """Sums by run, over clusters of the items that all runs share.

    Attributes:
      sums: by (arm's name, seed), ``[clusters, k]``; empty where the items are not known.
      value: sums to score.
      count: of items.
      clusters: of them.
      notes: what is not known, and why.
    """

    sums: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)
    value: Value | None = None
    count: int | None = None
    clusters: int | None = None
    notes: tuple[str, ...] = ()


def read_judged(runs: Sequence[MeasuredRun], measure: str) -> tuple[dict[str, JudgedRun], list[str]]:
    """By run id, what finished runs' workdirs hold; and sentences about those that could not be read."""
    split, _, metric = measure.partition("/")
    found, notes = {}, []
    for run in runs:
        if run.status != "finished" or run.workdir is None or measure not in run.scores:
            continue
        place = Workdir(run.workdir)
        try:
            found[run.run_id] = judged_run(place, split, metric, run.scores[measure], *read_items(place, split))
        except AmharicTLError as error:
            notes.append(f"run {run.run_id}: {error}")
    return found, notes


def shared_items(arms: Sequence[Arm], metric: str) -> Items:
    """The items of all measured runs, or none with the reason."""
    runs = [(arm.name, seed, arm.judged.get(seed)) for arm in arms for seed in arm.scores]
    if not runs:
        return Items()
    known = [(name, seed, run) for name, seed, run in runs if run is not None and run.items is not None]
    if len(known) < len(runs):
        why = next((run.why_no_items for _, _, run in runs if run is not None and run.why_no_items), "")
        counted = f"{len(runs) - len(known)} of {len(runs)} measured runs have no predictions for this measure"
        return Items(notes=(f"{counted}, so that errors are over seeds alone" + (f" ({why})" if why else ""),))
    try:
        aligned, clusters = align([run for _, _, run in known])
    except AmharicTLError as error:
        return Items(notes=(f"errors are over seeds alone: {error}",))
    first = aligned[0].items
    assert first is not None
    sums = {
        (name, seed): cluster_sums(run.items.sums, clusters)
        for (name, seed, _), run in zip(known, aligned, strict=True)
        if run.items is not None
    }
    notes = () if all(run.clusters_known for run in aligned) else ("near-duplicates among the items are not known",)
    return Items(sums, first.value(metric), len(first.ids), int(clusters.max()) + 1, notes)


def measured(arm: Arm, items: Items) -> Measured:
    """The arm's scores with the sums behind them."""
    sums = {seed: items.sums[arm.name, seed] for seed in arm.scores if (arm.name, seed) in items.sums}
    return Measured(arm.scores, sums)
