"""The verbs of a sweep: run (and resume), status, stop. All of them read the state from files and keep none."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from amharic_tl.errors import AmharicTLError, ConfigError, Preempted
from amharic_tl.records.files import write_text
from amharic_tl.sweeps import locks
from amharic_tl.sweeps.estimate import Estimate, estimate
from amharic_tl.sweeps.inputs import absent, fingerprints, unpinned
from amharic_tl.sweeps.local import TRAIN, LocalEngine
from amharic_tl.sweeps.manifest import Manifest, read_manifest, store
from amharic_tl.sweeps.measured import Status
from amharic_tl.sweeps.place import Place
from amharic_tl.sweeps.resolution import Plan, plan
from amharic_tl.sweeps.spec import Sweep
from amharic_tl.sweeps.state import RETRIES, RunState, look, try_again
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.progress import Progress, duration

Engine = Literal["local", "slurm"]


class RunsFailed(AmharicTLError):
    """Some runs of a sweep failed; the exit code is that of the first."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Launch:
    """How a sweep is run.

    Attributes:
      engine: this machine, or a SLURM array.
      jobs: runs at a time.
      max_hours: refuse to spend more run-hours than these; None: no limit.
      retries: see :func:`amharic_tl.sweeps.state.look`.
      retry_failed: start failed runs again.
      slurm: settings of sbatch.
      train: the command that takes ``--config FILE --workdir DIR``.
    """

    engine: Engine = "local"
    jobs: int = 1
    max_hours: float | None = None
    retries: int = RETRIES
    retry_failed: bool = False
    slurm: Mapping[str, Any] = field(default_factory=dict)
    train: Sequence[str] = TRAIN


def planned(sweep: Sweep) -> Plan:
    """The runs of a sweep, with identities that rest on the contents of local files."""
    known = fingerprints([run.config for run in plan(sweep).runs])
    return plan(sweep, known)


def run(name: str, sweep: Sweep, directory: str | Path, launch: Launch, progress: Progress) -> None:
    """Runs what is left of a sweep in ``directory``: finished runs are skipped, broken ones go on in their workdirs.

    Raises:
      ConfigError: the spec is not valid, changes runs that have begun, or takes more than ``max_hours``; another
        launcher is at work.
      Preempted: told to stop; every run saved.
      RunsFailed: runs failed; all others were run.
    """
    place = Place(Path(directory))
    with Interruption().listening() as interruption:
        what = planned(sweep)
        with locks.only_launcher(place):
            manifest = store(place, name, sweep.question, what)
            place.stop.unlink(missing_ok=True)
            _say_plan(what, progress)
            for stored in manifest.runs:
                if launch.retry_failed and look(place, stored.folder, launch.retries).status == "failed":
                    try_again(place, stored.folder)
            if launch.engine == "slurm":
                _submit(place, manifest, sweep, launch, progress)
                return
            try:
                _run_here(place, manifest, sweep, launch, progress, interruption.requested)
            finally:
                progress.close()
            if place.stop.exists():
                raise Preempted(f"stopped: {_counted(place, manifest, launch.retries)}. The same command goes on.")
            _say_outcome(place, manifest, launch.retries, progress)


def status(directory: str | Path, jobs: int = 1, minutes: float | None = None, retries: int = RETRIES) -> list[str]:
    """What a sweep's runs are doing, as lines: one a run, the counts, what is left.

    Raises:
      MissingInputError: it is not the directory of a sweep.
    """
    place = Place(Path(directory))
    manifest = read_manifest(place)
    states = [look(place, stored.folder, retries) for stored in manifest.runs]
    width = max(len(stored.name) for stored in manifest.runs)
    lines = []
    for stored, state in zip(manifest.runs, states, strict=True):
        took = "" if state.seconds is None else duration(state.seconds)
        why = f"  {state.reason}" if state.reason else ""
        lines.append(f"{stored.name:<{width}}  {state.status:<11}  {took:>6}{why}".rstrip())
    counts = _counts(states)
    launcher = "a launcher is at work" if locks.held(place.launcher) else "no launcher is at work"
    lines.append(f"{counts}; {launcher}")
    left = estimate(states, jobs, minutes)
    return [*lines, left.sentence()] if left.left else lines


def would_run(sweep: Sweep, jobs: int = 1) -> list[str]:
    """The runs of a sweep that is not begun, as lines, and what they would take.

    Raises:
      ConfigError: the spec is not valid.
    """
    runs = planned(sweep).runs
    states = [RunState("not started")] * len(runs)
    return [*(f"{one.name}  not started" for one in runs), estimate(states, jobs, sweep.minutes).sentence()]


def stop(directory: str | Path, progress: Progress) -> str:
    """Asks every run to save and exit and waits until they have; says what became of them.

    Raises:
      MissingInputError: it is not the directory of a sweep.
    """
    place = Place(Path(directory))
    manifest = read_manifest(place)
    write_text(place.stop, "every run saves and exits; the next `sweep run` takes this file away\n")
    told: set[str] = set()
    while True:
        alive = [stored.folder for stored in manifest.runs if locks.held(place.lock(stored.folder))]
        if not alive and not locks.held(place.launcher):
            progress.close()
            return f"stopped: {_counted(place, manifest, RETRIES)}"
        progress.note(f"waiting for {len(alive)} runs to save")
        for folder in set(alive) - told:
            if _tell_unwatched(locks.holder(place.lock(folder))):
                told.add(folder)
        time.sleep(0.2)


def _tell_unwatched(by: Mapping[str, Any]) -> bool:
    """Tells a run whose watcher was killed and so cannot see the file ``stop``; its lock says it is alive."""
    if by.get("host") != socket.gethostname() or _alive(by["process"]):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.killpg(by["group"], signal.SIGTERM)
    return True


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _run_here(
    place: Place,
    manifest: Manifest,
    sweep: Sweep,
    launch: Launch,
    progress: Progress,
    interrupted: Callable[[], bool],
) -> None:
    """States what is left, measures a first run where nothing is known and a limit is set, and runs the rest."""

    def states() -> list[RunState]:
        return [look(place, stored.folder, launch.retries) for stored in manifest.runs]

    def left() -> Estimate:
        return estimate(states(), launch.jobs, sweep.minutes)

    telling = _Telling(manifest, progress, left())
    engine = LocalEngine(
        place,
        [stored.folder for stored in manifest.runs],
        launch.jobs,
        lambda: interrupted() or place.stop.exists(),
        ended=lambda folder, state: telling.ended(folder, state, left()),
        tick=telling.tick,
        retries=launch.retries,
        train=launch.train,
    )
    if not telling.estimate.left:
        return
    progress.say(telling.estimate.sentence())
    telling.estimate.refuse_above(launch.max_hours)
    if launch.max_hours is not None and telling.estimate.minutes is None:
        progress.say("one run is timed before the others start, because --max-hours is set")
        engine.until_one_is_finished()
        if left().left and left().minutes is not None:
            progress.say(left().sentence())
            left().refuse_above(launch.max_hours)
    engine.go()


class _Telling:
    """Says each end, and keeps the line of the whole sweep, with the time left."""

    def __init__(self, manifest: Manifest, progress: Progress, first: Estimate) -> None:
        self._names = {stored.folder: stored.name for stored in manifest.runs}
        self._progress = progress
        self.estimate = first
        self._measured = time.monotonic()
        self._drawn = 0.0

    def ended(self, folder: str, state: RunState, left: Estimate) -> None:
        """A line that stays."""
        self.estimate, self._measured = left, time.monotonic()
        took = f" in {duration(state.seconds)}" if state.status == "finished" and state.seconds is not None else ""
        why = f": {state.reason}" if state.reason else ""
        done = len(self._names) - left.left
        self._progress.say(f"{done}/{len(self._names)}  {self._names[folder]}  {state.status}{took}{why}")

    def tick(self, running: Sequence[str]) -> None:
        """The line on a terminal, once a second."""
        now = time.monotonic()
        if now - self._drawn < 1:
            return
        self._drawn = now
        left = self.estimate.seconds_left
        time_left = "?" if left is None else duration(max(left - (now - self._measured), 0))
        done, names = len(self._names) - self.estimate.left, ", ".join(self._names[run] for run in running)
        self._progress.note(f"{done}/{len(self._names)} done  {time_left} left  running: {names}")


def _submit(place: Place, manifest: Manifest, sweep: Sweep, launch: Launch, progress: Progress) -> None:
    from amharic_tl.sweeps.slurm import submit

    states = [look(place, stored.folder, launch.retries) for stored in manifest.runs]
    left = estimate(states, launch.jobs, sweep.minutes)
    progress.say(left.sentence())
    left.refuse_above(launch.max_hours)
    if launch.max_hours is not None and left.left and left.minutes is None:
        raise ConfigError("--max-hours: how long a run takes is not known; say it in the spec (minutes=...)")
    folders = [stored.folder for stored in manifest.runs]
    jobs = submit(place, folders, launch.jobs, launch.slurm, retries=launch.retries, train=launch.train)
    progress.say(f"{len(jobs)} runs submitted" + (f" as job {jobs[0].job_id.partition('_')[0]}" if jobs else ""))


def _say_plan(what: Plan, progress: Progress) -> None:
    doubles = f"; {what.doubles} points are the run of another point, which is run once" if what.doubles else ""
    progress.say(f"{len(what.runs)} runs{doubles}")
    missing = absent(run.config for run in what.runs)
    for one in missing[:10]:
        progress.say(f"note: {one}: no such file here; runs that read it will fail")
    for spec in unpinned(run.config for run in what.runs)[:10]:
        progress.say(
            f"note: {spec} names no commit: runs that start later may read other rows; write owner/name@COMMIT"
        )


def _counts(states: Sequence[RunState]) -> str:
    counts = Counter(state.status for state in states)
    order: tuple[Status, ...] = ("finished", "failed", "running", "interrupted", "not started")
    return ", ".join(f"{counts[one]} {one}" for one in order if counts[one]) + f" of {len(states)} runs"


def _counted(place: Place, manifest: Manifest, retries: int) -> str:
    return _counts([look(place, stored.folder, retries) for stored in manifest.runs])


def _say_outcome(place: Place, manifest: Manifest, retries: int, progress: Progress) -> None:
    found = [(stored, look(place, stored.folder, retries)) for stored in manifest.runs]
    progress.say(_counts([state for _, state in found]))
    failed = [(stored, state) for stored, state in found if state.status == "failed"]
    if failed:
        told = "\n  ".join(
            f"{stored.name}: {state.reason} ({place.log(stored.folder)})" for stored, state in failed[:10]
        )
        more = f"\n  and {len(failed) - 10} more" if len(failed) > 10 else ""
        raise RunsFailed(
            f"{len(failed)} of {len(found)} runs failed:\n  {told}{more}\n"
            "Mend the cause and type the same command with --retry-failed.",
            failed[0][1].code or 70,
        )
