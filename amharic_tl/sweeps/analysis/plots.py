"""Plots of an analysis for a paper, in SVG and PDF: vector graphics with text in a font that has Ethiopic."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from amharic_tl.language.script import letter_counts
from amharic_tl.reports.charts import COLOURS
from amharic_tl.reports.text import distinct
from amharic_tl.sweeps.analysis.analysis import Analysis

_WIDTH = 420
# Families that a renderer looks for in the system: the first that is there, and for letters that this one lacks
# whatever it likes. So the first has Ethiopic where there is any.
LATIN_FONTS = "Noto Sans, DejaVu Sans, sans-serif"
ETHIOPIC_FONTS = "Noto Sans Ethiopic, Abyssinica SIL, Nyala, Kefa, Ebrima"


def plots(analysis: Analysis) -> dict[str, Any]:
    """Vega-Lite specifications by name; a plot that would be empty is left out."""
    makers: dict[str, Callable[[Analysis], Any]] = {
        "scores": scores_plot,
        "differences": differences_plot,
        "expected_best": budgets_plot,
    }
    made = {name: make(analysis) for name, make in makers.items()}
    return {name: for_paper(chart) for name, chart in made.items() if chart is not None}


def scores_plot(analysis: Analysis) -> Any:
    """A dot a seed, the mean and its interval, by arm."""
    import altair as alt

    shown = _shown([arm.name for arm in analysis.arms])
    arms = [arm for arm in analysis.arms if arm.scores]
    if not arms:
        return None
    dots = [{"arm": shown[arm.name], "value": score} for arm in arms for score in arm.scores.values()]
    means = [
        {
            "arm": shown[arm.name],
            "value": arm.mean,
            "low": (arm.interval or (arm.mean, arm.mean))[0],
            "high": (arm.interval or (arm.mean, arm.mean))[1],
        }
        for arm in arms
    ]
    y = alt.Y("arm:N", title=None, sort=[shown[arm.name] for arm in arms], axis=alt.Axis(labelLimit=400))
    x = alt.X("value:Q", title=analysis.question.measure, scale=alt.Scale(zero=False))
    base = alt.Chart(alt.Data(values=means))
    return alt.layer(
        base.mark_rule(strokeWidth=2, color=COLOURS[0]).encode(x=alt.X("low:Q"), x2="high:Q", y=y),
        base.mark_tick(thickness=3, size=16, color=COLOURS[0]).encode(x=x, y=y),
        alt.Chart(alt.Data(values=dots)).mark_circle(size=28, color=COLOURS[1], opacity=0.8).encode(x=x, y=y),
    ).properties(width=_WIDTH, height=alt.Step(28))


def differences_plot(analysis: Analysis) -> Any:
    """Differences to the control with their intervals, and a line at none."""
    import altair as alt

    measured = [(c.name, c.effect) for c in analysis.contrasts if c.effect is not None]
    if not measured:
        return None
    shown = _shown([name for name, _ in measured])
    rows = [
        {
            "arm": shown[name],
            "value": found.value,
            "low": found.value if found.low is None else found.low,
            "high": found.value if found.high is None else found.high,
        }
        for name, found in measured
    ]
    y = alt.Y("arm:N", title=None, sort=[shown[name] for name, _ in measured], axis=alt.Axis(labelLimit=400))
    title = f"{analysis.question.measure}, difference to {_shown([analysis.control.name])[analysis.control.name]}"
    x = alt.X("value:Q", title=title, axis=alt.Axis(format="+~g"))
    base = alt.Chart(alt.Data(values=rows))
    zero = alt.Chart(alt.Data(values=[{"value": 0}])).mark_rule(strokeDash=[5, 4], color=COLOURS[5])
    return alt.layer(
        zero.encode(x=x),
        base.mark_rule(strokeWidth=2, color=COLOURS[0]).encode(x=alt.X("low:Q"), x2="high:Q", y=y),
        base.mark_circle(size=70, color=COLOURS[0], opacity=1).encode(x=x, y=y),
    ).properties(width=_WIDTH, height=alt.Step(28))


def budgets_plot(analysis: Analysis) -> Any:
    """Expected best against the number of runs."""
    import altair as alt

    if not analysis.budgets:
        return None
    shown = _shown([budget.name for budget in analysis.budgets])
    rows = [
        {"runs": n, "value": value, "set": shown[budget.name]}
        for budget in analysis.budgets
        for n, value in enumerate(budget.best, start=1)
    ]
    names = list(shown.values())
    colours = [COLOURS[index % len(COLOURS)] for index in range(len(names))]
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_line(point=len(rows) <= 60, strokeWidth=2)
        .encode(
            x=alt.X("runs:Q", title="runs", axis=alt.Axis(format="d", tickMinStep=1)),
            y=alt.Y("value:Q", title=f"expected best {analysis.budgets[0].measure}", scale=alt.Scale(zero=False)),
            color=alt.Color("set:N", title=None, scale=alt.Scale(domain=names, range=colours)),
        )
        .properties(width=_WIDTH, height=220)
    )


def for_paper(chart: Any) -> dict[str, Any]:
    """The specification in black on white, with fonts that have Ethiopic."""
    spec: dict[str, Any] = json.loads(chart.to_json())
    has_ethiopic = letter_counts(json.dumps(spec, ensure_ascii=False))[1] > 0
    text = {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelColor": "#000"}
    spec["config"] = {
        **spec.get("config", {}),
        "font": f"{ETHIOPIC_FONTS}, {LATIN_FONTS}" if has_ethiopic else LATIN_FONTS,
        "background": "white",
        "view": {"stroke": None},
        "axis": {**text, "gridColor": "#ddd"},
        "legend": {**text, "orient": "bottom", "labelLimit": 400},
    }
    return spec


def _shown(names: list[str]) -> dict[str, str]:
    return dict(zip(names, distinct(names, 80), strict=True))
