"""Real processes: a run of four, of two and of one are the same run, whatever stops them in between.

All jobs are started by one launcher, so that everything is imported once, and share a cache of compiled programs.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import numpy as np
import pytest

import amharic_tl as atl
from amharic_tl.config.build import build_config
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.records.files import read_json, read_lines
from tests.tiny import overrides, save_encoder

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
HERE = Path(__file__).parent
STEPS = 24
FOUR, TWO = "four", "two"  # workdirs, by how many processes began them

Found = dict[str, Any]


@pytest.fixture(scope="module")
def values(tiny_base: Path, tiny_files: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    base = tmp_path_factory.mktemp("least")
    shutil.copytree(tiny_base, base, dirs_exist_ok=True)
    before = read_json(tiny_base / "config.json")
    save_encoder(
        base, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        vocab_size=before["vocab_size"], pad_token_id=before["pad_token_id"],
    )  # fmt: skip
    return {
        **overrides(base, tiny_files),
        "train.steps": STEPS,
        "train.batch_size": 8,
        "train.save_every": 7,
        "train.evaluate_every": STEPS,
        "output.baselines": False,
        "transfer.method": "head",
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("several")


@pytest.fixture(scope="module")
def jobs(values: dict[str, Any], folder: Path) -> dict[str, Found]:
    """What became of each job. ``told``: four, one told to stop, its workdir kept as it was then. ``killed``: two go on
    there, one is killed. ``stuck``: another two begin, one stands still. ``ended``: two go on there, to the end.
    """
    (folder / "config.json").write_text("{}")
    words = ["--config", str(folder / "config.json"), *(f"--config.{name}={value}" for name, value in values.items())]
    two = {"words": words, "processes": 2}
    jobs = {
        "told": {**two, "processes": 4, "workdir": FOUR, "lines": 9, "signal": signal.SIGTERM, "to": 2},
        "killed": {**two, "workdir": FOUR, "lines": 16, "signal": signal.SIGKILL, "to": 1, "keep": "told"},
        "stuck": {**two, "words": [*words, "--config.train.stuck_after=30"], "workdir": TWO, "sleeps": [1, 10]},
        "ended": {**two, "workdir": TWO},
    }
    (folder / "jobs.json").write_text(json.dumps(jobs))
    done = subprocess.run(
        [sys.executable, str(HERE / "launcher.py"), str(folder)],
        capture_output=True, text=True, timeout=800, cwd=HERE.parents[1],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Found] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def alone(values: dict[str, Any], folder: Path) -> Path:
    """The workdir of one process on one device, never stopped."""
    return _go_on(values, folder / "alone")


def _go_on(values: dict[str, Any], workdir: Path) -> Path:
    with mock.patch("amharic_tl.reports.write_report"):  # its charts take longer than the training
        atl.train(build_config(values), workdir, mesh=make_mesh(None, 1, 1, jax.devices()[:1]))
    return workdir


def _assert_same_run(workdir: Path, alone: Path) -> None:
    """The losses and gradient norms of every step, and every figure of the end."""
    several, one = read_lines(workdir / "metrics.jsonl"), read_lines(alone / "metrics.jsonl")
    assert [line["step"] for line in several] == [line["step"] for line in one]
    assert sum("grad_norm" in line for line in one) == STEPS
    for name in ("loss", "grad_norm"):
        figures = [[line[name] for line in lines if name in line] for lines in (several, one)]
        np.testing.assert_allclose(*figures, atol=1e-4, rtol=1e-4)
    finals = [read_json(folder / "run.json")["final"]["test"] for folder in (workdir, alone)]
    assert finals[0] == pytest.approx(finals[1], abs=1e-4)


def _sessions(workdir: Path) -> int:
    """How often the run was begun or gone on with; process 0 alone writes."""
    events = [event["event"] for event in read_lines(workdir / "events.jsonl")]
    assert events.count("started") == 1
    assert len(read_json(workdir / "run.json")["provenance"]["sessions"]) == events.count("resumed") + 1
    return events.count("resumed") + 1


def test_told_to_stop_one_of_four_all_save_at_one_step(jobs: dict[str, Found]) -> None:
    found = jobs["told"]
    assert found["codes"] == [75] * 4, found["said"]
    assert "received: saved at step" in found["said"][0]
    for said in found["said"][1:]:
        assert "saved at step" not in said  # process 0 alone speaks
        assert "Traceback" not in said
    assert found["seconds"] < 60


def test_what_four_saved_one_ends(jobs: dict[str, Found], folder: Path, values: dict[str, Any], alone: Path) -> None:
    workdir = _go_on(values, folder / "told")
    _assert_same_run(workdir, alone)
    assert _sessions(workdir) == 2


def test_where_one_is_killed_the_other_ends_with_a_sentence(jobs: dict[str, Found]) -> None:
    found = jobs["killed"]
    assert found["codes"] == [75, -signal.SIGKILL], found["said"]
    assert "another process of the job is gone" in found["said"][0]
    assert found["seconds"] < 60


def test_what_four_saved_two_go_on_with_and_the_same_command_ends_what_was_killed(
    jobs: dict[str, Found], folder: Path, values: dict[str, Any], alone: Path
) -> None:
    workdir = _go_on(values, folder / FOUR)
    _assert_same_run(workdir, alone)
    assert _sessions(workdir) == 3


def test_where_one_is_stuck_each_says_where_it_stands_and_ends(jobs: dict[str, Found]) -> None:
    found = jobs["stuck"]
    assert found["codes"] == [75, 75], found["said"]
    for number, said in enumerate(found["said"]):
        assert f"process {number} of 2: no step or batch was finished for" in said
    assert "standing_still" in found["said"][1]  # the stack names the place


def test_two_end_what_was_stuck_with_the_losses_of_one(jobs: dict[str, Found], folder: Path, alone: Path) -> None:
    assert jobs["ended"]["codes"] == [0, 0], jobs["ended"]["said"]
    _assert_same_run(folder / TWO, alone)
    assert _sessions(folder / TWO) == 2
