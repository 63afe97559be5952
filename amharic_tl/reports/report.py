"""report.html and report.json: one self-contained page, readable offline and without JavaScript."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Any

from amharic_tl.records.files import write_json, write_text
from amharic_tl.records.workdir import Workdir
from amharic_tl.reports import charts
from amharic_tl.reports.contents import Contents, read_contents
from amharic_tl.reports.recommendations import findings
from amharic_tl.reports.verdict import verdict

LOWER_ROWS = 60  # rows of long tables (events, classes of a matrix) that are shown
MATRIX_CLASSES = 30
FILES = {
    "config.json": "the resolved config",
    "plan.json": "which parameters train, at what rate and decay",
    "data.json": "sources, splits, fingerprints and the audit",
    "baselines.json": "scores of the most frequent class and of TF-IDF",
    "evaluation.json": "scores with intervals and confusion counts, by split",
    "run.json": "status, provenance, final scores",
    "metrics.jsonl": "figures by step; the same bytes for an undisturbed and a resumed run",
    "timing.jsonl": "throughput, waiting, memory",
    "events.jsonl": "what happened, with times",
    "predictions-<split>.jsonl": "id, label, prediction and scores of each row; no text",
    "checkpoints/": "saved steps, each with a manifest of sha256 sums",
    "export/": "the best model as a Hugging Face directory",
    "tensorboard/": "the same curves for TensorBoard",
}


def write_report(workdir: str | Path) -> Path:
    """Writes ``report.html`` and ``report.json`` from the files of ``workdir``; returns the page's path.

    Raises:
      CannotCreateError: the disk is full or read-only.
    """
    run = read_contents(workdir)
    place = Workdir(Path(workdir))
    page = _page(run)
    write_json(place.report_data, page["data"])
    write_text(place.report, _environment().get_template("report.html.j2").render(page))
    return place.report


def _environment() -> Any:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = resources.files("amharic_tl.reports")
    environment = Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = lambda value, digits=3: "–" if value is None else f"{value:.{digits}f}"
    environment.filters["percent"] = lambda value: "–" if value is None else f"{value:.1%}"
    environment.filters["count"] = lambda value: "–" if value is None else f"{value:,}"
    return environment


def _page(run: Contents) -> dict[str, Any]:
    found = findings(run)
    data = {
        "status": run.status,
        "verdict": verdict(run),
        "scores": _scores(run),
        "classes": _classes(run),
        "findings": [finding.__dict__ for finding in found],
        "provenance": run.run.get("provenance", {}),
    }
    return {
        "data": data,
        "title": _title(run),
        "status": run.status,
        "running": run.status == "running",
        "verdict": data["verdict"],
        "notices": run.data.get("notices", []),
        "unreadable": run.unreadable,
        "is_classification": run.is_classification,
        "config": run.config,
        "provenance": data["provenance"],
        "best": run.run.get("best") or {},
        "stopped_because": run.run.get("stopped_because"),
        "scores": data["scores"],
        "classes": data["classes"],
        "confusion": _confusion(run),
        "curves": _curves(run),
        "label_shares": _label_shares(run),
        "shifts": run.data.get("label_shift", []),
        "splits": run.data.get("splits", {}),
        "across": run.data.get("across", []),
        "warnings": run.data.get("warnings", []),
        "fingerprint": run.data.get("fingerprint"),
        "plan": run.plan,
        "plan_parts": _plan_parts(run),
        "found": found,
        "events": _events(run),
        "timing": _timing(run),
        "files": FILES,
        "repeat": _repeat(run),
    }


def _title(run: Contents) -> str:
    kind = run.config.get("task", {}).get("kind", "run")
    return f"{kind}: {run.root.name}"


def _curves(run: Contents) -> list[dict[str, Any]]:
    """Charts with the rows behind them, for the table after each."""
    wanted: list[tuple[str, dict[str, tuple[str, str]], dict[str, float]]] = [
        ("Loss", {"train": ("train", "loss"), "validation": ("validation", "loss")}, {}),
    ]
    if run.is_classification:
        rules = {
            name: value
            for name, key in (("TF-IDF", "tfidf"), ("most frequent class", "constant"))
            if (value := run.baseline(key, "validation", "macro_f1")) is not None
        }
        wanted.append(("Macro-F1 on validation", {"model": ("validation", "macro_f1")}, rules))
    else:
        wanted.append(("Bits per character on validation", {"model": ("validation", "bits_per_character")}, {}))
    wanted += [
        ("Learning rate", {"rate": ("train", "learning_rate")}, {}),
        ("Gradient norm (before clipping)", {"norm": ("train", "grad_norm")}, {}),
    ]
    drawn = []
    for title, lines, rules in wanted:
        series = {name: run.curve(*source) for name, source in lines.items()}
        svg = charts.line_chart(series, title, rules)
        rows = [
            (name, step, value) for name, points in series.items() for step, value in charts.thin(points, LOWER_ROWS)
        ]
        drawn.append({"title": title, "svg": svg, "rows": rows, "rules": rules})
    return drawn


def _scores(run: Contents) -> list[dict[str, Any]]:
    """A row for each split: the model's figures with intervals, and the two lines."""
    rows = []
    for split in ("validation", "test", "test_clean"):
        stored = run.evaluation.get(split)
        if stored is None:
            continue
        cells = {
            name: {
                "value": run.metric(split, name),
                "interval": run.interval(split, name),
                "tfidf": run.baseline("tfidf", split, name),
                "constant": run.baseline("constant", split, name),
            }
            for name in ("macro_f1", "weighted_f1", "accuracy")
        }
        rows.append({"split": split, "n": stored.get("n"), "unknown": stored.get("unknown_labels", 0), "cells": cells})
    return rows


def _classes(run: Contents) -> list[dict[str, Any]]:
    split = _shown_split(run)
    if split is None:
        return []
    stored = run.evaluation[split]
    counts = stored["confusion"]["counts"]
    return [
        {
            "label": label,
            "n": sum(counts[index]),
            "f1": run.metric(split, f"f1/{label}"),
            "interval": run.interval(split, f"f1/{label}"),
            "recall": counts[index][index] / sum(counts[index]) if sum(counts[index]) else None,
            "precision": counts[index][index] / predicted
            if (predicted := sum(line[index] for line in counts))
            else None,
            "tfidf": run.baseline("tfidf", split, f"f1/{label}"),
        }
        for index, label in enumerate(stored["confusion"]["labels"])
    ]


def _shown_split(run: Contents) -> str | None:
    return next((split for split in ("test", "validation") if "confusion" in run.evaluation.get(split, {})), None)


def _confusion(run: Contents) -> dict[str, Any] | None:
    split = _shown_split(run)
    if split is None:
        return None
    stored = run.evaluation[split]["confusion"]
    labels, counts = stored["labels"], stored["counts"]
    svg = None
    if len(labels) <= MATRIX_CLASSES:
        svg = charts.matrix_chart(labels, counts, f"Confusion matrix, {split}")
    return {"split": split, "labels": labels, "counts": counts, "svg": svg}


def _label_shares(run: Contents) -> dict[str, Any]:
    splits = {name: split["labels"] for name, split in run.data.get("splits", {}).items() if split.get("labels")}
    labels = sorted({label for counts in splits.values() for label in counts})[:LOWER_ROWS]
    shares = {
        label: {name: counts.get(label, 0) / max(sum(counts.values()), 1) for name, counts in splits.items()}
        for label in labels
    }
    counts = {label: {name: by.get(label, 0) for name, by in splits.items()} for label in labels}
    return {"svg": charts.bar_chart(shares, "Labels by split"), "counts": counts, "splits": list(splits)}


def _plan_parts(run: Contents) -> list[dict[str, Any]]:
    """Parameters gathered by part of the model (embeddings, each block, head) that are treated alike."""
    parts: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in run.plan.get("rows", []):
        if row["layer"] is not None:
            name = f"block {row['layer']}"
        else:
            name = (
                re.sub(r"\.(dense|LayerNorm|layer_norm|out_proj|transform)?\.?[^.]*$", "", row["name"]) or row["name"]
            )
            name = "embeddings" if "embeddings" in name else name
        key = (name, row["trainable"], row["learning_rate_multiplier"], row["rule"])
        part = parts.setdefault(
            key,
            {
                "name": name,
                "trainable": row["trainable"],
                "rate": row["learning_rate_multiplier"],
                "rule": row["rule"],
                "count": 0,
            },
        )
        part["count"] += row["parameters"]
    return list(parts.values())


def _events(run: Contents) -> dict[str, Any]:
    """What happened; routine saves and evaluations are only counted."""
    routine = ("saved", "evaluated")
    counts = {name: sum(event.get("event") == name for event in run.events) for name in routine}
    shown = []
    for event in [e for e in run.events if e.get("event") not in routine][-LOWER_ROWS:]:
        rest = {key: value for key, value in event.items() if key not in ("event", "step", "time")}
        shown.append({"event": event.get("event"), "step": event.get("step"), "time": event.get("time"), "rest": rest})
    return {"counts": counts, "shown": shown}


def _timing(run: Contents) -> dict[str, Any] | None:
    if not run.timing:
        return None

    def median(name: str) -> float | None:
        values = sorted(line[name] for line in run.timing if line.get(name) is not None)
        return values[len(values) // 2] if values else None

    waits, seconds = median("data_wait_seconds"), median("step_seconds")
    return {
        "tokens_per_second": median("tokens_per_second"),
        "examples_per_second": median("examples_per_second"),
        "step_seconds": seconds,
        "data_wait_seconds": waits,
        "memory_bytes": max((line.get("memory_bytes") or 0 for line in run.timing), default=0),
    }


def _repeat(run: Contents) -> list[str]:
    """How to do it again: the same command, or the stored config in a new place."""
    command = run.run.get("provenance", {}).get("command")
    lines = [command] if command else []
    return [*lines, "amharic-tl train --config WORKDIR/config.json --workdir NEW_WORKDIR"]
