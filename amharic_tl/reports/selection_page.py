"""selection.html: the page of a choice between bases, from selection.json alone; self-contained, without scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from amharic_tl.records.files import read_json, write_text
from amharic_tl.reports import charts
from amharic_tl.reports.report import environment
from amharic_tl.reports.text import distinct

# Names of the scores, in the order of the columns.
SCORES = {"probe": "linear probe", "knn": "10 neighbours", "logme": "LogME", "h_score": "H-score"}
CHARTED_BASES = 6
LABEL = 36  # characters of a name on an axis


def write_selection_page(folder: Path) -> Path:
    """Writes ``selection.html`` beside ``selection.json`` in ``folder``; returns its path.

    Raises:
      MissingInputError: there is no selection.json.
      CannotCreateError: the disk is full or read-only.
    """
    record = read_json(folder / "selection.json")
    page = environment().get_template("selection.html.j2").render(_page(folder.name, record))
    write_text(folder / "selection.html", page)
    return folder / "selection.html"


def _page(name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    bases = {base["name"]: base for base in record["bases"]}
    ranked = [bases[of] for of in record["ranking"]]
    return {
        "style": (resources.files("amharic_tl.reports") / "report.css").read_text(encoding="utf-8"),
        "name": name,
        "record": record,
        "ranked": ranked,
        "rejected": [base for base in record["bases"] if base["verdict"] == "rejected"],
        "scores": SCORES,
        "probes_chart": _probes(ranked),
        "layers_chart": _layers(ranked),
        "distances": [base for base in ranked if base["distance"] is not None],
    }


def _labels(ranked: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names for the axes of charts: the end of a long path, which tells it from others."""
    names = [base["name"] for base in ranked]
    return distinct([name if len(name) <= LABEL else f"…{name[1 - LABEL :]}" for name in names])


def _probes(ranked: list[dict[str, Any]]) -> str | None:
    """The linear probe of each base with its interval, the nearest neighbours as a tick."""
    labels = _labels(ranked)
    rows = [
        {
            "label": label,
            "value": base["scores"]["probe"]["value"],
            "interval": base["scores"]["probe"]["interval"],
            SCORES["knn"]: base["scores"]["knn"]["value"],
        }
        for label, base in zip(labels, ranked, strict=True)
    ]
    names = (SCORES["probe"], SCORES["knn"])
    return charts.interval_chart(rows, "macro-F1 read from frozen features", names) if rows else None


def _layers(ranked: list[dict[str, Any]]) -> str | None:
    """The linear probe at each layer, the better of its poolings, of the first bases."""
    labels = _labels(ranked[:CHARTED_BASES])
    series = {}
    for label, base in zip(labels, ranked, strict=False):
        best: dict[str, float] = {}
        for place in base["scores"]["probe"]["by_layer"]:
            if place["value"] is not None:
                best[place["layer"]] = max(place["value"], best.get(place["layer"], place["value"]))
        series[label] = list(enumerate(best.values()))
    return charts.line_chart(series, "Linear probe by layer", number_format=".2f", over="layer") if series else None
