"""An analysis on disk: tables, plots, and its figures for programs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from amharic_tl.records.files import write_json, write_text, writing
from amharic_tl.reports.text import visible
from amharic_tl.sweeps.analysis.analysis import Analysis
from amharic_tl.sweeps.analysis.arms import Arm
from amharic_tl.sweeps.analysis.contents import tables
from amharic_tl.sweeps.analysis.plots import plots
from amharic_tl.sweeps.analysis.tables import as_csv, latex, markdown


def write_tables(analysis: Analysis, directory: str | Path) -> list[Path]:
    """Writes ``tables.md``, each table in ``.tex`` and ``.csv``, each plot in ``.svg`` and ``.pdf``, ``analysis.json``.

    What is there from an earlier analysis of the same sweep is replaced: all of it follows from the runs.

    Returns:
      The files, ``tables.md`` first.

    Raises:
      CannotCreateError, InputOutputError: the disk.
    """
    directory = Path(directory)
    made = tables(analysis)
    texts = {"tables.md": page(analysis)}
    for table in made:
        texts |= {f"{table.name}.tex": latex(table), f"{table.name}.csv": as_csv(table)}
    written = []
    for name, text in texts.items():
        write_text(directory / name, text)
        written.append(directory / name)
    for name, spec in plots(analysis).items():
        written += write_plot(spec, directory / name)
    write_json(directory / "analysis.json", to_json(analysis))
    return [*written, directory / "analysis.json"]


def page(analysis: Analysis) -> str:
    """All tables on one page, the question first."""
    question = analysis.question
    head = [f"# {visible(question.text, 1000) or question.measure}", ""]
    if question.hypothesis:
        head += [f"Hypothesis, written before the runs: {visible(question.hypothesis, 2000)}", ""]
    body = "\n".join(markdown(table) for table in tables(analysis))
    left_out = "" if analysis.factors.effects else f"\nNo main effects: {analysis.factors.note}.\n"
    return "\n".join(head) + body + left_out


def write_plot(spec: dict[str, Any], path: Path) -> list[Path]:
    """Renders a Vega-Lite specification to ``path`` with the endings svg and pdf."""
    import vl_convert

    text = json.dumps(spec)
    write_text(path.with_suffix(".svg"), str(vl_convert.vegalite_to_svg(text)))
    document = path.with_suffix(".pdf")
    with writing(document):
        document.write_bytes(vl_convert.vegalite_to_pdf(text))
    return [path.with_suffix(".svg"), document]


def to_json(analysis: Analysis) -> dict[str, Any]:
    """The figures, for programs: no predictions, no sums."""

    def arm(one: Arm) -> dict[str, Any]:
        return {
            "name": one.name,
            "settings": dict(one.settings),
            "scores": {str(seed): score for seed, score in one.scores.items()},
            "mean": one.mean,
            "deviation": one.deviation,
            "interval": one.interval,
            "collapsed": one.collapsed,
            "not_finite": one.not_finite,
            "missing": {str(seed): status for seed, status in one.missing.items()},
            "minutes": one.minutes,
        }

    better = analysis.question.higher_is_better
    return {
        "question": dataclasses.asdict(analysis.question),
        "arms": [arm(one) for one in analysis.arms],
        "control": analysis.control.name,
        "items": analysis.items,
        "clusters": analysis.clusters,
        "contrasts": [{**dataclasses.asdict(c), "verdict": c.verdict(better)} for c in analysis.contrasts],
        "factors": {
            **dataclasses.asdict(analysis.factors),
            "effects": [{**dataclasses.asdict(c), "verdict": c.verdict(better)} for c in analysis.factors.effects],
        },
        "expected_best": [dataclasses.asdict(budget) for budget in analysis.budgets],
        "notes": analysis.notes,
    }
