"""Charts as inline SVG: no scripts, Ethiopic kept as text in a font stack that has it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

FONTS = "Noto Sans Ethiopic, Abyssinica SIL, Nyala, Kefa, Ebrima, Noto Sans, system-ui, sans-serif"
COLOURS = ("#2f6690", "#d1495b", "#6a994e", "#8f5d9a", "#b07d2b", "#4a4e69")
MAX_POINTS = 400
_WIDTH = 640


def thin(points: Sequence[tuple[int, float]], limit: int = MAX_POINTS) -> list[tuple[int, float]]:
    """At most ``limit`` points: means of equal stretches, so that a long curve keeps its level."""
    if len(points) <= limit:
        return list(points)
    thinned = []
    for index in range(limit):
        part = points[index * len(points) // limit : (index + 1) * len(points) // limit]
        thinned.append((part[-1][0], sum(value for _, value in part) / len(part)))
    return thinned


def line_chart(
    series: Mapping[str, Sequence[tuple[int, float]]], title: str, rules: Mapping[str, float] | None = None
) -> str | None:
    """Curves over steps, with horizontal lines for ``rules``; None where there is nothing to draw."""
    import altair as alt

    rows = [{"step": s, "value": v, "line": name} for name, points in series.items() for s, v in thin(points)]
    if not rows:
        return None
    names = [name for name in series if series[name]] + list(rules or {})
    colour = alt.Color(
        "line:N", title=None, sort=names, scale=alt.Scale(domain=names, range=list(COLOURS[: len(names)]))
    )
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(point=len(rows) <= 40, strokeWidth=2)
        .encode(
            x=alt.X("step:Q", title="step"), y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=False)), color=colour
        )
    )
    layers: list[Any] = [chart]
    if rules:
        values = [{"value": value, "line": name} for name, value in rules.items()]
        layers.append(
            alt.Chart(alt.Data(values=values))
            .mark_rule(strokeDash=[5, 4], strokeWidth=1.5)
            .encode(y="value:Q", color=colour)
        )
    return to_svg(alt.layer(*layers).properties(width=_WIDTH, height=220, title=title))


def bar_chart(shares: Mapping[str, Mapping[str, float]], title: str) -> str | None:
    """Grouped bars: for each label (outer key) the share in each split."""
    import altair as alt

    rows = [{"label": label, "split": split, "share": v} for label, by in shares.items() for split, v in by.items()]
    if not rows:
        return None
    splits = list(next(iter(shares.values())))
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar()
        .encode(
            y=alt.Y("label:N", title=None, sort=list(shares)),
            x=alt.X("share:Q", title="share of rows", axis=alt.Axis(format="%")),
            yOffset=alt.YOffset("split:N", sort=splits),
            color=alt.Color(
                "split:N", title=None, sort=splits, scale=alt.Scale(domain=splits, range=list(COLOURS[: len(splits)]))
            ),
        )
        .properties(width=_WIDTH, height=alt.Step(14), title=title)
    )
    return to_svg(chart)


def matrix_chart(labels: Sequence[str], counts: Sequence[Sequence[int]], title: str) -> str | None:
    """A confusion matrix: colour by the share of the gold class, counts written in the cells."""
    import altair as alt

    rows = []
    for gold, line in zip(labels, counts, strict=True):
        total = max(sum(line), 1)
        for predicted, count in zip(labels, line, strict=True):
            rows.append({"gold": gold, "predicted": predicted, "count": count, "share": count / total})
    if not rows:
        return None
    size = max(28, min(64, 480 // len(labels)))
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("predicted:N", title="predicted", sort=list(labels), axis=alt.Axis(orient="top", labelAngle=-30)),
        y=alt.Y("gold:N", title="gold", sort=list(labels)),
    )
    cells = base.mark_rect().encode(
        color=alt.Color("share:Q", title="share of gold", scale=alt.Scale(scheme="blues", domain=[0, 1]))
    )
    numbers = base.mark_text(fontSize=11).encode(
        text="count:Q", color=alt.condition("datum.share > 0.6", alt.value("white"), alt.value("#222"))
    )
    return to_svg(alt.layer(cells, numbers).properties(width=alt.Step(size), height=alt.Step(size), title=title))


def to_svg(chart: Any) -> str:
    """Renders an altair chart; fonts and text colour are set for the page, and nothing is loaded from elsewhere."""
    import vl_convert

    spec = json.loads(chart.to_json())
    config = {
        "font": FONTS,
        "background": "transparent",
        "view": {"stroke": None},
        "axis": {
            "labelFontSize": 12,
            "titleFontSize": 12,
            "gridColor": "#8884",
            "labelColor": "#666",
            "titleColor": "#666",
        },
        "legend": {
            "labelFontSize": 12,
            "orient": "bottom",
            "labelColor": "#666",
            "titleColor": "#666",
            "labelLimit": 400,
        },
        "title": {"fontSize": 13, "anchor": "start", "color": "#666", "fontWeight": 600},
    }
    spec["config"] = {**spec.get("config", {}), **config}
    return str(vl_convert.vegalite_to_svg(json.dumps(spec)))
