"""Stages before a task: one command, stopped in a stage and gone on with, each stage from the export before it."""

from __future__ import annotations

import hashlib
import random
from functools import partial
from pathlib import Path
from typing import Any

import jax
import pytest

from amharic_tl import reports
from amharic_tl.config import build_config
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import BadInputError, ConfigError, Preempted
from amharic_tl.records.files import read_json, read_lines
from amharic_tl.reports import write_report
from amharic_tl.run import domain as domain_report
from amharic_tl.run import plan_file, train
from amharic_tl.training.interruption import Interruption
from tests.tiny import FILLERS, SIGNS, overrides


class AtLine(Interruption):
    """Asks to stop once a file has so many lines."""

    def __init__(self, path: Path, lines: int) -> None:
        super().__init__()
        self.path, self.lines = path, lines

    def requested(self) -> bool:
        return len(read_lines(self.path)) >= self.lines


def run(values: dict[str, object], workdir: Path, interruption: Interruption | None = None) -> dict[str, Any]:
    return train(build_config(values), workdir, make_mesh(1, 1, 1, jax.devices()[:1]), interruption)


@pytest.fixture(scope="module")
def values(tiny_base: Path, tiny_files: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    generator = random.Random(1)
    words = [*FILLERS, *(word for group in SIGNS.values() for word in group)]
    folder = tmp_path_factory.mktemp("text")
    for name in ("large.txt", "small.txt"):
        lines = [" ".join(generator.choices(words, k=5)) for _ in range(120 if name == "large.txt" else 30)]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {
        **overrides(tiny_base, tiny_files),
        "output.baselines": False,
        "train.steps": 4,
        "train.evaluate_every": None,
        "adapt.dapt.data": f"{folder / 'large.txt'},{folder / 'small.txt'}",
        "adapt.dapt.mixture.weights": "1,1",
        "adapt.dapt.steps": 6,
        "adapt.dapt.lr": 3e-3,
        "adapt.tapt.steps": 3,
    }


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out what other tests look at: most draws of the distances, FLOPs, the pages of the stages."""
    monkeypatch.setattr(domain_report, "domain_distances", partial(domain_report.domain_distances, draws=4, most=40))
    monkeypatch.setattr(plan_file, "count_flops", lambda *_: 1.0)
    monkeypatch.setattr(
        reports, "write_report", lambda root: write_report(root) if root.parent.name != "stages" else None
    )


def sum_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
def test_a_run_stopped_in_a_stage_goes_on_to_the_task(
    values: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str], quick: None
) -> None:
    place = tmp_path / "w"
    dapt, tapt = place / "stages" / "1-dapt", place / "stages" / "2-tapt"
    with pytest.raises(Preempted, match="Type the same command again"):
        run(values, place, AtLine(tapt / "metrics.jsonl", 2))
    stopped = read_json(place / "run.json")
    assert (stopped["status"], stopped["stage"]) == ("preempted", "tapt")
    assert 'id="adaptation"' in (place / "report.html").read_text(encoding="utf-8")
    assert read_json(dapt / "run.json")["status"] == "completed" and not (place / "checkpoints").exists()
    found = run(values, place)
    said = capsys.readouterr().err
    assert (
        "stage 1 of 3" in said
        and "is complete" in said
        and "tapt: resumed at step" in said
        and "stage 3 of 3, the task" in said
    )

    for folder, steps in ((dapt, 6), (tapt, 3)):  # no step is lost, none done twice
        lines = [line["step"] for line in read_lines(folder / "metrics.jsonl") if line["split"] == "train"]
        assert lines == list(range(1, steps + 1))
        assert "test" not in read_json(folder / "data.json")["splits"]
    assert [stage["name"] for stage in found["stages"]] == ["dapt", "tapt"] and found["status"] == "completed"
    assert [round(part["share"], 2) for part in found["stages"][0]["mixture"]] == [0.5, 0.5]
    # Each begins from the export before it: the sums of what was loaded are those of what was written.
    assert found["stages"][1]["fingerprints"]["model"]["model.safetensors"] == sum_of(
        dapt / "export" / "model.safetensors"
    )
    assert found["provenance"]["fingerprints"]["model"]["model.safetensors"] == sum_of(
        tapt / "export" / "model.safetensors"
    )
    assert all(name.startswith("classifier") for name in read_json(place / "plan.json")["newly_initialised"])
    assert read_json(place / "config.json")["model"]["path"] == values["model.path"]

    domain = read_json(place / "domain.json")
    models = domain["language_model"]["models"]
    assert list(models) == ["base", "dapt", "tapt"]
    change = models["dapt"]["bits_per_character"]["value"] - models["base"]["bits_per_character"]["value"]
    assert models["dapt"]["change"]["value"] == pytest.approx(change) and change < 0
    assert {(pair["a"], pair["b"]) for pair in domain["distances"]} == {
        ("dapt", "task train"), ("dapt", "task validation"), ("task train", "task validation"),
    }  # fmt: skip
    page = (place / "report.html").read_text(encoding="utf-8")
    assert "after TAPT" in page and "proxy-A-distance" in page

    with pytest.raises(ConfigError, match="config.adapt.tapt.steps"):
        run({**values, "adapt.tapt.steps": 9}, place)


def test_text_that_holds_the_test_stops_a_run_before_it_writes_anything(
    values: dict[str, object], tiny_base: Path, tmp_path: Path
) -> None:
    rows = [f"ቦሎቢሊታመቶሞ ቲሚካነኮኖኪኒ ዳረዶሮዲሪጋሰ {word} ጎሶጊሲ" for word in ("ፋቀ", "ፎቆ", "ፊቂ", "ዛወ")]
    for name in ("train", "test"):
        lines = [f'"{row} {name}{n}","{sorted(SIGNS)[n % 2]}"' for n, row in enumerate(rows * 3)]
        (tmp_path / f"{name}.csv").write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    text = tmp_path / "text.txt"
    text.write_text("".join(f"መጀመሪያ {row} test1 መጨረሻ\n" for row in rows), encoding="utf-8")
    changed = {
        **values,
        "data.train": str(tmp_path / "train.csv"),
        "data.validation": str(tmp_path / "train.csv"),
        "data.test": str(tmp_path / "test.csv"),
        "data.gates": "test-inside-adaptation",
        "adapt.dapt.data": str(text),
        "adapt.dapt.mixture.weights": None,
    }
    with pytest.raises(BadInputError, match=r"test-inside-adaptation .*adapt.leave_out_test=true leaves out the 4 of"):
        run(changed, tmp_path / "w")
    with pytest.raises(BadInputError, match="every text of"):
        run({**changed, "adapt.leave_out_test": True}, tmp_path / "w")
    assert not (tmp_path / "w").exists()
