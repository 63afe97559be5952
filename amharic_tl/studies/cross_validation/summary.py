"""What cross_validation.json holds of each fold."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from amharic_tl.records.files import read_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.studies.cross_validation.request import FoldRun
from amharic_tl.studies.cross_validation.running import chosen_run, completed, seconds_taken


def summary_path(place: Workdir) -> Path:
    """The file that says how it was asked and what each fold gave."""
    return place.root / "cross_validation.json"


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
