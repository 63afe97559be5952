"""The three sets of the study, and the draws of few-shot news."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amharic_tl.language.script import near_duplicate_key

SHOTS, DRAWS = 20, 5
MEASURES = {"trac": "macro_f1", "ner": "entity_f1", "news": "macro_f1"}
STEPS = {"trac": 360, "ner": 440, "news": 200}


def fixed(name: str, data: Path, output: Path, draw: int = 0) -> tuple[str, dict[str, Any]]:
    """The preset of a set and the leaves that every run on it shares."""
    train: dict[str, Any] = {"train.steps": STEPS[name], "train.evaluate_every": STEPS[name] // 4}
    train |= {"train.patience": None, "output.export": False, "output.tensorboard": False, "output.baselines": False}
    if name == "trac":
        files = {split: str(data / f"trac2024-hate/{stem}_category.csv") for split, stem in _STEMS.items()}
        return "classify", {
            **_data(files), "data.text": "tweet", "data.label": "label", "data.max_length": 64,
            "train.batch_size": 32, **train,
        }  # fmt: skip
    if name == "ner":
        files = {split: str(data / f"masakhaner/{stem}.txt") for split, stem in _STEMS.items()}
        return "ner", {**_data(files), "train.batch_size": 16, **train}
    files = {split: str(output / f"news/{split}.tsv") for split in ("validation", "test")}
    files["train"] = str(output / f"news/draw-{draw}.tsv")
    return "classify", {
        **_data(files), "data.text": "text", "data.label": "category", "data.max_length": 256,
        "train.batch_size": 16, **train,
    }  # fmt: skip


def make_news(data: Path, output: Path) -> dict[str, Any]:
    """Writes headline and text of dev and test, and draws of ``SHOTS`` articles a class from the 50-shot pool.

    An article whose near-duplicate is in dev or test, or earlier in the pool, is not drawn from.

    Returns:
      How many articles of the pool were left out, and how many each draw shares with the first one.
    """
    folder = output / "news"
    folder.mkdir(parents=True, exist_ok=True)
    rows = {name: _read(data / f"masakhanews/{name}.tsv") for name in ("train_50shot", "dev", "test")}
    seen = {_key(row) for name in ("dev", "test") for row in rows[name]}
    pool: dict[str, list[dict[str, str]]] = defaultdict(list)
    left_out = 0
    for row in rows["train_50shot"]:
        if _key(row) in seen:
            left_out += 1
            continue
        seen.add(_key(row))
        pool[row["category"]].append(row)
    draws = []
    for draw in range(DRAWS):
        generator = random.Random(draw)
        drawn = [row for label in sorted(pool) for row in generator.sample(pool[label], SHOTS)]
        draws.append({_key(row) for row in drawn})
        _write(folder / f"draw-{draw}.tsv", drawn)
    _write(folder / "validation.tsv", rows["dev"])
    _write(folder / "test.tsv", rows["test"])
    return {
        "pool": sum(map(len, pool.values())), "left_out": left_out,
        "shared_with_the_first": [len(draws[0] & one) for one in draws],
    }  # fmt: skip


_STEMS: Mapping[str, str] = {"train": "train", "validation": "dev", "test": "test"}


def _data(files: Mapping[str, str]) -> dict[str, str]:
    return {f"data.{split}": path for split, path in files.items()}


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {"category": row["category"], "text": f"{row['headline']} {row['text']}"}
            for row in csv.DictReader(file, delimiter="\t")
        ]


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["category", "text"], delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _key(row: Mapping[str, str]) -> str:
    return near_duplicate_key(row["text"]) or row["text"]
