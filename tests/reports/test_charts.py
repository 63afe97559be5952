"""Charts and the marking of text that comes from data."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from amharic_tl.reports import charts
from amharic_tl.reports.text import distinct, marked, visible

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str | None) -> list[str]:
    assert svg is not None
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_a_long_curve_is_thinned_to_means_that_keep_its_level_and_its_end() -> None:
    points = [(step, float(step)) for step in range(1, 10_001)]
    thinned = charts.thin(points)
    assert len(thinned) == charts.MAX_POINTS and thinned[-1][0] == 10_000
    assert sum(value for _, value in thinned) / len(thinned) == pytest.approx(5000.5)
    assert charts.thin(points[:400]) == points[:400]


def test_nothing_to_draw_is_no_chart() -> None:
    assert charts.line_chart({"train": []}, "Loss") is None
    assert charts.bar_chart({}, "Labels") is None
    assert charts.matrix_chart([], [], "Matrix") is None
    assert charts.interval_chart([], "F1", ("model",)) is None


def test_a_line_chart_draws_curves_and_rules() -> None:
    svg = charts.line_chart({"model": [(10, 0.4), (20, 0.6)], "none": []}, "Macro-F1", {"TF-IDF": 0.5})
    assert {"model", "TF-IDF", "step"} <= set(texts(svg)) and "none" not in texts(svg)
    assert svg is not None and "stroke-dasharray" in svg
    assert "<title>Macro-F1</title>" in svg and "model from 0.4 to 0.6; TF-IDF at 0.5" in svg
    assert "train" not in texts(charts.line_chart({"train": [(1, 2.0)]}, "Loss"))  # one line needs no legend


def test_labels_are_text_in_a_font_stack_that_has_ethiopic() -> None:
    svg = charts.matrix_chart(["ስፖርት", "ጤና"], [[3, 1], [0, 1200]], "Matrix")
    assert texts(svg).count("ስፖርት") == 2 and "1,200" in texts(svg)
    assert svg is not None and "Noto Sans Ethiopic" in svg and "Nyala" in svg


def test_hostile_labels_are_escaped_in_every_chart() -> None:
    label = '<script>alert("1")</script>'
    rows = [{"label": label, "value": 0.5, "interval": (0.4, 0.6), "TF-IDF": None}]
    drawn = [
        charts.matrix_chart([label], [[1]], label),
        charts.bar_chart({label: {"train": 1.0}}, label),
        charts.interval_chart(rows, label, ("model", "TF-IDF")),
        charts.line_chart({label: [(1, 1.0), (2, 2.0)], "b": [(1, 1.0)]}, label),
    ]
    for svg in drawn:
        assert svg is not None and "<script" not in svg
        assert label in texts(svg)


def test_an_interval_chart_has_dots_spans_and_ticks_only_where_there_are_figures() -> None:
    rows = [
        {"label": "ሀ", "value": 0.5, "interval": (0.4, 0.6), "TF-IDF": 0.3},
        {"label": "ለ", "value": None, "interval": None, "TF-IDF": None},
    ]
    svg = charts.interval_chart(rows, "F1", ("model", "TF-IDF"))
    assert {"ሀ", "model", "TF-IDF", "0.0", "1.0"} <= set(texts(svg))
    without = charts.interval_chart([rows[0] | {"TF-IDF": None, "interval": None}], "F1", ("model", "TF-IDF"))
    assert "TF-IDF" not in texts(without)


def test_invisible_characters_are_written_as_codes_and_long_texts_are_cut() -> None:
    assert visible("a\u202eb\x00\ud800\u2028") == "a<U+202E>b<U+0000><U+D800><U+2028>"
    assert visible("ሰ\u200dላም ።") == "ሰ\u200dላም ።"
    assert visible("ሀ" * 500, 10) == "ሀ" * 10 + "…"


def test_text_is_escaped_isolated_and_tagged_with_its_language() -> None:
    assert str(marked("ሰላም & <b>")) == '<bdi lang="am">ሰላም &amp; &lt;b&gt;</bdi>'
    assert str(marked("neutral")) == "<bdi>neutral</bdi>"


def test_labels_that_differ_after_the_cut_stay_distinct() -> None:
    assert distinct(["ሀ" * 50, "ሀ" * 60, "b"], 5) == ["ሀሀሀሀሀ…", "ሀሀሀሀሀ… (2)", "b"]
