"""Killed at any moment and started again, a run leaves the bytes of one that nothing disturbed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from amharic_tl.records.files import read_json, read_lines
from tests.tiny import overrides

# Each test starts several processes; on busy cores that takes long.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

# One device, so that a step is quick and a kill falls into every kind of moment.
ENVIRONMENT = {
    **os.environ,
    "XLA_FLAGS": "--xla_force_host_platform_device_count=1 --xla_backend_optimization_level=0",
}

# Runs the command line with one function replaced by another that kills the process on a given call.
KILLER = """
import os, signal, sys
import amharic_tl.training.{module} as module
original = module.{name}
calls = 0
def dying(*arguments, **named):
    global calls
    calls += 1
    if calls == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **named)
module.{name} = dying
from amharic_tl.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def command(tiny_base: Path, mixed_files: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("config") / "config.json"
    path.write_text("{}")
    values = {**overrides(tiny_base, mixed_files), "output.baselines": False, "train.steps": 60, "train.save_every": 4}
    return [
        "train",
        "--config",
        str(path),
        *(f"--config.{name}={value}" for name, value in values.items()),
        "--workdir",
    ]


def _run(arguments: list[str], code: str | None = None) -> subprocess.CompletedProcess[str]:
    start = [sys.executable, "-c", code] if code else [sys.executable, "-m", "amharic_tl"]
    return subprocess.run([*start, *arguments], capture_output=True, text=True, env=ENVIRONMENT, timeout=500)


def _result(workdir: Path) -> tuple[bytes, dict[str, str], dict[str, object]]:
    """The metrics' bytes, the sums of the exported weights and predictions, the final scores."""
    sums = {
        name: hashlib.sha256((workdir / name).read_bytes()).hexdigest()
        for name in (
            "export/model.safetensors",
            "predictions-test.jsonl",
            "predictions-validation.jsonl",
            "evaluation.json",
        )
    }
    run = read_json(workdir / "run.json")
    assert run["status"] == "completed"
    return (workdir / "metrics.jsonl").read_bytes(), sums, run["final"]


@pytest.fixture(scope="module")
def undisturbed(
    command: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[bytes, dict[str, str], dict[str, object]]:
    workdir = tmp_path_factory.mktemp("undisturbed") / "whole"
    done = _run([*command, str(workdir)])
    assert done.returncode == 0, done.stderr
    return _result(workdir)


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_five_kills_leave_no_trace(command: list[str], undisturbed: object, tmp_path: Path) -> None:
    workdir = tmp_path / "killed"
    generator = random.Random(5)
    # Two at chosen moments: between the arrays of a save and its manifest, and in the middle of an evaluation.
    assert (
        _run([*command, str(workdir)], KILLER.format(module="checkpoints", name="write_manifest", call=2)).returncode
        == -9
    )
    assert _run([*command, str(workdir)], KILLER.format(module="evaluate", name="put_batch", call=3)).returncode == -9
    # Three at random steps.
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-m", "amharic_tl", *command, str(workdir)],
            env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        target = _lines(workdir / "metrics.jsonl") + generator.randint(1, 12)
        deadline = time.monotonic() + 200
        while process.poll() is None and _lines(workdir / "metrics.jsonl") < target and time.monotonic() < deadline:
            time.sleep(0.005)
        process.kill()
        process.wait()
    done = _run([*command, str(workdir)])
    assert done.returncode == 0, done.stderr
    assert _result(workdir) == undisturbed
    events = [event["event"] for event in read_lines(workdir / "events.jsonl")]
    assert events.count("resumed") >= 3
    assert "quarantined" in events
    assert list((workdir / "checkpoints" / "quarantine").iterdir())


def test_a_signal_saves_exits_75_and_the_same_command_goes_on(
    command: list[str], undisturbed: object, tmp_path: Path
) -> None:
    workdir = tmp_path / "stopped"
    for number, lines in ((signal.SIGTERM, 7), (signal.SIGINT, 10)):
        process = subprocess.Popen(
            [sys.executable, "-m", "amharic_tl", *command, str(workdir)],
            env=ENVIRONMENT, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while process.poll() is None and _lines(workdir / "metrics.jsonl") < lines:
            time.sleep(0.005)
        process.send_signal(number)
        _, said = process.communicate(timeout=200)
        assert process.returncode == 75, said
        assert f"{number.name} received: saved at step" in said and "Traceback" not in said
        assert read_json(workdir / "run.json")["status"] == "preempted"
    done = _run([*command, str(workdir)])
    assert done.returncode == 0 and "resumed at step" in done.stderr
    assert _result(workdir) == undisturbed


def test_a_second_process_in_one_workdir_is_refused(command: list[str], tmp_path: Path) -> None:
    import fcntl

    workdir = tmp_path / "shared"
    workdir.mkdir()
    with (workdir / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        done = _run([*command, str(workdir)])
    assert done.returncode == 78 and "another process" in done.stderr


def test_changed_data_is_not_resumed(command: list[str], tiny_files: Path, tmp_path: Path) -> None:
    copy = tmp_path / "train.csv"
    copy.write_bytes((tiny_files / "train.csv").read_bytes())
    changed = [word if "data.train" not in word else f"--config.data.train={copy}" for word in command]
    killed = _run([*changed, str(tmp_path / "w")], KILLER.format(module="checkpoints", name="write_manifest", call=2))
    assert killed.returncode == -9
    copy.write_text(copy.read_text(encoding="utf-8") + '"ባለ ዳረ ጋሰ","ሀ"\n', encoding="utf-8")
    done = _run([*changed, str(tmp_path / "w")])
    assert done.returncode == 78 and "data has changed" in done.stderr
    assert json.loads((tmp_path / "w" / "run.json").read_text())["status"] == "running"
