"""Sweeps on this machine: what is skipped, retried, given up and gone on with, and that kills lose nothing."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import signal
import time
from pathlib import Path

import pytest

from amharic_tl.errors import ConfigError, MissingInputError
from amharic_tl.records.files import read_json, read_lines
from amharic_tl.sweeps import collect, launch, locks
from amharic_tl.sweeps.place import Place
from amharic_tl.sweeps.report import write_report
from amharic_tl.training.progress import Progress
from tests.sweeps.launching import FAKE, go, launcher, lock, pids, run, spec, starts, until


def tables(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in write_report(directory)[:2]]


def test_every_run_is_run_once_and_a_second_command_finds_nothing_to_do(tmp_path: Path) -> None:
    said = run(tmp_path / "s", spec(seeds=2), jobs=2)
    assert said.splitlines()[0] == "4 runs" and "4 finished of 4 runs" in said
    before = tables(tmp_path / "s")
    run(tmp_path / "s", spec(seeds=2), jobs=2)
    assert set(starts(tmp_path / "s").values()) == {1} and tables(tmp_path / "s") == before


def test_a_run_is_given_its_resolved_config_one_cache_and_a_process_group_of_its_own(tmp_path: Path) -> None:
    run(tmp_path / "s", spec())
    configs = [read_json(path) for path in sorted((tmp_path / "s" / "runs").glob("*/config.json"))]
    assert [config["optim"]["lr"] for config in configs] == [0.1, 0.2]
    assert all(config["train"]["seed"] == 0 for config in configs)


def test_scores_are_collected_with_the_cells_that_are_not_measured(tmp_path: Path) -> None:
    with pytest.raises(launch.RunsFailed) as caught:
        run(tmp_path / "s", spec(["ok", "exit-66"], [0.1]))
    assert caught.value.exit_code == 66 and "there is no file train.csv" in str(caught.value)
    good, bad = collect(tmp_path / "s")
    assert good.status == "finished" and good.arm == {"model.path": "ok"} and good.seed == 0
    assert good.scores["test/macro_f1"] == pytest.approx(good.scores["validation/macro_f1"] / 2)
    assert good.scores["test/f1/ሰላም"] is None and good.minutes is not None and good.workdir is not None
    assert not [name for name in good.scores if "not_measured" in name]
    assert bad.status == "failed" and bad.scores == {} and bad.workdir is None
    lines = launch.status(tmp_path / "s")
    assert lines[-1] == "1 finished, 1 failed of 2 runs; no launcher is at work"
    assert "exit 66: --config: there is no file train.csv" in lines[1]
    markdown, csv, *_ = write_report(tmp_path / "s")
    assert "not measured: failed" in markdown.read_text(encoding="utf-8")
    assert csv.read_text(encoding="utf-8").count("\n") == 3


def test_what_is_wrong_is_not_tried_again_unless_asked(tmp_path: Path) -> None:
    place = Place(tmp_path / "s")

    def attempts() -> int:
        (path,) = (tmp_path / "s" / "attempts").iterdir()
        return sum(line["event"] == "started" for line in read_lines(path))

    for again, count in ((False, 1), (False, 1), (True, 2)):
        with pytest.raises(launch.RunsFailed):
            run(place.root, spec(["exit-66"], [0.1]), retry_failed=again)
        assert attempts() == count


@pytest.mark.parametrize("model", ["die-once", "save-once"])
def test_a_run_that_is_killed_or_saved_goes_on_in_its_workdir(tmp_path: Path, model: str) -> None:
    run(tmp_path / "s", spec([model], [0.1]))
    assert list(starts(tmp_path / "s").values()) == [2]
    assert [one.status for one in collect(tmp_path / "s")] == ["finished"]


def test_a_run_that_is_killed_over_and_over_is_given_up_and_the_others_go_on(tmp_path: Path) -> None:
    with pytest.raises(launch.RunsFailed, match="cut off 3 times.*SIGKILL") as caught:
        run(tmp_path / "s", spec(["die", "ok"], [0.1]), retries=2)
    assert caught.value.exit_code == 74
    assert [one.status for one in collect(tmp_path / "s", retries=2)] == ["failed", "finished"]


def test_a_launcher_that_is_killed_loses_nothing_and_its_runs_are_not_started_twice(tmp_path: Path) -> None:
    directory, models = tmp_path / "s", ["slow", "ok"]
    first = launcher(directory, models, jobs=2)
    until(lambda: len(pids(directory)) == 2)
    first.kill()
    first.wait()
    assert [one.status for one in collect(directory)] == ["running", "running", "not started", "not started"]
    second = launcher(directory, models, jobs=2)
    until(lambda: locks.held(Place(directory).launcher))
    with pytest.raises(ConfigError, match=str(second.pid)):
        run(directory, spec(models))
    go(directory)
    assert second.wait() == 0
    assert set(starts(directory).values()) == {1}
    assert [one.status for one in collect(directory)] == ["finished"] * 4


def test_runs_that_are_alive_count_among_those_at_a_time(tmp_path: Path) -> None:
    directory = tmp_path / "s"
    process = launcher(directory, ["slow"], jobs=2)
    until(lambda: len(pids(directory)) == 2)
    process.kill()
    process.wait()
    first, second = pids(directory)
    os.killpg(os.getpgid(first), signal.SIGKILL)
    process = launcher(directory, ["slow"], jobs=1)
    until(lambda: locks.held(Place(directory).launcher))
    time.sleep(0.7)
    assert sorted(starts(directory).values()) == [1, 1]
    (go_on,) = (path.parent for path in (directory / "runs").glob("*/starts.txt") if str(second) in path.read_text())
    (go_on / "go").touch()
    until(lambda: sorted(starts(directory).values()) == [1, 2])
    go(directory)
    assert process.wait() == 0


def test_a_run_and_what_watches_it_may_be_killed(tmp_path: Path) -> None:
    directory = tmp_path / "s"
    process = launcher(directory, ["slow"], jobs=2)
    until(lambda: len(pids(directory)) == 2)
    first, second = pids(directory)
    os.kill(first, signal.SIGKILL)
    watcher = os.getpgid(second)
    os.kill(watcher, signal.SIGKILL)
    until(lambda: sorted(starts(directory).values()) == [1, 2])
    go(directory)
    assert process.wait() == 0
    assert sorted(starts(directory).values()) == [1, 2]


def test_stop_lets_runs_save_and_the_same_command_goes_on(tmp_path: Path) -> None:
    directory = tmp_path / "s"
    process = launcher(directory, ["slow"], jobs=1)
    until(lambda: len(pids(directory)) == 1)
    assert "1 interrupted, 1 not started" in launch.stop(directory, Progress(1))
    assert process.wait() == 75 and process.stderr is not None
    assert b"same command goes on" in process.stderr.read()
    process = launcher(directory, ["slow"], jobs=2)
    until(lambda: sorted(starts(directory).values()) == [1, 2])
    os.kill(process.pid, signal.SIGTERM)  # as Ctrl-C
    assert process.wait() == 75
    assert [one.status for one in collect(directory)] == ["interrupted"] * 2


def test_stop_reaches_a_run_whose_watcher_and_launcher_are_gone(tmp_path: Path) -> None:
    directory = tmp_path / "s"
    process = launcher(directory, ["slow"], jobs=1)
    until(lambda: len(pids(directory)) == 1 and "group" in locks.holder(lock(directory)))
    (alive,) = pids(directory)
    process.kill()
    process.wait()
    os.kill(os.getpgid(alive), signal.SIGKILL)
    launch.stop(directory, Progress(1))
    assert [one.status for one in collect(directory)][0] == "interrupted"


def test_runs_may_be_added_and_not_changed(tmp_path: Path) -> None:
    directory = tmp_path / "s"
    run(directory, spec(rates=[0.1]))
    folders = set(starts(directory))
    run(directory, spec(rates=[0.1, 0.2], seeds=2))
    assert len(starts(directory)) == 4 and folders < set(starts(directory))
    assert set(starts(directory).values()) == {1}
    with pytest.raises(ConfigError, match=r"2 of the 4 runs.*\n.*config\.optim\.lr was 0\.2, is 0\.3"):
        run(directory, spec(rates=[0.1, 0.3], seeds=2))
    with pytest.raises(ConfigError, match="it is gone"):
        run(directory, spec(rates=[0.1], seeds=2))
    assert len(collect(directory)) == 4


def test_edited_data_are_not_mixed_with_what_was_measured_before(tmp_path: Path) -> None:
    data = tmp_path / "train.csv"
    sweep = dataclasses.replace(spec(rates=[0.1]), fixed={"data.train": str(data)})
    data.write_text("text,label\nሀ,1\n", encoding="utf-8")
    run(tmp_path / "s", sweep)
    data.write_text("text,label\nሀ,2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="contents of the files"):
        run(tmp_path / "s", sweep)


def test_a_file_that_comes_later_is_a_run_that_may_start(tmp_path: Path) -> None:
    data = tmp_path / "train.csv"
    sweep = dataclasses.replace(spec(rates=[0.1]), fixed={"data.train": str(data)})
    with pytest.raises(launch.RunsFailed):
        run(tmp_path / "s", sweep)
    data.write_text("text,label\nሀ,1\n", encoding="utf-8")
    run(tmp_path / "s", sweep)
    assert [one.status for one in collect(tmp_path / "s")] == ["finished"]


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="no sweep"):
        run(tmp_path, spec())
    with pytest.raises(MissingInputError):
        collect(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["notes.txt"]


def test_a_terminal_shows_the_whole_sweep_and_the_time_left(tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = Terminal()
    sweep = dataclasses.replace(spec(), minutes=3.0)
    launch.run("test", sweep, tmp_path / "s", launch.Launch(train=FAKE), Progress(1, stream=shown))
    assert re.search(r"0/2 done  (6m00s|5m5\ds) left  running: lr=0\.1,seed=0", shown.getvalue())
    assert "\r" not in run(tmp_path / "s", sweep)


def test_more_hours_than_allowed_are_refused_before_or_after_one_timed_run(tmp_path: Path) -> None:
    told = dataclasses.replace(spec(), minutes=60.0)
    with pytest.raises(ConfigError, match=r"2 runs x 60 min.*given by the spec.*2\.00 run-hours"):
        run(tmp_path / "told", told, max_hours=1.5)
    assert starts(tmp_path / "told") == {}
    with pytest.raises(ConfigError, match="measured on 1 finished runs"):
        run(tmp_path / "timed", spec(), max_hours=1e-9)
    assert len(starts(tmp_path / "timed")) == 1
    assert "2 finished" in run(tmp_path / "timed", spec(), max_hours=1.0)
