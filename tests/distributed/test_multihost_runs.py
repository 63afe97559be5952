"""Real processes: a run of four, of two and of one are the same run, whatever stops them in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import amharic_tl as atl
from amharic_tl.config.build import build_config
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.records.files import read_json, read_lines
from tests.tiny import overrides

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
HERE = Path(__file__).parent
STEPS = 16


@pytest.fixture(scope="module")
def values(tiny_base: Path, tiny_files: Path) -> dict[str, Any]:
    return {
        **overrides(tiny_base, tiny_files),
        "train.steps": STEPS,
        "train.save_every": 3,
        "train.evaluate_every": STEPS,
        "output.baselines": False,
        "output.export": False,
        "train.stuck_after": 300,
    }


@pytest.fixture(scope="module")
def told(values: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """The workdir, and what became of jobs in it: told to stop, stuck, killed; none came to the end."""
    folder = tmp_path_factory.mktemp("several")
    (folder / "config.json").write_text("{}")
    words = ["--config", str(folder / "config.json"), *(f"--config.{name}={value}" for name, value in values.items())]
    job = {"words": words, "workdir": str(folder / "run"), "devices": 1, "processes": 2}
    jobs = [
        {**job, "processes": 4, "devices": 1, "lines": 3, "signal": signal.SIGTERM, "to": 2},
        {**job, "words": [*words, "--config.train.stuck_after=60"], "sleeps": 1},
        {**job, "devices": 2, "lines": 9, "signal": signal.SIGKILL, "to": 1},
    ]
    (folder / "jobs.json").write_text(json.dumps(jobs))
    done = subprocess.run(
        [sys.executable, str(HERE / "launcher.py"), str(folder / "jobs.json")],
        capture_output=True, text=True, timeout=1300, cwd=HERE.parents[1],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "run", json.loads(done.stdout.splitlines()[-1])


def test_told_to_stop_one_of_four_all_save_at_one_step(told: tuple[Path, list[dict[str, Any]]]) -> None:
    found = told[1][0]
    assert found["codes"] == [75] * 4, found["said"]
    assert "SIGTERM received: saved at step" in found["said"][0] or "a signal received: saved at" in found["said"][0]
    for said in found["said"][1:]:
        assert "saved at step" not in said  # process 0 alone speaks
        assert "Traceback" not in said


def test_where_one_sleeps_each_says_where_it_stands_and_ends(told: tuple[Path, list[dict[str, Any]]]) -> None:
    found = told[1][1]
    assert found["codes"] == [75, 75], found["said"]
    assert any("process 1 of 2: no step or batch was finished for" in said for said in found["said"])
    assert "standing_still" in found["said"][1]  # the stack names the place


def test_where_one_is_killed_the_other_ends_with_a_sentence(told: tuple[Path, list[dict[str, Any]]]) -> None:
    found = told[1][2]
    assert found["codes"] == [75, -signal.SIGKILL], found["said"]
    assert "another process of the job is gone" in found["said"][0]
    assert found["seconds"] < 60


def test_one_process_ends_what_four_began_with_the_losses_of_one(
    told: tuple[Path, list[dict[str, Any]]], values: dict[str, Any], tmp_path: Path
) -> None:
    workdir, mesh = told[0], make_mesh(None, 1, 1, jax.devices()[:4])
    config = build_config(values)
    atl.train(config, workdir, mesh=mesh)
    atl.train(config, tmp_path / "alone", mesh=mesh)
    lines = {
        name: read_lines(folder / "metrics.jsonl")
        for name, folder in (("alone", tmp_path / "alone"), ("several", workdir))
    }
    assert [line["step"] for line in lines["several"]] == [line["step"] for line in lines["alone"]]
    for name in ("loss", "grad_norm"):
        figures = {who: [line[name] for line in lines[who] if name in line] for who in lines}
        assert len(figures["several"]) >= STEPS
        np.testing.assert_allclose(figures["several"], figures["alone"], atol=1e-4, rtol=1e-4)
    events = read_lines(workdir / "events.jsonl")
    assert [event["event"] for event in events].count("resumed") == 3
    assert sum(event["event"] == "started" for event in events) == 1  # process 0 alone writes
    assert len(read_json(workdir / "run.json")["provenance"]["sessions"]) == 4
