"""The tables of a sweep: each run with its scores, and what its arms say of the question."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from amharic_tl.records.files import write_text
from amharic_tl.reports.table_text import comma_separated, markdown_row, markdown_text
from amharic_tl.sweeps.collection import collect
from amharic_tl.sweeps.identity import names as names_of
from amharic_tl.sweeps.manifest import Manifest, read_manifest
from amharic_tl.sweeps.measured import MeasuredRun, Value
from amharic_tl.sweeps.place import Place
from amharic_tl.sweeps.selection import choices, chosen
from amharic_tl.sweeps.state import RETRIES, look


def write_report(directory: str | Path, retries: int = RETRIES) -> list[Path]:
    """Writes the tables of a sweep, whatever state it is in; returns their paths.

    ``report/runs.md`` and ``report/runs.csv`` have a line a run and nothing derived from a clock or from where the
    sweep lies; ``report/minutes.csv`` has the time of each. ``report/tables.md`` and the tables and plots beside it
    compare the arms with the control: of tuned arms, by the runs that validation chose.

    Raises:
      MissingInputError: it is not the directory of a sweep.
    """
    place = Place(Path(directory))
    manifest, runs = read_manifest(place), collect(directory, retries)
    names = [run.name for run in manifest.runs]
    reasons = [look(place, run.folder, retries).reason for run in manifest.runs]
    folder = place.root / "report"
    files = {
        folder / "runs.md": runs_markdown(manifest, runs, reasons),
        folder / "runs.csv": runs_csv(names, runs),
        folder / "minutes.csv": comma_separated(
            [["run_id", "name", "minutes"]]
            + [[run.run_id, name, run.minutes] for name, run in zip(names, runs, strict=True)]
        ),
    }
    for path, text in files.items():
        write_text(path, text)
    from amharic_tl.sweeps.analysis import analyse, write_tables  # charts and statistics are heavy

    return [*files, *write_tables(analyse(chosen(manifest, runs), manifest.question), folder)]


def runs_csv(names: Sequence[str], runs: Sequence[MeasuredRun]) -> str:
    """A line a run: identity, name, seed, status, a column a leaf that varies, a column a score, in full precision."""
    leaves = list(dict.fromkeys(leaf for run in runs for leaf in run.arm))
    scores = sorted({name for run in runs for name in run.scores})
    lines: list[list[object]] = [["run_id", "name", "seed", "status", *leaves, *scores]]
    for name, run in zip(names, runs, strict=True):
        arm = [run.arm.get(leaf) for leaf in leaves]
        lines.append([run.run_id, name, run.seed, run.status, *arm, *(run.scores.get(score) for score in scores)])
    return comma_separated(lines)


def runs_markdown(manifest: Manifest, runs: Sequence[MeasuredRun], reasons: Sequence[str | None]) -> str:
    """The question, how many runs are measured, and a line a run with the scores that matter to it."""
    question, finished = manifest.question, sum(run.status == "finished" for run in runs)
    shown = list(dict.fromkeys([question.measure, *([manifest.select_by] if manifest.select_by else [])]))
    leaves = list(dict.fromkeys(leaf for run in runs for leaf in run.arm))
    lines = [f"# {manifest.spec}", ""]
    lines += [f"**Question.** {question.text}", ""] if question.text else []
    lines += [f"**Hypothesis, written before the runs.** {question.hypothesis}", ""] if question.hypothesis else []
    lines += [f"{finished} of {len(runs)} runs are measured.", ""]
    lines += [markdown_row([*leaves, "seed", *shown]), markdown_row(["---"] * (len(leaves) + 1 + len(shown)))]
    for run in runs:
        arm = [_text(run.arm.get(leaf)) for leaf in leaves]
        lines.append(markdown_row([*arm, str(run.seed), *(_cell(run, measure) for measure in shown)]))
    told = [f"- {stored.name}: {markdown_text(why)}" for stored, why in zip(manifest.runs, reasons, strict=True) if why]
    lines += ["", "Failed:", "", *told] if told else []
    picked = choices(manifest, runs)
    lines += ["", f"Chosen by the mean of {manifest.select_by} over seeds:", ""] if picked else []
    for choice, name in zip(picked, names_of([choice.compared for choice in picked]), strict=True):
        (tuning,) = names_of([choice.tuning or {}])
        lines.append(f"- {name}: {f'{tuning} ({choice.value:.4f})' if choice.tuning is not None else choice.why_not}")
    return "\n".join(lines) + "\n"


def _cell(run: MeasuredRun, measure: str) -> str:
    if run.status != "finished":
        return f"not measured: {run.status}"
    value = run.scores.get(measure)
    return "not defined" if value is None or not math.isfinite(value) else f"{value:.4f}"


def _text(value: Value) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
