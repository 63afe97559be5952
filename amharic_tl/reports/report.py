"""report.html and report.json: one self-contained page, readable offline and without JavaScript."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

from amharic_tl.records.files import write_json, write_text
from amharic_tl.records.workdir import Workdir
from amharic_tl.reports import adaptation, attribution, charts, folds, probe, safety, sections, shift
from amharic_tl.reports.contents import Contents, read_contents
from amharic_tl.reports.recommendations import findings
from amharic_tl.reports.text import distinct, marked, visible
from amharic_tl.reports.verdict import verdict

CURVE_ROWS = 100  # of the table after a curve
CHARTED_LABELS = 20


def write_report(workdir: str | Path) -> Path:
    """Writes ``report.html`` and ``report.json`` from the files of ``workdir``; returns the page's path.

    Whatever is not there yet is said to be missing: a run may be just started, interrupted, or of a task without
    labels.

    Raises:
      CannotCreateError: the disk is full or read-only.
    """
    run = read_contents(workdir)
    place = Workdir(Path(workdir))
    if place.probe.is_file():
        return _write_probe_page(place)
    figures = report_figures(run)
    page = environment().get_template("report.html.j2").render(_page(run, figures))
    write_json(place.report_data, figures)
    write_text(place.report, page)
    return place.report


def report_figures(run: Contents) -> dict[str, Any]:
    """What report.json holds: every figure that the page prints and that is not a line of another file."""
    return {
        "run": run.root.name,
        "task": run.task,
        "status": run.status,
        "verdict": verdict(run),
        "notices": [*run.data.get("notices", []), *run.run.get("notices", [])],
        "best": run.run.get("best") or {},
        "rows": sections.rows_scored(run),
        "unknown_labels": sections.unknown_rows(run),
        "scores": sections.scores(run),
        "judged_split": run.judged_split(),
        "classes": sections.by_class(run),
        "confusion": sections.confusion_matrix(run),
        "recommendations": [dict(vars(finding)) for finding in findings(run)],
        "labels": sections.label_shares(run),
        "label_shift": run.data.get("label_shift", []),
        "fingerprint": run.data.get("fingerprint"),
        "plan": {"totals": run.plan.get("totals"), "parts": sections.plan_parts(run)},
        "timing": sections.timing(run),
        "provenance": run.provenance,
        "safety": safety.figures(run),
        "folds": folds.figures(run),
        "shift": shift.figures(run),
        "moved": shift.layers(run),
        "attribution": attribution.figures(run),
        "adaptation": adaptation.figures(run),
        "probe": probe.figures(run.root / "probe"),
    }


def _write_probe_page(place: Workdir) -> Path:
    """The page of a probed checkpoint that is no run."""
    figures = {"run": place.root.name, "probe": probe.figures(place.root)}
    style = (resources.files("amharic_tl.reports") / "report.css").read_text(encoding="utf-8")
    page = environment().get_template("probe_page.html.j2").render({**figures, "style": style})
    write_json(place.report_data, figures)
    write_text(place.report, page)
    return place.report


@functools.cache
def environment() -> Any:
    """The templates of this package, with the filters by which they show data and figures."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = resources.files("amharic_tl.reports")
    environment = Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "data": marked,
        "visible": visible,
        "figure": _or_dash(lambda value, digits=3: f"{value:,.{digits}f}"),
        "percent": _or_dash(lambda value, digits=1: f"{value:.{digits}%}"),
        "count": _or_dash(lambda value: f"{value:,}"),
        "general": _or_dash(lambda value: f"{value:.6g}"),
        "time": _or_dash(lambda value: str(value).replace("T", " ").replace("+00:00", " UTC")),
        "readable_json": lambda value: json.dumps(value, ensure_ascii=False, indent=1),
    }
    return environment


def _or_dash(show: Callable[..., str]) -> Callable[..., str]:
    return lambda value, *rest: "–" if value is None else show(value, *rest)


def _page(run: Contents, figures: dict[str, Any]) -> dict[str, Any]:
    """The figures, the charts, and those files that the page prints as they are."""
    return {
        **figures,
        "style": (resources.files("amharic_tl.reports") / "report.css").read_text(encoding="utf-8"),
        "is_classification": run.is_classification,
        "unreadable": run.unreadable,
        "stopped_because": run.run.get("stopped_because"),
        "config": run.config,
        "splits": run.splits,
        "quoting_reasons": sections.quoting_reasons(run),
        "across": run.data.get("across", []),
        "warnings": run.data.get("warnings", []),
        "plan_file": run.plan,
        "most_plan_rows": sections.MOST_PLAN_ROWS,
        "charted_labels": CHARTED_LABELS,
        "interval_method": run.evaluation.get(run.judged_split() or "", {}).get("interval"),
        "constant_label": run.baselines.get("constant", {}).get("label"),
        "recipe": run.baselines.get(run.learned_line, {}).get("recipe"),
        "events": sections.events(run),
        "files": sections.files(run),
        "commands": sections.commands(run),
        "curves": _curves(run),
        "chart": _charts(run, figures),
        "headline": run.headline_shown,
        "class_name": run.class_name,
        "unit": run.unit,
        "line_names": run.line_names,
        "short_names": run.short_names,
        "learned": run.learned_line,
    }


def _charts(run: Contents, figures: dict[str, Any]) -> dict[str, str | None]:
    """The charts that are not curves, None where there is nothing to draw."""
    model, lines = "model, with 95% interval", run.short_names
    headline: dict[str, Any] = next((row["splits"] for row in figures["scores"] if row["metric"] == run.headline), {})
    splits = [
        {"label": split, "value": c["value"], "interval": c["interval"], **{lines[key]: c[key] for key in lines}}
        for split, c in headline.items()
    ]
    names = distinct([row["label"] for row in figures["classes"]])
    classes = [
        {"label": name, "value": row["f1"], "interval": row["interval"], lines[run.learned_line]: row[run.learned_line]}
        for name, row in zip(names, figures["classes"], strict=True)
    ]
    confusion = figures["confusion"]
    charted = figures["labels"]["labels"][:CHARTED_LABELS]
    shares = dict(zip(distinct([row["label"] for row in charted]), (row["shares"] for row in charted), strict=True))
    fits = len(classes) <= sections.MATRIX_CLASSES
    return {
        "scores": charts.interval_chart(splits, f"{_title(run.headline_shown)} by split", (model, *lines.values()))
        if splits
        else None,
        "classes": charts.interval_chart(
            classes, f"F1 by {run.class_name}, {figures['judged_split']}", (model, lines[run.learned_line])
        )
        if classes and fits
        else None,
        "confusion": charts.matrix_chart(names, confusion["counts"], f"Confusion matrix, {confusion['split']}")
        if confusion is not None and fits
        else None,
        "labels": charts.bar_chart(shares, "Labels by split"),
    }


def _title(name: str) -> str:
    return name[0].upper() + name[1:]


def _curves(run: Contents) -> list[dict[str, Any]]:
    """Charts over steps with the rows behind them, for the table after each."""
    loss = {"train": run.curve("train", "loss"), "validation": run.curve("validation", "loss")}
    drawn = [_curve("Loss", loss)]
    if run.is_classification:
        rules = {
            name: value
            for key, name in {**run.line_names, run.learned_line: run.short_names[run.learned_line]}.items()
            if (value := run.baseline(key, "validation", run.headline)) is not None
        }
        title = f"{_title(run.headline_shown)} on validation"
        drawn.append(_curve(title, {"model": run.curve("validation", run.headline)}, rules))
    else:
        chosen = str(run.config.get("train", {}).get("select_by", "")).partition("/")[2]
        for name in dict.fromkeys((chosen, "bits_per_character")):
            curve = run.curve("validation", name)
            if curve and name != "loss":
                drawn.append(_curve(f"{name.replace('_', ' ').capitalize()} on validation", {"model": curve}))
    speed = [
        (int(line["step"]), float(line["tokens_per_second"]))
        for line in run.timing
        if line.get("tokens_per_second") is not None
    ]
    drawn.append(_curve("Learning rate", {"learning rate": run.curve("train", "learning_rate")}, number_format="~e"))
    drawn.append(_curve("Gradient norm, before clipping", {"gradient norm": run.curve("train", "grad_norm")}))
    drawn.append(_curve("Tokens per second, without padding", {"tokens/s": speed}, number_format="~s"))
    return drawn


def _curve(
    title: str,
    series: dict[str, list[tuple[int, float]]],
    rules: dict[str, float] | None = None,
    number_format: str = "~g",
) -> dict[str, Any]:
    rows = [(name, step, value) for name, points in series.items() for step, value in charts.thin(points, CURVE_ROWS)]
    thinned = any(len(points) > CURVE_ROWS for points in series.values())
    svg = charts.line_chart(series, title, rules, number_format)
    return {"title": title, "svg": svg, "rows": rows, "thinned": thinned, "rules": rules or {}}
