"""The figures of each section of a report, as plain values: what report.json holds and the page prints."""

from __future__ import annotations

import json
import re
from typing import Any

from amharic_tl.reports.contents import Contents
from amharic_tl.reports.text import visible

SPLITS = ("validation", "test", "test_clean", "oof")
METRICS = {
    "entity_f1": "entity F1",
    "entity_precision": "entity precision",
    "entity_recall": "entity recall",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "weighted_f1": "weighted F1",
    "accuracy": "accuracy",
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "bleu": "BLEU",
    "chrf": "chrF",
    "bleu_normalised": "BLEU, normalised",
    "chrf_normalised": "chrF, normalised",
}
OTHER_METRICS = {"bits_per_character": "bits per character", "perplexity": "perplexity", "loss": "loss"}
MOST_LABELS = 200  # in tables
MOST_PLAN_ROWS = 2000
MOST_EVENTS = 60
MOST_CONFUSIONS = 20
LONGEST_DETAIL = 300
MATRIX_CLASSES = 20
ROUTINE = ("saved", "evaluated")

FILES = {
    "report.html": "this page",
    "report.json": "its figures, for programs",
    "config.json": "the resolved config; train takes it as --config",
    "plan.json": "which parameters train, at what rate and decay",
    "data.json": "sources, splits, fingerprints and the audit",
    "baselines.json": "scores of two simple lines: a constant, and one that learned from train",
    "evaluation.json": "scores with intervals and confusion counts, by split",
    "safety.json": "what the safety monitor watches: groups, their names' authorship, what was refused",
    "fairness.json": "rates, AUCs and calibration by group, parity over groups, of the chosen model",
    "safety.jsonl": "safety signals by evaluation, with interval, null and n",
    "alerts.jsonl": "signals that changed their state",
    "probe": "the checkpoint probed with a culture pack: probe.json, safety.jsonl, probe.md; no text",
    "folds.json": "which rows, by id, each fold trains on and is tested on",
    "cross_validation.json": "how it was asked, and what each fold gave",
    "run.json": "status, provenance, final scores",
    "environment.txt": "installed packages and their versions",
    "metrics.jsonl": "figures by step; the same bytes for an undisturbed and a resumed run",
    "timing.jsonl": "throughput, waiting, memory",
    "events.jsonl": "what happened, with times",
    "predictions-validation.jsonl": "id, label, prediction and scores of each row; no text",
    "predictions-test.jsonl": "the same of the test split",
    "label_shift.json": "shares of the labels in test, estimated without its labels, and corrected scores",
    "predictions-test-corrected.jsonl": "predictions of test corrected to these shares",
    "layers.json": "how alike each layer is to that of the base",
    "attribution": "a folder a figure: scores of the training rows and their sources; ids, no text",
    "parameters": "the trained parameters of some evaluations, which attribution reads",
    "predictions-benign.jsonl": "the same of the culture pack's benign sentences",
    "predictions-watched.jsonl": "what a language model showed of each probe item, by id, for twins of a later run",
    "predictions-base.jsonl": "its scores of nuance items before it was trained",
    "predictions-oof.jsonl": "the same of every row, out of fold",
    "counterfactuals-oof.jsonl": "what each exchange of groups changed, out of fold",
    "folds": "a workdir a fold, each with a report",
    "counterfactuals-validation.jsonl": "what each exchange of groups changed, by row id; no text",
    "counterfactuals-test.jsonl": "the same of the test split",
    "domain.json": "how far the texts adapted to lie from the task's, and what the stages changed on the task's",
    "stages": "a workdir a stage of further pretraining, each with a report",
    "checkpoints": "a folder of saved steps, each with a manifest of sha256 sums",
    "export": "the best model as a Hugging Face directory",
    "tensorboard": "the same curves for TensorBoard",
}


def scores(run: Contents) -> list[dict[str, Any]]:
    """A row for each metric of the splits: the model's figure with its interval, and the two lines."""
    splits = scored_splits(run)
    rows = []
    for name, shown in {**METRICS, **OTHER_METRICS}.items():
        cells = {
            split: {
                "value": run.metric(split, name),
                "interval": run.interval(split, name),
                **{line: run.baseline(line, split, name) for line in run.line_names},
            }
            for split in splits
        }
        if any(cell["value"] is not None for cell in cells.values()):
            beside = any(cell[line] is not None for cell in cells.values() for line in run.line_names)
            rows.append({"metric": name, "shown": shown, "has_lines": beside, "splits": cells})
    return rows


def scored_splits(run: Contents) -> list[str]:
    """The splits that have scores."""
    final = {split: scores for split, scores in run.final.items() if "not_measured" not in scores}
    return [split for split in SPLITS if run.evaluation.get(split, {}).get("metrics") or final.get(split)]


def rows_scored(run: Contents) -> dict[str, int | None]:
    """How many rows each scored split has; None where nobody counted."""
    return {split: run.evaluation.get(split, {}).get("n") for split in scored_splits(run)}


def unknown_rows(run: Contents) -> dict[str, int]:
    """Rows of each split whose gold label the model does not know, where there are any."""
    counted = {split: run.evaluation.get(split, {}).get("unknown_labels", 0) for split in scored_splits(run)}
    return {split: count for split, count in counted.items() if count}


def by_class(run: Contents) -> list[dict[str, Any]]:
    """Scores of each class on the judged split."""
    split = run.judged_split()
    if split is None:
        return []
    stored = run.evaluation.get(split, {}).get("classes", {})
    return [
        {
            "label": label,
            "rows": figures.get("gold"),
            "f1": run.metric(split, f"f1/{label}"),
            "interval": run.interval(split, f"f1/{label}"),
            run.learned_line: run.baseline(run.learned_line, split, f"f1/{label}"),
            **{
                f"{name}{end}": figures.get(f"{name}{end}")
                for name in ("precision", "recall")
                for end in ("", "_interval")
            },
        }
        for label, figures in stored.items()
    ]


def confusion_matrix(run: Contents) -> dict[str, Any] | None:
    """Labels and counts (gold in rows) of the judged split, and the confusions that are most frequent."""
    split = run.judged_split()
    stored = run.evaluation.get(split, {}).get("confusion") if split else None
    if not stored or not stored["labels"]:
        return None
    labels, counts = stored["labels"], stored["counts"]
    mistakes = [
        {"gold": labels[gold], "predicted": labels[predicted], "rows": count, "share": count / sum(line)}
        for gold, line in enumerate(counts)
        for predicted, count in enumerate(line)
        if gold != predicted and count
    ]
    mistakes.sort(key=lambda mistake: -mistake["rows"])
    return {
        "split": split,
        "labels": labels,
        "counts": counts,
        "unknown": stored.get("unknown"),
        "mistakes": mistakes[:MOST_CONFUSIONS],
        "mistakes_in_all": len(mistakes),
    }


def label_shares(run: Contents) -> dict[str, Any]:
    """Counts and shares of each label by split, the most frequent first."""
    splits = {name: split["labels"] for name, split in run.splits.items() if split.get("labels")}
    totals: dict[str, int] = {}
    for counts in splits.values():
        for label, count in counts.items():
            totals[label] = totals.get(label, 0) + count
    ordered = sorted(totals, key=lambda label: (-totals[label], label))
    sizes = {name: max(sum(counts.values()), 1) for name, counts in splits.items()}
    return {
        "splits": list(splits),
        "labels_in_all": len(ordered),
        "labels": [
            {
                "label": label,
                "counts": {name: counts.get(label, 0) for name, counts in splits.items()},
                "shares": {name: counts.get(label, 0) / sizes[name] for name, counts in splits.items()},
            }
            for label in ordered[:MOST_LABELS]
        ],
    }


def quoting_reasons(run: Contents) -> dict[str, list[str]]:
    """Why a quoting was chosen, with the splits for which that is the reason."""
    reasons: dict[str, list[str]] = {}
    for name, split in run.splits.items():
        if split.get("quoting"):
            reasons.setdefault(f"{split['quoting']['choice']}, {split['quoting']['reason']}", []).append(name)
    return reasons


def plan_parts(run: Contents) -> list[dict[str, Any]]:
    """Parameters gathered by part of the model (embeddings, each block, head) that are treated alike."""
    parts: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in run.plan.get("rows", []):
        name = _part(row["name"], row["layer"])
        trains, rate, rule = row["trainable"], row["learning_rate_multiplier"], row["rule"]
        new = {"part": name, "trainable": trains, "rate": rate, "rule": rule, "parameters": 0, "tensors": 0}
        part = parts.setdefault((name, trains, rate, rule), new)
        part["parameters"] += row["parameters"]
        part["tensors"] += 1
    return list(parts.values())


def _part(name: str, layer: int | None) -> str:
    if layer is not None:
        return f"block {layer}"
    if "embeddings" in name:
        return "embeddings"
    return re.sub(r"\.(dense|LayerNorm|layer_norm|out_proj|transform)?\.?[^.]*$", "", name) or name


def events(run: Contents) -> dict[str, Any]:
    """What happened, the newest last; routine saves and evaluations are only counted."""
    told = [event for event in run.events if event.get("event") not in ROUTINE]
    shown = []
    for event in told[-MOST_EVENTS:]:
        details = {
            key: visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), LONGEST_DETAIL)
            for key, value in event.items()
            if key not in ("event", "step", "time")
        }
        shown.append(
            {"step": event.get("step"), "event": event.get("event"), "time": event.get("time"), "details": details}
        )
    counts = {name: sum(event.get("event") == name for event in run.events) for name in ROUTINE}
    return {"counts": counts, "earlier": len(told) - len(shown), "shown": shown}


def timing(run: Contents) -> dict[str, Any] | None:
    """Medians over the lines of timing.jsonl (the first ones hold the compilation), and the peak of memory."""
    if not run.timing:
        return None

    def median(name: str) -> float | None:
        values = sorted(line[name] for line in run.timing if line.get(name) is not None)
        return values[len(values) // 2] if values else None

    names = ("tokens_per_second", "examples_per_second", "step_seconds", "data_wait_seconds")
    memory = max((line.get("memory_bytes") or 0 for line in run.timing), default=0)
    return {**{name: median(name) for name in names}, "memory_bytes": memory or None}


def files(run: Contents) -> list[dict[str, Any]]:
    """The files of the workdir, what they are, and whether they are there."""
    return [
        {
            "name": name,
            "what": what,
            "there": name.startswith("report.") or (run.root / name).exists(),
            "folder": (run.root / name).is_dir(),
        }
        for name, what in FILES.items()
    ]


def commands(run: Contents) -> list[str]:
    """How to do it again: the same command, or the stored config in a new place."""
    command = run.provenance.get("command")
    again = f"amharic-tl train --config {run.root.name}/config.json --workdir {run.root.name}-again"
    return [*([command] if command else []), again]
