"""The runs of a sweep on this machine, a few at a time."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from amharic_tl.records.files import read_lines
from amharic_tl.sweeps import locks
from amharic_tl.sweeps.cores import accelerators, check_accelerators, cores_of, environment
from amharic_tl.sweeps.place import Place
from amharic_tl.sweeps.state import RETRIES, RunState, look, note_start
from amharic_tl.sweeps.waiting import wait_for_any

TRAIN = (sys.executable, "-m", "amharic_tl", "train")
_LOOK = 0.5  # seconds between looks at signals, and at locks of runs that an earlier launcher started

Told = Callable[[str, RunState], None]


def command(place: Place, run: str, train: Sequence[str] = TRAIN) -> list[str]:
    """What starts a run, or goes on with it."""
    return [*train, "--config", str(place.config(run)), "--workdir", str(place.workdir(run).root)]


@dataclass
class _Adopted:
    """A run that is alive without a process of ours beside it: when its lock was last looked at, and its slot."""

    looked: float
    slot: int | None


@dataclass
class LocalEngine:
    """Keeps ``jobs`` runs going until none is left that may go on.

    A run that an earlier launcher started and that is still alive is waited for, never started a second time.

    Attributes:
      place: of the sweep.
      runs: folders of the runs, in the order in which they start.
      jobs: how many at a time.
      stopping: asked at every look; when true, runs are told to save and exit and none is started.
      ended: told of each run whose attempt ended, with what became of it.
      tick: called at every look, with the folders of the runs under way.
      retries: see :func:`amharic_tl.sweeps.state.look`.
      train: the command that takes ``--config FILE --workdir DIR``.
    """

    place: Place
    runs: Sequence[str]
    jobs: int
    stopping: Callable[[], bool]
    ended: Told = lambda run, state: None
    tick: Callable[[Sequence[str]], None] = lambda running: None
    retries: int = RETRIES
    train: Sequence[str] = TRAIN
    _own: dict[str, tuple[subprocess.Popen[bytes], int]] = field(init=False, default_factory=dict)
    _adopted: dict[str, _Adopted] = field(init=False, default_factory=dict)

    def until_one_is_finished(self) -> None:
        """Runs one after the other, each with as many cores as later, until the first is finished and so measured.

        Raises:
          ConfigError, CannotCreateError: as :meth:`go`.
        """
        for run in self.runs:
            dataclasses.replace(self, runs=[run]).go()
            if self.stopping() or look(self.place, run, self.retries).status == "finished":
                return

    def go(self) -> None:
        """Runs what is left. Returns when every run is finished or failed, or when it was told to stop and all exited.

        Raises:
          ConfigError: more runs at a time than there are accelerators.
          CannotCreateError: the disk is full.
        """
        self._devices = accelerators()
        check_accelerators(self.jobs, self._devices)
        statuses = {run: look(self.place, run, self.retries).status for run in self.runs}
        waiting = [run for run, status in statuses.items() if status in ("interrupted", "not started")]
        for run, status in statuses.items():
            if status == "running":
                self._adopt(run)
        while True:
            stopping = self.stopping()
            if stopping and not self.place.stop.exists():
                self.place.stop.touch()
            waiting = [*self._reap(), *waiting]
            while waiting and not stopping and len(self._own) + len(self._adopted) < self.jobs:
                self._start(waiting.pop(0))
            if not self._own and not self._adopted and (stopping or not waiting):
                return
            self.tick([*self._own, *self._adopted])
            wait_for_any([watcher.pid for watcher, _ in self._own.values()], _LOOK)

    def _start(self, run: str) -> None:
        lock = locks.take(self.place.lock(run))
        if lock is None:
            self._adopt(run)
            return
        slot = self._free_slot()
        try:
            note_start(self.place, run, slot=slot)
            place = str(self.place.root), run, str(lock), cores_of(slot, self.jobs)
            watcher = subprocess.Popen(
                [sys.executable, "-m", "amharic_tl.sweeps.attempt", *place, *command(self.place, run, self.train)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(lock,),
                env=environment(self.place, slot, self.jobs, self._devices),
                start_new_session=True,  # Ctrl-C and a closed terminal are the launcher's to hear
            )
        finally:
            os.close(lock)
        self._own[run] = watcher, slot

    def _adopt(self, run: str) -> None:
        starts = [line for line in read_lines(self.place.attempts(run)) if line["event"] == "started"]
        self._adopted[run] = _Adopted(time.monotonic(), starts[-1].get("slot") if starts else None)

    def _free_slot(self) -> int:
        used = {slot for _, slot in self._own.values()} | {adopted.slot for adopted in self._adopted.values()}
        free = [slot for slot in range(self.jobs) if slot not in used]
        return free[0] if free else 0  # an adopted run of a launcher with more jobs may hold a slot that is not ours

    def _reap(self) -> list[str]:
        """Takes leave of runs that ended; returns those that may go on."""
        over = [run for run, (watcher, _) in self._own.items() if watcher.poll() is not None]
        now = time.monotonic()
        for run, adopted in self._adopted.items():
            if now - adopted.looked >= _LOOK:
                adopted.looked = now
                if not locks.held(self.place.lock(run)):
                    over.append(run)
        again = []
        for run in over:
            self._own.pop(run, None)
            self._adopted.pop(run, None)
            state = look(self.place, run, self.retries)
            if state.status == "running":  # what watched it was killed, the run itself goes on
                self._adopt(run)
                continue
            self.ended(run, state)
            if state.status not in ("finished", "failed"):
                again.append(run)
        return again
