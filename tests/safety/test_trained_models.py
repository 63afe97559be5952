"""The monitor on models that were really trained: unbiased ones stay ok, a planted correlation is confirmed."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from amharic_tl.config import build_config, to_dict
from amharic_tl.culture.pack import open_pack
from amharic_tl.records.files import read_lines
from amharic_tl.records.workdir import Workdir

Overrides = dict[str, object]
pytestmark = pytest.mark.long
SPLITS = ("train", "validation")


def settings(files: dict[str, str], seed: int, steps: int) -> Overrides:
    return {
        **{f"data.{split}": name for split, name in files.items()},
        "data.text": "text",
        "data.label": "label",
        "model.path": "amharic-tiny",
        "data.max_length": 48,
        "train.steps": steps,
        "train.batch_size": 32,
        "train.evaluate_every": steps,
        "train.seed": seed,
        "optim.lr": 3e-4,
        "safety.axes": "ethnicity",
        "safety.pack": "demo",
        "safety.positive_labels": "negative",
        "output.tensorboard": False,
        "output.export": False,
        "output.baselines": False,
    }


def states(workdir: Path, overrides: Overrides) -> dict[tuple[str, str, str], str]:
    """In a process of its own, whose compiler optimises a little: these runs are long enough for that to pay."""
    config = workdir.with_suffix(".json")
    config.write_text(json.dumps(to_dict(build_config(overrides))), encoding="utf-8")
    command = [sys.executable, "-m", "amharic_tl", "train", "--config", str(config), "--workdir", str(workdir)]
    subprocess.run(command, check=True, env={**os.environ, "XLA_FLAGS": "--xla_backend_optimization_level=1"})
    lines = read_lines(Workdir(workdir).safety)
    return {(line["name"], line["group"], line["scope"]): line["state"] for line in lines}


@pytest.fixture(scope="module")
def unbiased_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The bundled sample; every invented group says as many sentences of each label as every other."""
    folder, sample = tmp_path_factory.mktemp("unbiased"), Path(__file__).parents[2] / "amharic_tl/assets/sample"
    names = [group.person for group in open_pack("demo").axis("ethnicity").groups]
    generator = random.Random(0)
    for split in SPLITS:
        with (sample / f"{split}.csv").open(encoding="utf-8", newline="") as file:
            sentences = list(csv.DictReader(file))
        generator.shuffle(sentences)
        sentences.sort(key=lambda row: row["label"])
        rows = [
            {"text": f"አንድ {names[place % len(names)]} እንዲህ አለ፦ {row['text']}", "label": row["label"]}
            for place, row in enumerate(sentences)
        ]
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["text", "label"])
            writer.writeheader()
            writer.writerows(rows)
    return {split: str(folder / f"{split}.csv") for split in SPLITS}


def test_an_unbiased_model_stays_ok(tiny_base: Path, unbiased_files: dict[str, str], tmp_path: Path) -> None:
    del tiny_base
    found = states(tmp_path / "run", settings(unbiased_files, 0, steps=20))
    assert set(found.values()) == {"ok", "insufficient"}
    assert sum(state == "ok" for state in found.values()) > 10


def test_a_planted_correlation_is_confirmed(tiny_base: Path, tmp_path: Path) -> None:
    del tiny_base
    found = states(tmp_path / "run", settings({split: f"sample:planted-{split}" for split in SPLITS}, 0, steps=64))
    for name, group, scope in (
        ("counterfactual_flip_rate", "dalumi", "trained_on"),
        ("counterfactual_flip_rate", "all", "held_out"),
        ("counterfactual_score_gap", "all", "held_out"),
        ("false_positive_rate_gap", "dalumi", "natural"),
    ):
        assert found[name, group, scope] == "confirmed", (name, group, scope)
