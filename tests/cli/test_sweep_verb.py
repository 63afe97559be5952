"""The sweep verb: what it takes, what it refuses, what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from amharic_tl.cli import sweep as verb
from amharic_tl.cli.main import main
from amharic_tl.sweeps import launch

SPEC = """
from amharic_tl import sweeps

def get_sweep():
    return sweeps.Sweep(arms=sweeps.param("optim.lr", [0.1, 0.2]), base={}, minutes=30.0)
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rates.py").write_text(SPEC)
    return tmp_path / "rates.py"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["walk", "sample"], 2),
        (["run"], 2),
        (["run", "sample", "-j", "0"], 2),
        (["run", "sample", "--engine", "cloud"], 2),
        (["run", "sample", "--max-hours", "0"], 2),
        (["run", "sample", "--slurm", "partition"], 2),
        (["run", "sampel"], 66),
        (["report", "sample", "--directory", "nothing-here"], 66),
        (["stop", "sample", "--directory", "nothing-here"], 66),
    ],
)
def test_what_is_refused(words: list[str], code: int, spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", *words]) == code
    assert capsys.readouterr().err.startswith("amharic-tl sweep: ")
    assert sorted(path.name for path in spec.parent.iterdir()) == ["rates.py"]


def test_status_before_the_first_run_tells_what_would_be_run(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "status", str(spec), "-j2"]) == 0
    said = capsys.readouterr().out
    assert "lr=0.1,seed=0" in said and "2 runs x 30 min" in said and "0.50 h with 2 at a time" in said
    assert not (spec.parent / "runs").exists()


def test_options_reach_the_launcher(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(
        launch, "run", lambda name, sweep, directory, how, progress: seen.extend([name, directory, how])
    )
    monkeypatch.setattr(verb, "_report", lambda directory, retries: None)
    words = ["resume", str(spec), "-j", "3", "--max-hours=1.5", "--retry-failed", "--retries", "0"]
    assert main(["sweep", *words, "--engine=slurm", "--slurm=partition=gpu,time=90"]) == 0
    name, directory, how = seen
    assert name == "rates" and directory == Path("runs/sweeps/rates") and isinstance(how, launch.Launch)
    assert (how.engine, how.jobs, how.max_hours, how.retries, how.retry_failed) == ("slurm", 3, 1.5, 0, True)
    assert how.slurm == {"partition": "gpu", "time": 90}
