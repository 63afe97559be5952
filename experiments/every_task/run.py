"""Every task trains on a real Amharic set from the command line: one run each, and the scores its field uses.

    python experiments/every_task/run.py --data DATA --output runs/every_task [--only NAME ...]

A finished run is skipped and a broken one resumed. Encoders start from `amharic-tiny`; it has no decoder, so the
decoder and the encoder-decoder are drawn at random with its tokenizer: their runs show that the task works, not what it
can reach.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amharic_tl.records.files import read_json, write_lines

SENTINELS = 100


def causal_base(folder: Path) -> None:
    """A Llama of four layers of 256 drawn at random, with the tokenizer of `amharic-tiny`."""
    from amharic_tl.models.interchange.locate import locate

    _draw(
        folder,
        "causal-lm",
        locate("amharic-tiny"),
        {
            "model_type": "llama", "hidden_size": 256, "intermediate_size": 688, "num_hidden_layers": 4,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
            "tie_word_embeddings": True,
        },
    )  # fmt: skip


def seq2seq_base(folder: Path) -> None:
    """A T5 of three and three layers of 256 drawn at random, with the tokenizer of `amharic-tiny` and sentinels."""
    from transformers import AutoTokenizer

    from amharic_tl.models.interchange.locate import locate

    tokenizer = AutoTokenizer.from_pretrained(str(locate("amharic-tiny")))
    tokenizer.add_special_tokens({"additional_special_tokens": [f"<extra_id_{n}>" for n in range(SENTINELS)]})
    tokenizer.save_pretrained(folder / "tokenizer")
    _draw(
        folder,
        "seq2seq-lm",
        folder / "tokenizer",
        {
            "model_type": "t5", "d_model": 256, "d_kv": 64, "d_ff": 512, "num_layers": 3, "num_heads": 4,
            "feed_forward_proj": "gated-gelu", "decoder_start_token_id": 1,
        },
    )  # fmt: skip


def _draw(folder: Path, task: str, tokenizer_from: Path, config: dict[str, Any]) -> None:
    import amharic_tl as atl
    from amharic_tl.data.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(tokenizer_from)
    special = {
        "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id, "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }  # fmt: skip
    atl.save_pretrained(atl.from_config({**config, **special}, task, seed=0), folder, tokenizer_from=tokenizer_from)


BASES: dict[str, Callable[[Path], None]] = {"causal": causal_base, "seq2seq": seq2seq_base}


def _three(folder: Path, name: str) -> list[str]:
    stems = {"train": "train", "validation": "dev", "test": "test"}
    return [f"--config.data.{split}={folder / name.format(stem)}" for split, stem in stems.items()]


def commands(data: Path) -> dict[str, tuple[str | None, str, list[str]]]:
    """By run: the base it needs (None: the preset's), its preset, and what else is said. None was tuned."""
    parallel = data / "ethiopian-parallel"
    return {
        "classification": (
            None,
            "classify",
            [
                *_three(data / "trac2024-hate", "{}_category.csv"),
                *("--config.data.text=tweet", "--config.data.label=label", "--config.train.epochs=2"),
            ],
        ),
        "multi-label": (
            None,
            "classify",
            [
                *_three(data / "ethioemo", "{}.csv"),
                "--config.task.problem=multi-label",
                "--config.data.label=anger,disgust,fear,joy,sadness,surprise",
                "--config.train.epochs=3",
            ],
        ),
        "regression": (
            None,
            "classify",
            [
                *_three(data / "trac2024-hate", "{}_intensity.csv"),
                *("--config.data.text=tweet", "--config.data.label=score", "--config.task.problem=regression"),
                *("--config.train.class_weights=none", "--config.train.select_by=validation/pearson"),
                "--config.train.epochs=2",
            ],
        ),
        "token-classification": (
            None,
            "ner",
            [*_three(data / "masakhaner", "{}.txt"), "--config.train.epochs=5"],
        ),
        "masked-lm": (
            None,
            "mlm",
            [*_three(data / "enh-news", "{}.jsonl.gz"), "--config.train.steps=60", "--config.train.evaluate_every=60"],
        ),
        "causal-lm": (
            "causal",
            "causal",
            [
                *_three(data / "enh-news", "{}.jsonl.gz"),
                *("--config.data.max_length=256", "--config.train.batch_size=8", "--config.optim.lr=1e-3"),
                *("--config.train.steps=300", "--config.train.evaluate_every=150"),
            ],
        ),
        "translation": (
            "seq2seq",
            "translate",
            [
                f"--config.data.train={parallel / 'news.eng.txt'}::{parallel / 'news.amh.txt'}",
                f"--config.data.validation={data / 'mafand-mt' / 'dev.tsv'}",
                f"--config.data.test={data / 'mafand-mt' / 'test.tsv'}",
                *("--config.data.max_length=256", "--config.data.max_target_length=96", "--config.optim.lr=1e-3"),
                *("--config.train.steps=120", "--config.train.evaluate_every=60", "--config.train.batch_size=16"),
                "--config.task.generate_rows=64",
            ],
        ),
        "span-corruption": (
            "seq2seq",
            "span_corruption",
            [
                *_three(data / "enh-news", "{}.jsonl.gz"),
                *("--config.data.max_length=128", "--config.optim.lr=1e-3"),
                *("--config.train.steps=150", "--config.train.evaluate_every=75"),
            ],
        ),
    }


# What of a run's final scores is shown.
FIGURES = {
    "classification": ("macro_f1", "accuracy"),
    "multi-label": ("macro_f1", "micro_f1"),
    "regression": ("pearson", "spearman", "mae"),
    "token-classification": ("entity_f1", "entity_precision", "entity_recall"),
    "masked-lm": ("bits_per_character", "accuracy"),
    "causal-lm": ("bits_per_character", "perplexity"),
    "translation": ("bleu", "chrf", "bits_per_character"),
    "span-corruption": ("bits_per_character", "accuracy"),
}


def run(name: str, data: Path, output: Path) -> None:
    """One run, with its base where it needs one."""
    base, preset, arguments = commands(data)[name]
    workdir = output / name
    if (workdir / "run.json").exists() and read_json(workdir / "run.json")["status"] == "completed":
        return
    if base is not None:
        folder = output / "bases" / base
        if not (folder / "config.json").exists():
            BASES[base](folder)
        arguments = [f"--config.model.path={folder}", *arguments]
    command = [sys.executable, "-m", "amharic_tl", "train", "--config", preset, *arguments, "--config.train.seed=0"]
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(output / "compiled")}
    began = time.monotonic()
    code = subprocess.run(
        [*command, "--config.output.export=false", "--workdir", str(workdir)], env=environment
    ).returncode
    print(f"{name}: exit {code}, {(time.monotonic() - began) / 60:.1f} min", flush=True)
    if code:
        sys.exit(code)


def table(output: Path) -> list[str]:
    """The scores of finished runs; others are not measured."""
    lines = ["| run | steps | dev | test | TF-IDF or constant, test |", "| --- " * 5 + "|"]
    for name, figures in FIGURES.items():
        record_path = output / name / "run.json"
        if not record_path.exists() or read_json(record_path)["status"] != "completed":
            lines.append(f"| {name} | not measured | | | |")
            continue
        record = read_json(record_path)
        dev, test = (_shown(record["final"].get(split, {}), figures) for split in ("validation", "test"))
        lines.append(f"| {name} | {record['step']} | {dev} | {test} | {_baseline(output / name, figures[0])} |")
    return lines


def results(output: Path) -> list[dict[str, Any]]:
    """The scores of finished runs, a line each."""
    lines = []
    for name, figures in FIGURES.items():
        path = output / name / "run.json"
        record = read_json(path) if path.exists() else {}
        if record.get("status") == "completed":
            scores = {
                split: {
                    figure: record["final"][split][figure] for figure in figures if figure in record["final"][split]
                }
                for split in ("validation", "test")
                if split in record["final"]
            }
            lines.append({"run": name, "steps": record["step"], **scores})
    return lines


def _shown(scores: Mapping[str, Any], figures: tuple[str, ...]) -> str:
    return ", ".join(f"{figure} {scores[figure]:.3f}" for figure in figures if scores.get(figure) is not None)


def _baseline(workdir: Path, figure: str) -> str:
    path = workdir / "baselines.json"
    lines = read_json(path) if path.exists() else {}
    found = {name: line["test"][figure] for name, line in lines.items() if figure in (line.get("test") or {})}
    return ", ".join(f"{name} {'undefined' if value is None else f'{value:.3f}'}" for name, value in found.items())


def main() -> None:
    """Runs what is missing, then prints the table and keeps it in ``OUTPUT/table.md``, its scores in ``runs.jsonl``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds trac2024-hate, enh-news, ...")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", nargs="*", choices=list(FIGURES), default=list(FIGURES))
    arguments = parser.parse_args()
    print(
        f"{len(arguments.only)} runs; token-classification took 2 minutes on one core, others take longer", flush=True
    )
    for name in arguments.only:
        run(name, arguments.data, arguments.output)
    text = "\n".join(table(arguments.output)) + "\n"
    (arguments.output / "table.md").write_text(text, encoding="utf-8")
    write_lines(arguments.output / "runs.jsonl", results(arguments.output))
    print(text)


if __name__ == "__main__":
    main()
