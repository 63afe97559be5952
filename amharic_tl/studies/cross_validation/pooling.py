"""Out-of-fold predictions brought together: one file, one score with its interval, one set of safety signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amharic_tl.config import Config
from amharic_tl.data.folds import Folds
from amharic_tl.data.rows import Row, Source
from amharic_tl.data.splits import columns_of, labels_of
from amharic_tl.data.tags import entity_types
from amharic_tl.errors import BadInputError, name_some
from amharic_tl.evaluation.pooled import (
    GOLD,
    HEADLINES,
    class_numbers,
    corrected_interval,
    pooled_metrics,
    pooled_summary,
)
from amharic_tl.records.files import read_lines
from amharic_tl.records.workdir import Workdir
from amharic_tl.safety.monitoring.looks import Look
from amharic_tl.safety.pooled import look_at_pooled
from amharic_tl.studies.cross_validation.request import FoldRun

OOF = "oof"  # out of fold: what the pooled predictions are called among splits
FEW_CLUSTERS = 30  # below, a bootstrap over clusters is not to be trusted

# By line and by fold: row id to prediction.
FoldLines = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Pooled:
    """Lines of predictions-oof.jsonl, each with its row and cluster, in the order of repetition and pool."""

    problem: str
    names: list[str]
    rows: list[Row]
    lines: list[dict[str, Any]]
    clusters: list[int]

    @property
    def gold(self) -> list[Any]:
        """What is right, as it stands in a line."""
        return [line[GOLD[self.problem]] for line in self.lines]

    @property
    def predicted(self) -> list[Any]:
        """What was predicted."""
        return [line["predicted"] for line in self.lines]


def pool_predictions(config: Config, pool: Source, folds: Folds, chosen: Mapping[str, FoldRun], problem: str) -> Pooled:
    """Reads what the chosen run of each fold predicted for its test rows.

    Raises:
      BadInputError: a fold's predictions are not those of its test rows.
    """
    place = {row.id: number for number, row in enumerate(pool.rows)}
    found: list[tuple[int, int, dict[str, Any]]] = []
    for fold in folds.folds:
        path = Workdir(chosen[fold.name].workdir).predictions("test")
        lines = read_lines(path)
        wrong = {line["id"] for line in lines} ^ set(fold.test)
        if wrong or len(lines) != len(fold.test):
            raise BadInputError(f"{path} holds other rows than {fold.name} is tested on: {name_some(sorted(wrong))}")
        found += [(fold.repeat, place[line["id"]], {**line, "fold": fold.name}) for line in lines]
    found.sort(key=lambda one: one[:2])
    columns = columns_of(config.data, True, problem)
    names = labels_of(pool, columns)
    rows = [pool.rows[number] for _, number, _ in found]
    clusters = [folds.clusters[row.id] for row in rows]
    lines = [line for _, _, line in found]
    return Pooled(problem, entity_types(names) if problem == "tags" else names, rows, lines, clusters)


def evaluation(pooled: Pooled) -> dict[str, Any]:
    """What evaluation.json holds: scores of all out-of-fold predictions, with intervals over clusters.

    ``n`` counts rows, ``predictions`` as many for each repetition.
    """
    summary = pooled_summary(pooled.problem, pooled.gold, pooled.predicted, pooled.names, pooled.clusters)
    clusters = len(set(pooled.clusters))
    if clusters < FEW_CLUSTERS:
        summary["interval"] += f"; {clusters} clusters are too few to trust it"
    return {
        **summary,
        "n": len({row.id for row in pooled.rows}),
        "predictions": len(pooled.lines),
        "clusters": clusters,
    }


def together(pooled: Pooled) -> list[list[str]]:
    """The ids of rows of one cluster, a list for each that has several, as data.json of a run has near-duplicates."""
    members: dict[int, dict[str, None]] = {}
    for row, cluster in zip(pooled.rows, pooled.clusters, strict=True):
        members.setdefault(cluster, {})[row.id] = None
    return [list(ids) for ids in members.values() if len(ids) > 1]


def baselines(pooled: Pooled, lines: FoldLines, recipe: str) -> dict[str, Any]:
    """What baselines.json holds: the pooled scores of the lines fitted in each fold."""
    result: dict[str, Any] = {"constant": {"label": "that of each fold"}}
    for line, by_fold in lines.items():
        predicted = [by_fold[of["fold"]][of["id"]] for of in pooled.lines]
        result.setdefault(line, {} if line == "constant" else {"recipe": f"fitted in each fold: {recipe}"})
        result[line][OOF] = pooled_metrics(pooled.problem, pooled.gold, predicted, pooled.names)
    return result


def fold_scores(pooled: Pooled, folds: Folds, predicted: Sequence[Any]) -> dict[str, float | None]:
    """The headline metric of each fold's test rows."""
    metric, gold = HEADLINES[pooled.problem], pooled.gold
    places: dict[str, list[int]] = {fold.name: [] for fold in folds.folds}
    for place, line in enumerate(pooled.lines):
        places[line["fold"]].append(place)
    found: dict[str, float | None] = {}
    for name, mine in places.items():
        scores = pooled_metrics(
            pooled.problem, [gold[place] for place in mine], [predicted[place] for place in mine], pooled.names
        )
        found[name] = scores.get(metric)
    return found


def against_line(pooled: Pooled, folds: Folds, by_fold: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """Model minus a line, by fold and on average, with the corrected resampled t interval.

    None where folds are cultural groups: they are no draws of one distribution, and an interval would mean nothing.
    """
    if any(fold.group is not None for fold in folds.folds):
        return None
    model = fold_scores(pooled, folds, pooled.predicted)
    line = fold_scores(pooled, folds, [by_fold[of["fold"]][of["id"]] for of in pooled.lines])
    differences = [(model[name] or 0.0) - (line[name] or 0.0) for name in model]
    test = float(np.mean([len(fold.test) for fold in folds.folds]))
    train = float(np.mean([folds.rows - len(f.test) - len(f.validation) - len(f.left_out) for f in folds.folds]))
    return {
        "metric": HEADLINES[pooled.problem],
        "by_fold": dict(zip(model, differences, strict=True)),
        "interval": corrected_interval(differences, test, train),
        "method": "corrected resampled t interval over folds (Nadeau & Bengio 2003), 95%",
    }


def safety(config: Config, pooled: Pooled, chosen: Mapping[str, FoldRun]) -> tuple[Look, dict[str, Any]]:
    """The signals over all out-of-fold predictions, and what safety.json holds."""
    numbers = {(line["fold"], line["id"]): number for number, line in enumerate(pooled.lines)}
    swaps = [
        (numbers[name, line["id"]], line)
        for name, run in chosen.items()
        for line in read_lines(Workdir(run.workdir).counterfactuals("test"))
    ]
    scores = [[line["scores"].get(name, 0.0) for name in pooled.names] for line in pooled.lines]
    return look_at_pooled(
        pooled.rows,
        np.asarray(pooled.clusters, np.int64),
        class_numbers(pooled.gold, pooled.names),
        np.asarray(scores, np.float64),
        pooled.names,
        swaps,
        config.safety,
        OOF,
    )
