"""Training the folds: each is a run of its own, so that a finished one is skipped and a broken one resumed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from amharic_tl.config import Config, to_dict
from amharic_tl.errors import AmharicTLError, Preempted, TrainingStopped
from amharic_tl.records.files import read_json, write_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.studies.cross_validation.request import FoldRun
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.workdir_guard import is_locked

LOOK_EVERY = 0.5  # seconds between looks at processes
# Trains one run to its end, or goes on with it.
Train = Callable[[Config, Path, Interruption], None]
# Called after each run that ended, with the runs done so far.
Ended = Callable[[FoldRun], None]
Say = Callable[[str], None]


def completed(workdir: Path) -> bool:
    """Whether the run in ``workdir`` is done."""
    path = Workdir(workdir).run
    return path.exists() and read_json(path).get("status") == "completed"


def seconds_taken(workdir: Path) -> float | None:
    """Wall-clock seconds of the latest attempt at a completed run."""
    if not completed(workdir):
        return None
    seconds = read_json(Workdir(workdir).run).get("provenance", {}).get("seconds")
    return None if seconds is None else float(seconds)


def train_here(config: Config, workdir: Path, interruption: Interruption) -> None:
    """Trains a run in this process."""
    import jax

    from amharic_tl.run import train

    train(config, workdir, interruption=interruption)
    jax.clear_caches()  # the programs of a fold are of no use to the next one


def run_all(
    runs: Sequence[FoldRun],
    jobs: int,
    interruption: Interruption,
    ended: Ended,
    say: Say,
    train: Train = train_here,
) -> None:
    """Trains what is not done. A fold that stops for non-finite values does not keep the others from being trained.

    Raises:
      TrainingStopped: a fold stopped; all others are done.
      Preempted: told to stop; what was running is saved.
      AmharicTLError: whatever else a run raises, at once.
    """
    left = [run for run in runs if not completed(run.workdir)]
    if jobs > 1:
        _run_in_processes(left, jobs, interruption, ended, say)
        return
    stopped = []
    for run in left:
        interruption.check("going on to the next fold")
        _wait_until_free(run, interruption, say)
        try:
            train(run.config, run.workdir, interruption)
        except TrainingStopped as error:
            stopped.append(f"{run.workdir.name}: {error}")
            say(f"{run.fold.name} stopped: {error}")
        ended(run)
    if stopped:
        raise TrainingStopped("; ".join(stopped))


def _run_in_processes(left: list[FoldRun], jobs: int, interruption: Interruption, ended: Ended, say: Say) -> None:
    """At most ``jobs`` at once, each one `amharic-tl train`; what it prints goes to a file beside its folder."""
    waiting, running = list(left), list[tuple[FoldRun, subprocess.Popen[bytes]]]()
    failures: list[AmharicTLError] = []
    try:
        while running or (waiting and not _fatal(failures)):
            while waiting and not _fatal(failures) and len(running) < jobs:
                run = waiting.pop(0)
                _wait_until_free(run, interruption, say)
                running.append((run, _start(run)))
            for run, process in list(running):
                if process.poll() is None:
                    continue
                running.remove((run, process))
                if process.returncode == 0:
                    ended(run)
                else:
                    failures.append(_failure(run, process.returncode))
            if interruption.requested():
                for _, process in running:
                    process.terminate()
                for _, process in running:
                    process.wait()
                raise Preempted(
                    "told to stop: running folds saved what they had; type the same command again to go on."
                )
            time.sleep(LOOK_EVERY)
    finally:
        for _, process in running:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if failures:
        raise (_fatal(failures) or failures)[0]


def _fatal(failures: Sequence[AmharicTLError]) -> list[AmharicTLError]:
    """Those after which no further fold is started."""
    return [error for error in failures if not isinstance(error, TrainingStopped)]


def _start(run: FoldRun) -> subprocess.Popen[bytes]:
    settings = run.workdir.with_name(f"{run.workdir.name}.config.json")
    write_json(settings, to_dict(run.config))
    command = [sys.executable, "-m", "amharic_tl", "train", "--config", str(settings), "--workdir", str(run.workdir)]
    with log_of(run).open("ab") as log:
        # A session of its own: Ctrl-C comes to us alone, and we tell it to save.
        return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)


def log_of(run: FoldRun) -> Path:
    """Where a fold that trains in a process of its own prints."""
    return run.workdir.with_name(f"{run.workdir.name}.log")


def _failure(run: FoldRun, code: int) -> AmharicTLError:
    """What a process that ended with ``code`` means for the whole."""
    last = [line for line in log_of(run).read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()][
        -1:
    ]
    said = f": {last[0].removeprefix('amharic-tl train: ')}" if last else ""
    if code < 0:
        return Preempted(f"{run.fold.name} was killed by signal {-code}; type the same command again to go on.")
    kinds: dict[int, type[AmharicTLError]] = {kind.exit_code: kind for kind in AmharicTLError.__subclasses__()}
    return kinds.get(code, AmharicTLError)(f"{run.fold.name} (printed in {log_of(run)}){said}")


def _wait_until_free(run: FoldRun, interruption: Interruption, say: Say) -> None:
    """A process of an earlier start may outlive the one that started it; its fold is left to it."""
    told = False
    while is_locked(Workdir(run.workdir)):
        if not told:
            say(f"{run.fold.name} is being trained by a process of an earlier start; waiting for it")
            told = True
        interruption.check("waiting for a fold")
        time.sleep(LOOK_EVERY)


def chosen_run(runs: Sequence[FoldRun], lower_is_better: bool) -> FoldRun | None:
    """Of the runs of a fold the one whose inner split is best; the first of equals; None until all of them are done.

    The figure is the one that picked its checkpoint. Nothing of the fold's test rows is looked at.
    """
    if not all(completed(run.workdir) for run in runs):
        return None
    sign = -1.0 if lower_is_better else 1.0

    def figure(run: FoldRun) -> float:
        best: dict[str, Any] = read_json(Workdir(run.workdir).run).get("best") or {}
        value = best.get("value")
        return float("-inf") if value is None else sign * float(value)

    return max(runs, key=figure)
