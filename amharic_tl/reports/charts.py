"""Charts as inline SVG: no scripts, text kept as text in a font stack that has Ethiopic.

Every chart has a title and a description for those who cannot see it; the page prints its figures as a table beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

FONTS = "system-ui, Segoe UI, Roboto, Noto Sans, Noto Sans Ethiopic, Abyssinica SIL, Nyala, Kefa, Ebrima, sans-serif"
# Told apart with any colour vision, and on a white as well as on a dark page.
COLOURS = ("#3b82b8", "#d9822b", "#8e6bbf", "#2a9d8f", "#c2556a", "#8a8f98")
MAX_POINTS = 400
_WIDTH, _HEIGHT = 600, 230
_TENTHS = [tenth / 10 for tenth in range(11)]
# The page's own colour, whichever it is by day or by night.
_INK = "currentColor"

Points = Sequence[tuple[int, float]]
Scored = Mapping[str, Any]


def thin(points: Points, limit: int = MAX_POINTS) -> list[tuple[int, float]]:
    """At most ``limit`` points: means of equal stretches, so that a long curve keeps its level."""
    if len(points) <= limit:
        return list(points)
    thinned = []
    for index in range(limit):
        part = points[index * len(points) // limit : (index + 1) * len(points) // limit]
        thinned.append((part[-1][0], sum(value for _, value in part) / len(part)))
    return thinned


def line_chart(
    series: Mapping[str, Points],
    title: str,
    rules: Mapping[str, float] | None = None,
    number_format: str = "~g",
    over: str = "step",
) -> str | None:
    """Curves over steps (or what else ``over`` counts), with horizontal lines for ``rules``; None without a point."""
    import altair as alt

    rows = [{"step": s, "value": v, "line": name} for name, points in series.items() for s, v in thin(points)]
    if not rows:
        return None
    names = [name for name in series if series[name]] + list(rules or {})
    legend = alt.Legend() if len(names) > 1 else None
    colour = alt.Color("line:N", title=None, scale=_scale(names), legend=legend)
    value = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(format=number_format, tickCount=6))
    step = alt.X("step:Q", title=over, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=8, format="~s"))
    layers: list[Any] = [
        alt.Chart(alt.Data(values=rows))
        .mark_line(point=alt.OverlayMarkDef(size=30) if len(rows) <= 60 else False, strokeWidth=2)
        .encode(x=step, y=value, color=colour)
    ]
    if rules:
        values = [{"value": value, "line": name} for name, value in rules.items()]
        layers.append(
            alt.Chart(alt.Data(values=values)).mark_rule(strokeDash=[6, 4], strokeWidth=2).encode(y=value, color=colour)
        )
    ends = [f"{name} from {points[0][1]:.4g} to {points[-1][1]:.4g}" for name, points in series.items() if points]
    told = "; ".join([*ends, *(f"{name} at {value:.4g}" for name, value in (rules or {}).items())])
    chart = alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT)
    return to_svg(chart, title, f"Curves over the {over}: {told}.")


def interval_chart(rows: Sequence[Scored], title: str, names: Sequence[str]) -> str | None:
    """Scores from 0 to 1, one line each: a dot with its interval for the model, ticks for the lines beside it.

    Args:
      rows: ``{"label", "value", "interval": (low, high) or None, *names[1:]: figure or None}``.
      title: of the chart.
      names: the model's name in the legend, then those of the ticks, which are keys of ``rows`` too.
    """
    import altair as alt

    dots = [{"label": r["label"], "value": r["value"], "line": names[0]} for r in rows if r["value"] is not None]
    if not dots:
        return None
    spans = [
        {"label": r["label"], "low": r["interval"][0], "high": r["interval"][1], "line": names[0]}
        for r in rows
        if r["interval"] is not None
    ]
    ticks = [
        {"label": r["label"], "value": r[name], "line": name} for r in rows for name in names[1:] if r[name] is not None
    ]
    shown = [names[0], *(name for name in names[1:] if any(tick["line"] == name for tick in ticks))]
    y = alt.Y("label:N", title=None, sort=[r["label"] for r in rows], axis=alt.Axis(grid=True, labelLimit=260))
    x = alt.X("value:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".1f", values=_TENTHS))
    colour = alt.Color("line:N", title=None, scale=_scale(shown))
    layers: list[Any] = []
    if ticks:
        mark = alt.Chart(alt.Data(values=ticks)).mark_tick(thickness=3, size=18, opacity=1)
        layers.append(mark.encode(x=x, y=y, color=colour))
    if spans:
        mark = alt.Chart(alt.Data(values=spans)).mark_rule(strokeWidth=3)
        layers.append(mark.encode(x=alt.X("low:Q", title=None), x2="high:Q", y=y, color=colour))
    layers.append(alt.Chart(alt.Data(values=dots)).mark_circle(size=110, opacity=1).encode(x=x, y=y, color=colour))
    told = "; ".join(f"{dot['label']} {dot['value']:.3f}" for dot in dots)
    chart = alt.layer(*layers).properties(width=_WIDTH, height=alt.Step(30))
    return to_svg(chart, title, f"{names[0]}: {told}.")


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
            y=alt.Y("label:N", title=None, sort=list(shares), axis=alt.Axis(labelLimit=260)),
            x=alt.X("share:Q", title="share of the split's rows", axis=alt.Axis(format="%", tickCount=8)),
            yOffset=alt.YOffset("split:N", sort=splits),
            color=alt.Color("split:N", title=None, scale=_scale(splits)),
        )
        .properties(width=_WIDTH, height=alt.Step(13))
    )
    told = "; ".join(
        f"{label}: {', '.join(f'{share:.0%} of {split}' for split, share in by.items())}"
        for label, by in shares.items()
    )
    return to_svg(chart, title, f"Share of each label by split. {told}.")


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
    size = max(30, min(72, 520 // len(labels)))
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("predicted:N", title="predicted", sort=list(labels), axis=alt.Axis(orient="top", labelAngle=-35)),
        y=alt.Y("gold:N", title="gold", sort=list(labels)),
    )
    cells = base.mark_rect().encode(
        color=alt.Color(
            "share:Q",
            title="share of the gold class",
            scale=alt.Scale(scheme="blues", domain=[0, 1]),
            legend=alt.Legend(format="%", orient="right", gradientLength=140),
        )
    )
    numbers = base.mark_text(fontSize=13 if size >= 44 else 10).encode(
        text=alt.Text("count:Q", format=",d"),
        color=alt.condition("datum.share > 0.55", alt.value("white"), alt.value("#1d2430")),
    )
    chart = alt.layer(cells, numbers).properties(width=alt.Step(size), height=alt.Step(size))
    right = sum(line[index] for index, line in enumerate(counts))
    return to_svg(chart, title, f"Gold classes in rows, predictions in columns; {right:,} rows are on the diagonal.")


def _scale(names: Sequence[str]) -> Any:
    import altair as alt

    return alt.Scale(domain=list(names), range=[COLOURS[index % len(COLOURS)] for index in range(len(names))])


def to_svg(chart: Any, title: str, description: str) -> str:
    """Renders an altair chart in the page's colours; nothing in it is loaded from elsewhere."""
    import vl_convert

    spec = json.loads(chart.to_json())
    soft = {"labelColor": _INK, "titleColor": _INK, "labelOpacity": 0.75, "titleOpacity": 0.75}
    axis = {
        **soft,
        "labelFontSize": 13,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "gridColor": _INK,
        "gridOpacity": 0.12,
        "domainColor": _INK,
        "domainOpacity": 0.4,
        "tickColor": _INK,
        "tickOpacity": 0.4,
    }
    legend = {**soft, "labelFontSize": 13, "titleFontSize": 13, "titleFontWeight": "normal", "labelLimit": 400}
    spec["config"] = {
        **spec.get("config", {}),
        "font": FONTS,
        "background": "transparent",
        "view": {"stroke": None},
        "axis": axis,
        "legend": {"orient": "bottom", "symbolOpacity": 1, **legend},
    }
    svg = _own_ids(str(vl_convert.vegalite_to_svg(json.dumps(spec))), title)
    start = svg.index(">") + 1
    opening = svg[: start - 1].replace("<svg ", '<svg role="img" ', 1)
    return f"{opening}><title>{escape(title)}</title><desc>{escape(description)}</desc>{svg[start:]}"


def _own_ids(svg: str, title: str) -> str:
    """The drawing with ids made from its title: the renderer's own count goes on from one drawing to the next."""
    prefix = re.sub("[^a-z0-9]+", "-", title.lower())
    for number, name in enumerate(dict.fromkeys(re.findall(r' id="([^"]+)"', svg))):
        for before, after in ((' id="', '"'), ("url(#", ")"), ('href="#', '"')):
            svg = svg.replace(f"{before}{name}{after}", f"{before}{prefix}-{number}{after}")
    return svg
