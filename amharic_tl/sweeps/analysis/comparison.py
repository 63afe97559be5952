"""A comparison of systems as tables and figures, on the terminal and on disk."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from amharic_tl.evaluation.compare.measures import higher_is_better
from amharic_tl.evaluation.compare.systems import Comparison, Pair
from amharic_tl.records.files import write_json, write_text
from amharic_tl.sweeps.analysis.contrasts import LEVEL
from amharic_tl.sweeps.analysis.tables import Table, as_csv, figure, latex, markdown, probability, span


def comparison_tables(comparison: Comparison) -> list[Table]:
    """The systems, and the pairs."""
    score = f"{comparison.split}/{comparison.metric}"
    systems = Table(
        "systems",
        f"{score} by system",
        ("system", "mean", "95% interval over seeds", "seeds", "collapsed"),
        tuple(
            (
                system.name,
                figure(system.mean) or "not measured",
                span(*(system.interval or (None, None))),
                str(len(system.scores)),
                str(len(system.collapsed)),
            )
            for system in comparison.systems
        ),
        ("collapsed: constant predictions, or a score not better than the constant line's; they stay in the mean.",),
    )
    return [systems, _pairs_table(comparison, score)]


def _pairs_table(comparison: Comparison, score: str) -> Table:
    items = (
        "Items: not known."
        if comparison.items is None
        else f"Items: {comparison.items:,} in {comparison.clusters:,} clusters."
    )
    family = sum(1 for pair in comparison.pairs if pair.p is not None)
    about: dict[str, list[str]] = {}
    for pair in comparison.pairs:
        for note in pair.notes:
            about.setdefault(note, []).append(f"{pair.b} less {pair.a}")
    notes = [note if len(of) == len(comparison.pairs) else f"{'; '.join(of)}: {note}" for note, of in about.items()]
    return Table(
        "pairs",
        f"{score}: differences",
        (
            "difference of",
            "difference",
            "95% interval",
            "error of",
            "p",
            "p (Holm)",
            "bootstrap over items",
            "randomisation p",
            "McNemar mid-p",
            "ASO",
            "ASO reversed",
            "verdict",
        ),
        tuple(_row(pair, comparison) for pair in comparison.pairs),
        (
            f"{items} Holm's correction over a family of {family}.",
            "The first interval counts the errors named beside it; bootstrap and randomisation take the runs as given. "
            "p is that of the first interval where there are several seeds, of the randomisation where there is one.",
            *notes,
            *comparison.notes,
        ),
    )


def _row(pair: Pair, comparison: Comparison) -> tuple[str, ...]:
    a, b = pair.order or (None, None)
    return (
        f"{pair.b} less {pair.a}",
        figure(pair.effect.value, True),
        span(pair.effect.low, pair.effect.high, True),
        pair.effect.basis,
        probability(pair.p),
        probability(pair.p_holm),
        _signed(pair.bootstrap),
        probability(pair.randomisation),
        "" if pair.mcnemar is None else probability(pair.mcnemar.mid_p),
        figure(a),
        figure(b),
        verdict(pair, comparison.metric),
    )


def _signed(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else span(interval[0], interval[1], signed=True)


def verdict(pair: Pair, metric: str) -> str:
    """Whether the second system is better, worse, or neither is established."""
    if pair.p_holm is None:
        return "not tested"
    if pair.p_holm > LEVEL:
        return "not established"
    return "better" if (pair.effect.value > 0) == higher_is_better(metric) else "worse"


def write_comparison(comparison: Comparison, directory: Path) -> None:
    """``comparison.md``, ``comparison.json``, and each table in ``.csv`` and ``.tex``."""
    made = comparison_tables(comparison)
    write_text(directory / "comparison.md", "\n".join(map(markdown, made)))
    for table in made:
        write_text(directory / f"{table.name}.csv", as_csv(table))
        write_text(directory / f"{table.name}.tex", latex(table))
    write_json(directory / "comparison.json", _to_json(comparison))


def _to_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "split": comparison.split,
        "metric": comparison.metric,
        "items": comparison.items,
        "clusters": comparison.clusters,
        "systems": [
            {
                "name": system.name,
                "scores": {str(seed): score for seed, score in system.scores.items()},
                "mean": system.mean,
                "interval": system.interval,
                "collapsed": system.collapsed,
                "workdirs": [str(run.workdir) for run in system.runs],
            }
            for system in comparison.systems
        ],
        "pairs": [
            {**dataclasses.asdict(pair), "verdict": verdict(pair, comparison.metric)} for pair in comparison.pairs
        ],
        "notes": comparison.notes,
    }
