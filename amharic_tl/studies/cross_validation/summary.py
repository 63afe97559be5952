"""What cross_validation.json holds of each fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from amharic_tl.records.files import read_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.studies.cross_validation.request import FoldRun
from amharic_tl.studies.cross_validation.running import chosen_run, completed, seconds_taken


def by_fold(runs: Sequence[FoldRun]) -> list[list[FoldRun]]:
    """The runs of each fold."""
    return [list(of) for _, of in groupby(runs, key=lambda run: run.fold.name)]


def fold_table(runs: Sequence[FoldRun], lower_is_better: bool) -> list[dict[str, Any]]:
    """A row a fold: sizes, what was chosen and by which figures, the scores of its test rows; None where not done."""
    rows = []
    for of in by_fold(runs):
        fold, chosen = of[0].fold, chosen_run(of, lower_is_better)
        seconds = [taken for run in of if (taken := seconds_taken(run.workdir)) is not None]
        row: dict[str, Any] = {
            "name": fold.name,
            "repeat": fold.repeat,
            "group": fold.group,
            "test_rows": len(fold.test),
            "validation_rows": len(fold.validation),
            "left_out": len(fold.left_out),
            "runs_done": sum(completed(run.workdir) for run in of),
            "runs": len(of),
            "minutes": round(sum(seconds) / 60, 1) if seconds else None,
            "chosen": None,
            "choices": None,
            "workdir": None,
            "scores": None,
        }
        if len(of) > 1:
            row["choices"] = [{"values": dict(run.values), "validation": _best(run)} for run in of]
        if chosen is not None:
            row["chosen"] = dict(chosen.values) or None
            row["workdir"] = str(Path(*chosen.workdir.parts[-1 - (len(of) > 1) :]))
            row["scores"] = read_json(Workdir(chosen.workdir).run)["final"]["test"]
        rows.append(row)
    return rows


def _best(run: FoldRun) -> float | None:
    if not completed(run.workdir):
        return None
    value = (read_json(Workdir(run.workdir).run).get("best") or {}).get("value")
    return None if value is None else float(value)


def pooled_figures(summary: Mapping[str, Any], metric: str, folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The headline figure of all out-of-fold predictions, and how far apart the folds lie.

    Args:
      summary: what evaluation.json holds of them.
      metric: the headline.
      folds: the table of folds.
    """
    scores = [value for row in folds if (value := (row["scores"] or {}).get(metric)) is not None]
    return {
        "metric": metric,
        "value": summary["metrics"].get(metric),
        "interval": summary["intervals"].get(metric),
        "method": summary["interval"],
        "rows": summary["n"],
        "clusters": summary["clusters"],
        "fold_mean": float(np.mean(scores)) if scores else None,
        "fold_minimum": min(scores, default=None),
        "fold_maximum": max(scores, default=None),
    }


def about_pooled(summary: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    """What came out, a sentence a line."""
    of = summary["pooled"]
    name, value, ends = of["metric"], of["value"], of["interval"]
    shown = "not defined" if value is None or not np.isfinite(value) else f"{value:.4f}"
    between = f" [{ends[0]:.4f}, {ends[1]:.4f}]" if ends else " (no interval can be estimated)"
    said = [f"out of fold  {name} {shown}{between} over {of['rows']:,} rows in {of['clusters']:,} clusters"]
    if of["fold_mean"] is not None:
        low, high = of["fold_minimum"], of["fold_maximum"]
        said.append(
            f"by fold      {name} {low:.4f} to {high:.4f}, mean {of['fold_mean']:.4f}: their spread is no error bar"
        )
    for line, against in (summary.get("against") or {}).items():
        interval = (against or {}).get("interval")
        if interval is not None:
            said.append(
                f"model - {line}  {name} {interval['mean']:+.4f} [{interval['low']:+.4f}, {interval['high']:+.4f}] "
                "(corrected resampled t over folds)"
            )
    states = record.get("final", {}).get("safety", {}).get("oof", {}).get("states")
    if states:
        said.append("safety       " + ", ".join(f"{count} {state}" for state, count in states.items()))
    return said
