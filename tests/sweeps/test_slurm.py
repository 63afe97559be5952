"""Arrays without SLURM: submitit's local executor runs the same tasks, and sbatch's text is looked at."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from amharic_tl.errors import ConfigError, MissingInputError
from amharic_tl.records.files import read_lines
from amharic_tl.sweeps import collect, locks
from amharic_tl.sweeps.launch import planned
from amharic_tl.sweeps.manifest import store
from amharic_tl.sweeps.measured import Question
from amharic_tl.sweeps.place import Place
from amharic_tl.sweeps.slurm import ArrayTask, submit
from tests.sweeps.launching import FAKE, pids, run, spec, starts, until

pytest.importorskip("submitit", reason="needs pip install 'amharic-tl[slurm]'")


def stored(directory: Path, models: list[str]) -> tuple[Place, list[str]]:
    """A sweep that is planned and not begun."""
    place = Place(directory)
    manifest = store(place, "test", Question(), planned(spec(models, [0.1])))
    return place, [one.folder for one in manifest.runs]


def test_tasks_finish_what_can_be_finished_and_nothing_is_submitted_twice(tmp_path: Path) -> None:
    place, folders = stored(tmp_path / "s", ["ok", "die-once", "exit-66"])
    jobs = submit(place, folders, 2, {}, train=FAKE, cluster="local")
    assert submit(place, folders, 2, {}, train=FAKE, cluster="local", in_queue=lambda place, job: True) == []
    assert [job.result() for job in jobs] == ["finished", "finished", "failed"]
    assert [one.status for one in collect(place.root)] == ["finished", "finished", "failed"]
    assert sorted(starts(place.root).values()) == [1, 2]
    assert submit(place, folders, 2, {}, train=FAKE, cluster="local") == []


def test_a_warning_before_the_time_limit_saves_the_run_and_queues_the_task_again(tmp_path: Path) -> None:
    place, folders = stored(tmp_path / "s", ["slow"])
    (job,) = submit(place, folders, 1, {}, train=FAKE, cluster="local")
    until(lambda: len(pids(place.root)) == 1)
    os.kill(locks.holder(place.lock(folders[0]))["process"], signal.SIGUSR2)  # what sbatch's --signal=USR2@90 sends
    until(lambda: list(starts(place.root).values()) == [2])
    ended = [line for line in read_lines(place.attempts(folders[0])) if line["event"] == "ended"]
    assert [(line["code"], line["told"]) for line in ended] == [(75, False)]
    (place.workdir(folders[0]).root / "go").touch()
    assert job.result() == "finished"


def test_a_task_that_comes_late_finds_the_run_done_or_the_sweep_stopped(tmp_path: Path) -> None:
    place, folders = stored(tmp_path / "s", ["ok"])
    place.stop.touch()
    assert ArrayTask(str(place.root), folders[0], train=FAKE)() == "not started" and starts(place.root) == {}
    place.stop.unlink()
    assert [ArrayTask(str(place.root), folders[0], train=FAKE)() for _ in range(2)] == ["finished", "finished"]
    assert list(starts(place.root).values()) == [1]


def test_what_is_given_to_sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, does in (("srun", "exit 0"), ("sbatch", 'cp "$1" "$0.given"; echo Submitted batch job 12')):
        (commands / name).write_text(f"#!/bin/sh\n{does}\n")
        (commands / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    said = run(tmp_path / "s", spec(), engine="slurm", jobs=1, slurm={"partition": "long", "time": 90})
    assert "2 runs submitted as job 12" in said
    given = (commands / "sbatch.given").read_text()
    for line in ("--array=0-1%1", "--partition=long", "--time=90", "--signal=USR2@90", "--requeue"):
        assert f"#SBATCH {line}\n" in given


def test_without_slurm_or_with_settings_that_it_does_not_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, folders = stored(tmp_path / "s", ["ok"])
    with pytest.raises(ConfigError, match="partitoin"):
        monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
        submit(place, folders, 1, {"partitoin": "x"}, train=FAKE)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(MissingInputError, match="SLURM"):
        submit(place, folders, 1, {}, train=FAKE)
