"""Do the scores of ``select-base`` foretell what fine-tuning gives? Six bases of one shape, on TRAC-2024.

    python experiments/transfer_methods/selection.py --data DATA --output runs/selection

``amharic-tiny``, its random copy, and four that know less of what it learnt, made from it: Gaussian noise of half and
of all of each matrix's own deviation, the two top blocks drawn anew, the rows of the word table in another order. They
are no bases anyone would publish: the question is whether the scores put them in the order of their outcome. The same
command goes on; what came out is kept in ``selection.json`` beside this file.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from sets import fixed  # noqa: E402

from amharic_tl.models.interchange.locate import locate  # noqa: E402
from amharic_tl.records.files import read_json, write_json  # noqa: E402

Change = Callable[[str, np.ndarray, np.random.Generator], np.ndarray]


def noisy(share: float) -> Change:
    """Adds noise to every matrix, ``share`` of its own standard deviation."""

    def change(name: str, tensor: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        del name
        return tensor if tensor.ndim < 2 else tensor + generator.normal(0, share * tensor.std(), tensor.shape)

    return change


def without_top(name: str, tensor: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Draws the matrices of the two top blocks of four anew."""
    top = any(f".layer.{number}." in name for number in (2, 3))
    return generator.normal(0, 0.02, tensor.shape) if top and tensor.ndim == 2 else tensor


def other_words(name: str, tensor: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Gives each word the vector of another; the first rows, of special tokens, stay."""
    if not name.endswith("word_embeddings.weight"):
        return tensor
    order = np.concatenate([np.arange(8), 8 + generator.permutation(len(tensor) - 8)])
    return tensor[order]


CHANGES: dict[str, Change] = {
    "half-noise": noisy(0.5), "noise": noisy(1.0), "without-top": without_top, "other-words": other_words,
}  # fmt: skip


def make_bases(folder: Path) -> list[str]:
    """Writes those that are made, each as an HF directory, and returns the names of all six."""
    source = locate("amharic-tiny")
    for number, (name, change) in enumerate(CHANGES.items()):
        target = folder / name
        if (target / "model.safetensors").exists():
            continue
        shutil.copytree(source, target, dirs_exist_ok=True)
        generator = np.random.default_rng(number)
        stored = load_file(source / "model.safetensors")
        changed = {
            key: change(key, tensor.astype(np.float32), generator).astype(np.float32)
            for key, tensor in sorted(stored.items())
        }
        save_file(changed, target / "model.safetensors", metadata={"format": "pt"})
    return ["amharic-tiny", "random:amharic-tiny", *(str(folder / name) for name in CHANGES)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    names = make_bases(asked.output / "bases")
    preset, leaves = fixed("trac", asked.data.resolve(), asked.output)
    leaves |= {"train.steps": 180, "train.evaluate_every": 45, "data.test": None}
    words = [f"--config.{leaf}={'none' if value is None else value}" for leaf, value in leaves.items()]
    words += ["--fine-tune", "5", "--seeds", "3", "--rates", "3e-4,1e-3", "--waive", "tokens-per-word,length-budget"]
    command = [sys.executable, "-m", "amharic_tl", "select-base", *names, "--config", preset, *words]
    code = subprocess.run([*command, "--output", str(asked.output / "choice")], check=False).returncode
    if code == 0:
        record = read_json(asked.output / "choice" / "selection.json")
        for base in record["bases"]:
            base["name"] = Path(base["name"]).name
        keep = ("provenance", "methods", "ranking", "self_check")
        bases = [{key: base[key] for key in ("name", "scores", "outcomes")} for base in record["bases"]]
        kept = {**{key: record[key] for key in keep}, "bases": bases}
        write_json(HERE / "selection.json", kept)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
