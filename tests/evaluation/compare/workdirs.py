"""Finished workdirs made by hand: predictions, and the scores that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from amharic_tl.evaluation.compare.measures import item_sums
from amharic_tl.records.files import write_json, write_lines
from amharic_tl.records.workdir import Workdir

LABELS = ("አሉታዊ", "ገለልተኛ", "አዎንታዊ")


def single_label_lines(gold: Sequence[int], predicted: Sequence[int]) -> list[dict[str, Any]]:
    """Lines of predictions of three classes."""
    return [
        {
            "id": f"item-{number}",
            "label": LABELS[label],
            "predicted": LABELS[guess],
            "scores": {name: float(index == guess) for index, name in enumerate(LABELS)},
        }
        for number, (label, guess) in enumerate(zip(gold, predicted, strict=True))
    ]


def write_run(
    folder: Path,
    lines: list[dict[str, Any]] | None,
    metrics: Sequence[str],
    *,
    seed: int = 0,
    scores: dict[str, float] | None = None,
    data: dict[str, Any] | None = None,
    constant: dict[str, float] | None = None,
    kind: str = "sequence-classification",
) -> Path:
    """A finished workdir; its scores are those of ``lines``, or ``scores``."""
    place = Workdir(folder)
    final = dict(scores or {})
    if lines is not None:
        items = item_sums(lines, "lines")
        final |= {metric: float(items.value(metric)(items.sums.sum(axis=0))) for metric in metrics}
        write_lines(place.predictions("test"), lines)
    write_json(place.config, {"train": {"seed": seed}, "task": {"kind": kind}})
    write_json(place.data, {"near_duplicate_clusters": {"test": []}, "near_duplicate_ids": {}, **(data or {})})
    write_json(place.baselines, {"constant": {"test": constant or {}}})
    write_json(place.run, {"status": "completed", "final": {"test": final}})
    return folder


def random_lines(seed: int, right: float, items: int = 60, gold_seed: int = 0) -> list[dict[str, Any]]:
    """Predictions of which about the share ``right`` is right."""
    gold = np.random.default_rng(gold_seed).integers(0, 3, items)
    generator = np.random.default_rng([seed, 1])
    predicted = np.where(generator.random(items) < right, gold, (gold + 1) % 3)
    return single_label_lines(gold.tolist(), predicted.tolist())
