"""Finished runs read from their workdirs, and brought to the same items in the same order."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from amharic_tl.data.tags import entity_types
from amharic_tl.errors import BadInputError, ConfigError, MissingInputError, name_some
from amharic_tl.evaluation.compare.clusters import cluster_numbers, cluster_sums
from amharic_tl.evaluation.compare.collapse import collapsed
from amharic_tl.evaluation.compare.measures import ItemSums, higher_is_better, item_sums
from amharic_tl.records.files import read_json, read_lines, read_object
from amharic_tl.records.workdir import Workdir

# A score that was stored and the one that its predictions give may differ by what rounding the latter does.
ROUNDED = 2e-5
# Rows of test without a near-duplicate in train or validation: a score of its own, from the predictions of test.
CLEAN = "test_clean"
HEADLINES = {"single-label": "macro_f1", "multi-label": "macro_f1", "regression": "pearson", "tags": "entity_f1"}


@dataclass(frozen=True)
class JudgedRun:
    """A finished run as it was judged on a split by a metric.

    Attributes:
      workdir: where it lies.
      seed: ``train.seed``.
      score: as run.json has it; None where it is not finite.
      items: its predictions; None where there are none that permit the metric.
      why_no_items: a sentence for that case.
      near_duplicates: item id -> cluster of near-duplicates, for items that have any.
      clusters_known: whether data.json says which items are near-duplicates.
      collapsed: whether it learned nothing, as :mod:`~amharic_tl.evaluation.compare.collapse` defines it.
    """

    workdir: Path
    seed: int
    score: float | None
    items: ItemSums | None
    why_no_items: str
    near_duplicates: Mapping[str, int]
    clusters_known: bool
    collapsed: bool


def read_run(workdir: Path, split: str, metric: str | None = None) -> tuple[JudgedRun, str]:
    """Reads a finished run.

    Args:
      workdir: of the run.
      split: validation, test or test_clean.
      metric: as run.json calls it; None: the headline of the run's kind of predictions.

    Returns:
      The run, and the metric.

    Raises:
      MissingInputError: no run, an unfinished one, or no such score.
      BadInputError: its files do not fit together.
    """
    place = Workdir(workdir)
    if not place.run.exists():
        raise MissingInputError(f"{workdir} is not a workdir: expected {place.run}")
    record = read_object(place.run)
    if record.get("status") != "completed":
        raise MissingInputError(f"{workdir}: the run is {record.get('status')!r}, expected 'completed'; go on with it")
    final = (record.get("final") or {}).get(split)
    if not final:
        raise MissingInputError(f"{place.run} has no scores of {split}; it has {name_some(record.get('final') or {})}")
    items, why = read_items(place, split)
    if metric is None:
        metric = HEADLINES[items.kind] if items is not None else "bits_per_character"
    if metric not in final:
        raise MissingInputError(f"{place.run} has no {metric} of {split}; it has {name_some(final)}")
    return judged_run(place, split, metric, final[metric], items, why), metric


def judged_run(
    place: Workdir, split: str, metric: str, score: float | None, items: ItemSums | None, why: str
) -> JudgedRun:
    """The run with its clusters and whether it collapsed; a score that its predictions contradict is refused.

    Raises:
      BadInputError: the score is not what the predictions give.
    """
    same = items is not None and items.constant
    if items is not None:
        items, why = _permitting(items, metric)
    if items is not None and score is not None:
        again = float(items.value(metric)(items.sums.sum(axis=0)))
        if not math.isclose(again, score, rel_tol=ROUNDED, abs_tol=ROUNDED):
            file = place.predictions(_file_split(split)).name
            raise BadInputError(
                f"{place.run} says {split}/{metric} {score:.6f}, but {file} beside it gives {again:.6f}: these files "
                "are not of one run"
            )
    data = _objects(place.data)
    clusters = data.get("near_duplicate_clusters", {}).get(_file_split(split))
    line = _objects(place.baselines).get("constant", {}).get(split, {}).get(metric)
    seed = _objects(place.config).get("train", {}).get("seed", 0)
    return JudgedRun(
        workdir=place.root,
        seed=int(seed),
        score=score,
        items=items,
        why_no_items=why,
        near_duplicates={name: number for number, ids in enumerate(clusters or []) for name in ids},
        clusters_known=clusters is not None,
        collapsed=collapsed(score, line, higher_is_better(metric), same),
    )


def read_items(place: Workdir, split: str) -> tuple[ItemSums | None, str]:
    """The predictions of a split, or None and why there are none."""
    path = place.predictions(_file_split(split))
    if not path.exists():
        kind = _objects(place.config).get("task", {}).get("kind", "this task")
        return None, (
            f"{kind} writes no {path.name}: its scores can be compared over seeds, not item by item"
            if kind not in ("sequence-classification", "token-classification")
            else f"{path} is absent: scores can be compared over seeds, not item by item"
        )
    data = _objects(place.data)
    types = entity_types(data.get("labels", [])) if data.get("problem") == "tags" else None
    lines = read_lines(path)
    if split == CLEAN:
        left_out = set(data.get("near_duplicate_ids", {}).get("test", []))
        lines = [line for line in lines if line.get("id") not in left_out]
    return item_sums(lines, str(path), types), ""


def _permitting(items: ItemSums, metric: str) -> tuple[ItemSums | None, str]:
    try:
        items.value(metric)
    except ConfigError as error:
        return None, str(error)
    return items, ""


def align(runs: Sequence[JudgedRun], groups: Mapping[str, object] | None = None) -> tuple[list[JudgedRun], np.ndarray]:
    """The runs with their items in the order of the first, and the cluster of each item.

    Args:
      runs: all with items.
      groups: item id -> article, source or whatever else belongs together, beside near-duplicates.

    Raises:
      BadInputError: the items, their gold labels or the classes are not the same.
    """
    first = runs[0].items
    assert first is not None
    aligned = []
    for run in runs:
        assert run.items is not None
        _check_same(runs[0], run)
        place_of = {name: place for place, name in enumerate(run.items.ids)}
        items = run.items.take([place_of[name] for name in first.ids])
        if items.gold != first.gold:
            other = [name for name, a, b in zip(first.ids, first.gold, items.gold, strict=True) if a != b]
            raise BadInputError(
                f"{run.workdir} and {runs[0].workdir} have other gold labels for {len(other)} of {len(first.ids)} "
                f"items: {name_some(other)}"
            )
        aligned.append(dataclasses.replace(run, items=items))
    groupings = [run.near_duplicates for run in runs if run.near_duplicates][:1]
    return aligned, cluster_numbers(first.ids, *groupings, *([groups] if groups else []))


def _check_same(a: JudgedRun, b: JudgedRun) -> None:
    assert a.items is not None and b.items is not None
    ids_a, ids_b = set(a.items.ids), set(b.items.ids)
    if ids_a != ids_b:
        raise BadInputError(
            f"items are paired by id, but the test sets differ: {len(ids_a - ids_b)} of the {len(ids_a)} ids of "
            f"{a.workdir} are missing in {b.workdir}, and {len(ids_b - ids_a)} of its {len(ids_b)} are missing in the "
            f"former (such as {name_some(sorted(ids_a ^ ids_b))}); evaluate both on the same data: "
            "amharic-tl evaluate WORKDIR --data=FILE --output=DIR"
        )
    if a.items.kind != b.items.kind or set(a.items.classes) != set(b.items.classes):
        raise BadInputError(
            f"{a.workdir} predicts {a.items.kind} with the classes {name_some(a.items.classes) or 'none'}, {b.workdir} "
            f"{b.items.kind} with {name_some(b.items.classes) or 'none'}: scores over classes cannot be compared"
        )


def sums_by_cluster(runs: Sequence[JudgedRun], clusters: np.ndarray) -> np.ndarray:
    """``[runs, clusters, k]`` of aligned runs."""
    return np.stack([cluster_sums(run.items.sums, clusters) for run in runs if run.items is not None])


def _file_split(split: str) -> str:
    return "test" if split == CLEAN else split


def _objects(path: Path) -> dict[str, Any]:
    """A file of the workdir; empty where it is not there (yet)."""
    value = read_json(path) if path.exists() else {}
    return value if isinstance(value, dict) else {}
