"""Workdirs as a run leaves them, written without training anything: invented figures about invented labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from amharic_tl.config import build_config, to_dict
from amharic_tl.evaluation.baselines import RECIPE
from amharic_tl.evaluation.score import classification_metrics
from amharic_tl.evaluation.summary import prediction_lines, summarise
from amharic_tl.records.files import write_json, write_lines
from amharic_tl.records.workdir import Workdir

LABELS = ("ስፖርት", "ጤና", "ባህል", "ንግድ")
HOSTILE = ("ስፖርት", '<script>alert("1")</script>', "a\"'&b", "\u202eabc", "}}{{ 7*7 }}", "ጤና</title><img src=x>")
SPLITS = {"train": 900, "validation": 200, "test": 300}
STEPS, EVALUATE_EVERY = 500, 50


def write_workdir(root: Path, labels: Sequence[str] = LABELS, status: str = "completed") -> Workdir:
    """A classification run with every file of the contract. ``status``: completed, running (3 evaluations), failed."""
    place = Workdir(root)
    done = STEPS if status == "completed" else 3 * EVALUATE_EVERY
    gold = {name: _gold(len(labels), rows, seed) for seed, (name, rows) in enumerate(SPLITS.items())}
    names = list(labels)
    write_json(place.config, _config())
    write_json(place.plan, _plan(len(names)))
    write_json(place.data, _data(names, gold))
    write_json(place.baselines, _baselines(names, gold))
    final = _evaluate(place, names, gold, ["validation", "test"] if status == "completed" else ["validation"])
    _write_curves(place, names, done)
    run: dict[str, Any] = {"status": status, "provenance": _provenance(), "step": done}
    run["best"] = {"step": min(done, 450), "metric": "validation/macro_f1", "value": final["validation"]["macro_f1"]}
    if status == "completed":
        run |= {"stopped_because": "all steps done", "final": final}
        run["provenance"] |= {"finished": "2026-03-04T10:11:00+00:00", "seconds": 660.0}
    elif status != "running":
        run["stopped_because"] = "the disk is full"
    write_json(place.run, run)
    return place


def write_started(root: Path) -> Workdir:
    """A run that has only just opened its files."""
    place = Workdir(root)
    write_json(place.config, _config())
    write_json(place.run, {"status": "running", "provenance": _provenance()})
    return place


def write_masked_lm(root: Path) -> Workdir:
    """A finished run that learned a language model: no labels, no baselines, no evaluation.json."""
    place = Workdir(root)
    write_json(place.config, _config({"task.kind": "masked-lm", "train.select_by": "validation/bits_per_character"}))
    write_json(place.plan, _plan(0))
    data = _data([], {name: np.zeros(rows, np.int64) for name, rows in SPLITS.items()})
    for split in data["splits"].values():
        for absent in ("tokens", "truncated", "truncated_share", "unknown_tokens", "unknown_token_share"):
            del split[absent]
        split |= {"labels": {}, "format": "txt", "quoting": None}
    write_json(place.data, data | {"task": "masked-lm", "label_shift": [], "labels_only_in": {}, "notices": []})
    lines: list[dict[str, Any]] = []
    for step in range(10, STEPS + 1, 10):
        lines.append({"step": step, "split": "train", "loss": 9.0 / step**0.2, "grad_norm": 1.0, "learning_rate": 1e-4})
        if step % EVALUATE_EVERY == 0:
            figures = {"loss": 9.2 / step**0.2, "bits_per_character": 5.0 / step**0.2, "accuracy": 0.1}
            lines.append({"step": step, "split": "validation", **figures})
    write_lines(place.metrics, lines)
    best = {"step": STEPS, "metric": "validation/bits_per_character", "value": 5.0 / STEPS**0.2}
    final = {"validation": {"loss": 9.2 / STEPS**0.2, "bits_per_character": 5.0 / STEPS**0.2, "accuracy": 0.1}}
    run = {"status": "completed", "stopped_because": "all steps done", "best": best, "final": final, "step": STEPS}
    write_json(place.run, run | {"provenance": _provenance()})
    return place


def _gold(classes: int, rows: int, seed: int) -> np.ndarray:
    """Labels of which the later ones are rarer; the test split has another mix."""
    weights = np.arange(classes, 0, -1.0) if seed < 2 else np.ones(classes)
    return np.random.default_rng(seed).choice(classes, size=rows, p=weights / weights.sum())


def _guess(gold: np.ndarray, classes: int, share_right: float, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.where(generator.random(len(gold)) < share_right, gold, generator.integers(0, classes, len(gold)))


def _config(overrides: dict[str, object] | None = None) -> dict[str, Any]:
    values: dict[str, object] = {
        "data.train": "data/train.tsv",
        "data.validation": "data/dev.tsv",
        "data.test": "data/test.tsv",
        "train.steps": STEPS,
        "transfer.method": "top-layers",
        "transfer.trainable_layers": 2,
    }
    return to_dict(build_config(values | (overrides or {})))


def _evaluate(
    place: Workdir, labels: list[str], gold: dict[str, np.ndarray], splits: list[str]
) -> dict[str, dict[str, float]]:
    """Writes evaluation.json and the predictions; returns what run.json calls final."""
    stored, final = {}, {}
    for seed, split in enumerate(splits):
        guessed = _guess(gold[split], len(labels), 0.72, seed + 10)
        stored[split] = summarise(gold[split], guessed, labels)
        final[split] = {"loss": 0.8123, **stored[split]["metrics"]}
        scores = np.full((len(guessed), len(labels)), 0.1 / max(len(labels) - 1, 1))
        scores[np.arange(len(guessed)), guessed] = 0.9
        ids = [f"{split}.tsv:{row}" for row in range(2, len(guessed) + 2)]
        lines = prediction_lines(ids, [labels[index] for index in gold[split]], scores, labels)
        write_lines(place.predictions(split), lines)
        if split == "test":
            kept = np.arange(len(guessed)) >= 5
            stored["test_clean"] = summarise(gold[split][kept], guessed[kept], labels)
            final["test_clean"] = dict(stored["test_clean"]["metrics"])
    write_json(place.evaluation, stored)
    return final


def _write_curves(place: Workdir, labels: list[str], done: int) -> None:
    metrics: list[dict[str, Any]] = []
    timing = []
    events: list[dict[str, Any]] = [{"step": 0, "event": "started", "time": "2026-03-04T10:00:00+00:00"}]
    generator = np.random.default_rng(4)
    for step in range(10, done + 1, 10):
        loss = 0.4 + np.exp(-step / 150) + generator.normal(0, 0.03)
        figures = {"loss": loss, "grad_norm": 1 + generator.random(), "learning_rate": 5e-5 * (1 - step / (STEPS + 1))}
        metrics.append({"step": step, "split": "train", **figures})
        rate = 2400.0 + 300 * generator.random()
        speed = {"examples_per_second": rate / 40, "tokens_per_second": rate, "step_seconds": 0.5}
        timing.append({"step": step, **speed, "data_wait_seconds": 0.01, "memory_bytes": 1_800_000_000})
        if step % EVALUATE_EVERY == 0:
            score = 0.75 - 0.5 * np.exp(-step / 120)
            by_class = {f"f1/{label}": score for label in labels}
            scores = {"loss": 0.6 + np.exp(-step / 130), "accuracy": score, "macro_f1": score, "weighted_f1": score}
            metrics.append({"step": step, "split": "validation", **scores, **by_class})
            events.append({"step": step, "event": "saved", "time": "2026-03-04T10:05:00+00:00"})
            events.append({"step": step, "event": "evaluated", "time": "2026-03-04T10:05:01+00:00", "best": True})
    events.append({"step": 130, "event": "preempted", "time": "2026-03-04T10:05:02+00:00", "signal": "SIGTERM"})
    events.append({"step": 130, "event": "resumed", "time": "2026-03-04T10:06:02+00:00"})
    write_lines(place.metrics, metrics)
    write_lines(place.timing, timing)
    write_lines(place.events, events)


def _provenance() -> dict[str, Any]:
    return {
        "command": "amharic-tl train --config classify --config.data.train=data/train.tsv --workdir runs/invented",
        "package_version": "0.1.0",
        "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": True},
        "python": "3.11.7",
        "platform": "Linux x86_64",
        "versions": {"jax": "0.10.2", "flax": "0.12.8", "numpy": "2.4.6"},
        "devices": {"kind": "cpu", "platform": "cpu", "count": 1},
        "processes": 1,
        "seed": 7,
        "started": "2026-03-04T10:00:00+00:00",
    }


def _plan(classes: int) -> dict[str, Any]:
    """Four blocks of which the top two train, with a head of ``classes``."""

    def row(name: str, shape: list[int], layer: int | None, trains: bool, rule: str) -> dict[str, Any]:
        return {
            "name": name,
            "shape": shape,
            "dtype": "float32",
            "parameters": int(np.prod(shape)),
            "trainable": trains,
            "learning_rate_multiplier": 1.0 if trains else 0.0,
            "weight_decay": 0.01 if len(shape) > 1 else 0.0,
            "layer": layer,
            "rule": rule,
        }

    rows = [row("roberta.embeddings.word_embeddings.weight", [8192, 256], None, False, "embeddings")]
    rows.append(row("roberta.embeddings.LayerNorm.weight", [256], None, False, "embeddings"))
    for layer in range(4):
        trains, rule = layer >= 2, "top 2 blocks" if layer >= 2 else "lower blocks"
        for part in ("query", "key", "value"):
            name = f"roberta.encoder.layer.{layer}.attention.self.{part}"
            rows.append(row(f"{name}.weight", [256, 256], layer, trains, rule))
            rows.append(row(f"{name}.bias", [256], layer, trains, rule))
    rows.append(row("classifier.dense.weight", [256, 256], None, True, "head"))
    rows.append(row("classifier.out_proj.weight", [classes, 256], None, True, "head"))
    trainable = sum(r["parameters"] for r in rows if r["trainable"])
    everything = sum(r["parameters"] for r in rows)
    return {
        "method": "top-layers",
        "reason": "the top 2 of 4 blocks and the head train (transfer.method=top-layers)",
        "rows": rows,
        "totals": {"parameters": everything, "trainable": trainable, "frozen": everything - trainable},
        "newly_initialised": ["classifier.dense.weight", "classifier.out_proj.weight"],
        "flops_per_example": {"forward": 2.1e8, "train_step": 4.9e8, "length": 64},
        "stages": [
            {"number": 0, "begins": 0, "began": 0, "rules": ["head"], "totals": {"trainable": 7}},
            {"number": 1, "begins": None, "rules": ["top 2 blocks"], "totals": {"trainable": trainable}},
        ],
        "warnings": ["the rates fall twice"],
        "measured": {"block 0": 0.25},
    }


def _data(labels: list[str], gold: dict[str, np.ndarray]) -> dict[str, Any]:
    files = {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}
    splits = {}
    for name, rows in gold.items():
        file = {"path": files[name], "sha256": f"{len(rows):064x}", "bytes": 1000 * len(rows), "rows": len(rows)}
        splits[name] = {
            "source": f"data/{files[name]}",
            "files": [file],
            "format": "tsv",
            "quoting": {"choice": "none", "reason": "the file has no quotation marks"},
            "rows": len(rows),
            "labels": {label: int((rows == index).sum()) for index, label in enumerate(labels)},
            "exact_duplicates": 2,
            "near_duplicates": 5,
            "conflicting_labels": 1,
            "ethiopic_share": 0.981,
            "tokens": {"mean": 31.5, "median": 29.0, "p95": 60.0, "max": 171},
            "truncated": 4,
            "truncated_share": 4 / len(rows),
            "unknown_tokens": 3,
            "unknown_token_share": 3 / (30 * len(rows)),
        }
    return {
        "task": "sequence-classification",
        "labels": labels,
        "max_length": 64,
        "fingerprint": "f1" * 32,
        "splits": splits,
        "across": [
            {"a": "train", "b": "validation", "exact": 0, "near": 3, "conflicting_labels": 1},
            {"a": "train", "b": "test", "exact": 1, "near": 5, "conflicting_labels": 0},
            {"a": "validation", "b": "test", "exact": 0, "near": 0, "conflicting_labels": 0},
        ],
        "near_duplicate_ids": {"test": [f"test.tsv:{row}" for row in range(2, 7)]},
        "labels_only_in": {},
        "label_shift": [
            {"a": "train", "b": "validation", "total_variation": 0.021, "chi2_p": 0.84},
            {"a": "train", "b": "test", "total_variation": 0.183, "chi2_p": 3.2e-9},
        ],
        "notices": ["This sample was drafted by a machine and no native speaker has reviewed it."],
        "warnings": ["5 rows of test are (near-)duplicates of rows of train (1 exact, 0 with another label)"],
    }


def _baselines(labels: list[str], gold: dict[str, np.ndarray]) -> dict[str, Any]:
    result: dict[str, Any] = {"constant": {"label": labels[0]}, "tfidf": {"recipe": RECIPE}}
    for split in ("validation", "test"):
        constant = np.zeros(len(gold[split]), np.int64)
        tfidf = _guess(gold[split], len(labels), 0.5, 99)
        result["constant"][split] = classification_metrics(gold[split], constant, labels)
        result["tfidf"][split] = classification_metrics(gold[split], tfidf, labels)
    for line in result.values():
        line["test_clean"] = dict(line["test"])
    return result
