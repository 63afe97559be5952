"""Pages of one curve: the scores of an average by its share of fine-tuned weights, the loss by learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from amharic_tl.records.files import read_lines, read_object, write_text
from amharic_tl.records.workdir import Workdir
from amharic_tl.reports.charts import to_svg
from amharic_tl.reports.report import environment

_COLOURS = ("#8a8f98", "#3b82b8")
MOST_ROWS = 60


def write_rate_range_page(folder: Path) -> Path:
    """Writes ``rate_range.html`` from the files beside it; returns its path."""
    record, lines = read_object(Workdir(folder).rate_range), read_lines(Workdir(folder).rate_range_curve)
    # What has diverged would flatten the rest of the curve.
    top = 1.5 * max((line["smoothed"] or 0.0 for line in lines[: max(len(lines) // 5, 1)]), default=1.0)
    shown = [line for line in lines if line["loss"] is not None and line["loss"] <= top]
    points = {name: [(line["learning_rate"], line[name]) for line in shown] for name in ("loss", "smoothed")}
    found = record["range"]
    rules = [] if found is None else [found["low"], found["high"]]
    chart = curve_chart(points, "Loss by learning rate", "learning rate", logarithmic=True, rules=rules)
    rows = [[f"{line['learning_rate']:.3g}", _figure(line["loss"]), _figure(line["smoothed"])] for line in lines]
    stride = -(-len(rows) // MOST_ROWS)
    config = record["config"]
    title = f"{config['model']['path']}, {config['optim']['name']}, {config['transfer']['method']}"
    header = ["learning rate", "loss", "smoothed"]
    return _write(
        folder / "rate_range.html",
        ("Learning-rate range test", title, record["sentences"], chart, header, rows[::stride]),
    )


def write_average_page(folder: Path) -> Path:
    """Writes ``average.html`` from average.json beside it; returns its path."""
    record = read_object(Workdir(folder).average)
    metric = record["select_by"].split("/", 1)[1]
    final = record["final"]
    sentences = [f"{split}: {metric} {_figure(scores.get(metric))}." for split, scores in final.items()]
    if record["kind"] == "wise-ft":
        alpha = record["chosen"]["alpha"]
        sentences.insert(0, f"Chosen on validation: {alpha:g} of the fine-tuned weights of {record['run']}.")
        points = {metric: [(point["alpha"], point["validation"][metric]) for point in record["curve"]]}
        chart = curve_chart(points, f"{metric} on validation", "share of the fine-tuned weights", rules=[alpha])
        rows = [[f"{point['alpha']:g}", _figure(point["validation"][metric])] for point in record["curve"]]
        header, title = ["alpha", f"validation/{metric}"], f"{record['run']} and {record['base']}"
    else:
        chosen = record["chosen"]["runs"]
        sentences.insert(0, f"Averaged: {', '.join(chosen)}.")
        tried = [
            *([[one["run"]], one] for one in record["members"]),
            *([one["runs"], one] for one in record["tried"]),
        ]
        rows = [[" + ".join(runs), _figure(one["validation"][metric])] for runs, one in tried]
        header, title, chart = ["runs", f"validation/{metric}"], f"{len(record['members'])} runs", None
    return _write(folder / "average.html", ("Averaged weights", title, sentences, chart, header, rows))


def curve_chart(
    series: Mapping[str, Sequence[tuple[float, float | None]]],
    title: str,
    x_title: str,
    *,
    logarithmic: bool = False,
    rules: Sequence[float] = (),
) -> str | None:
    """Curves over any quantity, with vertical lines at ``rules``; None where there is nothing to draw."""
    import altair as alt

    rows = [{"x": x, "y": y, "line": name} for name, points in series.items() for x, y in points if y is not None]
    if not rows:
        return None
    names = list(series)
    colours = list(_COLOURS[-len(names) :])
    x = alt.X(
        "x:Q",
        title=x_title,
        scale=alt.Scale(type="log" if logarithmic else "linear"),
        axis=alt.Axis(tickCount=8, format=".0e" if logarithmic else "~g"),
    )
    colour = alt.Color(
        "line:N",
        title=None,
        scale=alt.Scale(domain=names, range=colours),
        legend=alt.Legend() if len(names) > 1 else None,
    )
    y = alt.Y("y:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=6))
    mark = alt.OverlayMarkDef(size=30) if len(rows) <= 60 else False
    layers: list[Any] = [
        alt.Chart(alt.Data(values=rows)).mark_line(point=mark, strokeWidth=2).encode(x=x, y=y, color=colour)
    ]
    if rules:
        at = alt.Chart(alt.Data(values=[{"x": rule} for rule in rules]))
        layers.append(at.mark_rule(strokeDash=[6, 4], strokeWidth=1.5, color="#d9822b").encode(x="x:Q"))
    told = "; ".join(
        f"{name} from {points[0][1]:.4g} to {points[-1][1]:.4g}"
        for name, points in series.items()
        if points and points[0][1] is not None and points[-1][1] is not None
    )
    marked = f" Marked: {', '.join(f'{rule:.3g}' for rule in rules)}." if rules else ""
    chart = alt.layer(*layers).properties(width=600, height=230)
    return to_svg(chart, title, f"Curves over the {x_title}: {told}.{marked}")


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _write(path: Path, parts: tuple[str, str, list[str], str | None, list[str], list[list[str]]]) -> Path:
    names = ("eyebrow", "title", "sentences", "chart", "header", "rows")
    style = (resources.files("amharic_tl.reports") / "report.css").read_text(encoding="utf-8")
    page = environment().get_template("curve.html.j2").render(style=style, **dict(zip(names, parts, strict=True)))
    write_text(path, page)
    return path
