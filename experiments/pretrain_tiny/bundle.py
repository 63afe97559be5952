"""Puts a pretrained model into the package: float16 weights, tokenizer, and a card with figures measured here.

    python experiments/pretrain_tiny/bundle.py --workdir FIRST [SECOND ...] --output amharic_tl/assets/amharic_tiny

Each workdir is a stage that began from the export of the one before; the last one's best model is bundled. The card's
line to beat is a unigram model: the same masked tokens of the dev split, each coded by how frequent it
is in train.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np

import amharic_tl as atl
from amharic_tl.config import build_config, flatten
from amharic_tl.data.splits import load_splits
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.records.files import read_json, read_lines
from amharic_tl.tasks.registry import prepare

CARD = Path(__file__).with_name("card.md")


def unigram_bits_per_character(workdir: Path, folder: Path) -> dict[str, float]:
    """Bits per character of the dev split's masked tokens under add-one smoothed counts of the train split's tokens."""
    config = build_config({**flatten(read_json(workdir / "config.json")), "model.path": str(folder)})
    tokenizer = load_tokenizer(folder)
    splits = load_splits(config.data, labelled=False, seed=config.train.seed)
    prepared = prepare(config, splits, tokenizer)
    counts = np.ones(len(tokenizer))
    for window in prepared.train.ids:
        np.add.at(counts, window[1:-1], 1)
    bits = -np.log2(counts / counts.sum())
    total = characters = tokens = 0.0
    batches = prepared.evaluation["validation"]
    for step in range(len(batches)):
        batch = batches[step]
        total += float((bits[batch["labels"]] * batch["weights"]).sum())
        characters += float((prepared.task.characters_V[batch["labels"]] * batch["weights"]).sum())
        tokens += float(batch["weights"].sum())
    return {"bits_per_character": total / characters, "loss": total / tokens * math.log(2), "masked_tokens": tokens}


def stage(workdir: Path) -> dict[str, Any]:
    """What a stage did: updates, windows, the time of its steps, seed and versions."""
    run, config = read_json(workdir / "run.json"), read_json(workdir / "config.json")
    # A resumed run measures some steps again; the last measurement of a step counts.
    timing = {line["step"]: line for line in read_lines(workdir / "timing.jsonl")}
    return {
        "steps": run["step"],
        "batch_size": config["train"]["batch_size"],
        "max_length": config["data"]["max_length"],
        "lr": config["optim"]["lr"],
        "seconds_of_steps": round(sum(line["step_seconds"] * config["train"]["log_every"] for line in timing.values())),
        "tokens_per_second": round(float(np.median([line["tokens_per_second"] for line in timing.values()]))),
        "provenance": {key: run["provenance"][key] for key in ("versions", "python", "devices", "seed", "started")},
    }


def main() -> None:
    """Writes the bundled base and its card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workdir", type=Path, nargs="+", required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    last = arguments.workdir[-1]
    export = last / "export"
    model = atl.from_pretrained(str(export), "masked-lm")
    model.hf_config.pop("_name_or_path", None)
    atl.save_pretrained(model, arguments.output, dtype="float16", tokenizer_from=export)
    here = Path(__file__).parent
    for number, workdir in enumerate(arguments.workdir, start=1):
        shutil.copy(workdir / "metrics.jsonl", here / f"metrics-{number}.jsonl")
    measured: dict[str, Any] = {
        "model": read_json(last / "run.json")["final"]["validation"],
        "unigram": unigram_bits_per_character(last, export),
        "stages": [stage(workdir) for workdir in arguments.workdir],
    }
    stages = measured["stages"]
    figures = here / "figures.json"
    figures.write_text(json.dumps(measured, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    card = CARD.read_text(encoding="utf-8").format(
        bits=measured["model"]["bits_per_character"],
        loss=measured["model"]["loss"],
        accuracy=measured["model"]["accuracy"],
        unigram=measured["unigram"]["bits_per_character"],
        unigram_loss=measured["unigram"]["loss"],
        tokens=int(measured["unigram"]["masked_tokens"]),
        steps=" and ".join(f"{one['steps']:,}" for one in stages),
        batch=stages[-1]["batch_size"],
        length=stages[-1]["max_length"],
        minutes=sum(one["seconds_of_steps"] for one in stages) / 60,
    )
    (arguments.output / "README.md").write_text(card, encoding="utf-8")
    size = sum(path.stat().st_size for path in arguments.output.iterdir())
    print(f"{arguments.output}: {size / 1e6:.2f} MB; figures in {figures}")


if __name__ == "__main__":
    main()
