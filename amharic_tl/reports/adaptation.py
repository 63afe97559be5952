"""The stages of further pretraining before the task: what they learned from, how far that lies, what they changed."""

from __future__ import annotations

from typing import Any

from amharic_tl.reports.contents import Contents

TERMS = {
    "letters": "strings of 3 letters",
    "letters_folded": "the same, homophones made one",
    "subwords": "subwords",
}
MODELS = {"base": "the base", "dapt": "after DAPT", "tapt": "after TAPT"}


def figures(run: Contents) -> dict[str, Any] | None:
    """What the page prints, None where the run has no stages."""
    stages, domain = run.run.get("stages"), run.domain
    if not stages and not domain and not run.run.get("stage"):
        return None
    language_model = domain.get("language_model") or {}
    return {
        "running": run.run.get("stage") if run.status != "completed" else None,
        "stages": stages or [],
        "distances": [row for pair in domain.get("distances", []) for row in _rows(pair)],
        "inside": (domain.get("inside") or {}).get("parts", {}),
        "texts": language_model.get("texts"),
        "models": [
            {"model": MODELS.get(name, name), **_model(found)}
            for name, found in (language_model.get("models") or {}).items()
        ],
    }


def _rows(pair: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a table: a measure over a kind of terms each."""
    sides = {"a": pair["a"], "b": pair["b"]}
    found = []
    for measure, name in (
        ("jensen_shannon", "Jensen-Shannon, bits"),
        ("top_overlap", "overlap of the 1,000 top terms"),
    ):
        for kind, measured in (pair.get(measure) or {}).items():
            if measured is not None:
                found.append(
                    {
                        **sides,
                        "measure": f"{name}: {TERMS.get(kind, kind)}",
                        "value": measured["value"],
                        "interval": (measured["low"], measured["high"]),
                        "baseline": measured["baseline"],
                        "excess": measured["excess"],
                        "excess_interval": (measured["excess_low"], measured["excess_high"]),
                    }
                )
    proxy = pair.get("proxy_a")
    if proxy is not None:
        found.append(
            {
                **sides,
                "measure": "proxy-A-distance (0 to 2)",
                "value": proxy["distance"],
                "interval": (proxy["low"], proxy["high"]),
                "baseline": proxy["baseline"],
                "excess": None if proxy["baseline"] is None else proxy["distance"] - proxy["baseline"],
                "excess_interval": None,
            }
        )
    return found


def _model(found: dict[str, Any]) -> dict[str, Any]:
    own, change = found.get("bits_per_character") or {}, found.get("change") or {}
    return {
        "value": own.get("value"),
        "interval": own.get("interval"),
        "change": change.get("value"),
        "change_interval": change.get("interval"),
        "not_measured": found.get("not_measured"),
    }
