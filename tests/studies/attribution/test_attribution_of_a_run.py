"""A planted correlation in a run that was trained: its source comes first, a stopped attribution goes on the same."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import amharic_tl as atl
from amharic_tl.config import build_config
from amharic_tl.errors import AmharicTLError, CannotCreateError, ConfigError, Preempted
from amharic_tl.records.files import read_json, read_lines
from amharic_tl.reports import write_report
from amharic_tl.reports.attribution import table
from amharic_tl.safety.differentiable import FigureName
from amharic_tl.studies.attribution.request import Request
from amharic_tl.studies.attribution.study import attribute
from amharic_tl.training.interruption import Interruption
from tests.safety.world import GROUPS, WORDS

FIGURE = FigureName("false_positive_rate_gap", "ethnicity", "dalumi")
REQUEST = Request(FIGURE, source="origin", top=30, parts=5, batch=32)


class StopsAt(Interruption):
    """Told to stop at a poll."""

    def __init__(self, poll: int) -> None:
        super().__init__()
        self.signal_name, self._left = "SIGTERM", poll

    def requested(self) -> bool:
        self._left -= 1
        return self._left < 0


def write(path: Path, count: int, seed: int, planted: bool) -> str:
    """Rows that name a group; in a source of its own one group goes with harm, elsewhere groups mean nothing."""
    draw = random.Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label", "origin"])
        for number in range(count):
            own = planted and number % 3 == 0
            group = GROUPS[0] if own else draw.choice(GROUPS)
            label = "harm" if own else draw.choice(["harm", "fine", "fine"])
            words = [*draw.choices(WORDS, k=4), group]
            draw.shuffle(words)
            writer.writerow([f"r{number}", " ".join(words), label, "planted" if own else "other"])
    return str(path)


@pytest.fixture(scope="module")
def workdir(small_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attributed")
    one = jax.devices()[:1]
    values: dict[str, Any] = {
        "model.path": str(small_base),
        "data.train": write(folder / "train.csv", 240, 0, True),
        "data.validation": write(folder / "validation.csv", 80, 1, False),
        "data.max_length": 16,
        "train.steps": 12,
        "train.batch_size": 32,
        "train.evaluate_every": 4,
        "optim.lr": 3e-3,
        "safety.axes": "ethnicity",
        "safety.pack": "demo",
        "safety.positive_labels": "harm",
        "output.tensorboard": False,
        "output.export": False,
        "output.baselines": False,
        "output.keep_for_attribution": 2,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "devices", lambda: one)  # programs for eight take long to compile
        atl.train(build_config(values), folder / "run")
    return folder / "run"


def test_the_planted_source_comes_first_and_a_stopped_attribution_goes_on(workdir: Path) -> None:
    assert {path.name for path in (workdir / "parameters").iterdir()} == {"8.safetensors", "12.safetensors"}
    said: list[str] = []
    with pytest.raises(Preempted, match="same command"):
        attribute(workdir, REQUEST, StopsAt(3), said.append)
    with pytest.raises(ConfigError, match="other settings .batch"):
        attribute(workdir, Request(FIGURE, "origin", 30, 5, 8), say=said.append)
    found = attribute(workdir, REQUEST, say=said.append)
    assert any("GB for parameters and directions" in sentence for sentence in said)

    about = read_json(found.folder / "attribution.json")
    assert [line["source"] for line in about["sources"]] == ["planted", "other"]
    assert about["sources"][0]["ci_low"] > 0
    assert {line["step"] for line in about["checkpoints"]} >= {8, 12}
    lines = read_lines(found.folder / "attribution.jsonl")
    assert sorted(line["id"] for line in lines) == sorted(f"r{number}" for number in range(240))
    scores = [line["score"] for line in lines]
    assert scores == sorted(scores, reverse=True)
    assert np.mean([line["source"] == "planted" for line in lines[:30]]) > 2 / 3
    assert not list(found.folder.glob("scores-*"))

    stored = "".join(path.read_text(encoding="utf-8") for path in found.folder.glob("attribution.*"))
    page = write_report(workdir).read_text(encoding="utf-8")
    section = page[page.index('id="attribution"') :]
    assert "planted" in section and lines[0]["id"] in section
    assert not any(name in text for name in GROUPS for text in (stored, table(found.about)))  # ids, never a text

    with pytest.raises(CannotCreateError, match="already"):
        attribute(workdir, REQUEST, say=said.append)
    (found.folder / "attribution.json").unlink()  # from the beginning, undisturbed: the same scores
    again = attribute(workdir, REQUEST, say=said.append)
    assert [(line["id"], line["score"]) for line in again.lines] == [(line["id"], line["score"]) for line in lines]


def test_what_is_no_run_with_a_figure_is_refused(workdir: Path, tmp_path: Path) -> None:
    with pytest.raises(AmharicTLError, match="is not a workdir"):
        attribute(tmp_path, REQUEST)
    with pytest.raises(AmharicTLError, match="does not watch the axis"):
        attribute(workdir, Request(FigureName("benign_flagged", "religion", "all")))
