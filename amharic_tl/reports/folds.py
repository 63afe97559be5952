"""The folds of a cross-validation: what each gave, and how far apart they lie."""

from __future__ import annotations

from typing import Any

from amharic_tl.reports.contents import Contents


def figures(run: Contents) -> dict[str, Any] | None:
    """What the page prints, None where the run is no cross-validation."""
    stored = run.cross_validation
    if not stored:
        return None
    asked = stored.get("request", {})
    return {
        "pool": stored.get("pool") or {"rows": None, "source": "–"},
        "group_by": asked.get("group_by"),
        "repeats": asked.get("repeats"),
        "seed": asked.get("seed"),
        "notes": stored.get("notes", []),
        "folds": [_fold(row, run.headline) for row in stored.get("folds", [])],
        "pooled": stored.get("pooled"),
        "against": [
            {"line": run.short_names.get(line, line), **of}
            for line, of in (stored.get("against") or {}).items()
            if of and of.get("interval")
        ],
        "headline": run.headline_shown,
    }


def _fold(row: dict[str, Any], headline: str) -> dict[str, Any]:
    kept = ("name", "group", "test_rows", "validation_rows", "left_out", "runs_done", "runs", "minutes", "workdir")
    chosen = row.get("chosen") or {}
    return {
        **{name: row.get(name) for name in kept},
        "chosen": ", ".join(f"{leaf}={value}" for leaf, value in chosen.items()) or None,
        "value": (row.get("scores") or {}).get(headline),
    }
