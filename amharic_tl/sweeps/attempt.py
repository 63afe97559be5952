"""One attempt at a run, watched by a process beside it that says how it ended, whatever becomes of the launcher.

    python -m amharic_tl.sweeps.attempt DIRECTORY RUN LOCK CORES COMMAND...

LOCK is the descriptor of the run's lock, inherited; CORES those it may use (0,1) or "all". For the launcher to start.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from amharic_tl.records.files import append_line, writing
from amharic_tl.sweeps import locks
from amharic_tl.sweeps.place import Place
from amharic_tl.sweeps.waiting import wait_for_any

_LOOK = 0.5  # seconds between looks at whether the sweep is being stopped
_PREFIX = "amharic-tl train: "


class Attempt:
    """The command of a run as a process of this one.

    Args:
      place: of the sweep.
      run: the name of the run's folder.
      command: what to start, without a shell.
      lock: descriptor of the run's lock, which the command inherits.
      environment: of the command; None: this process's.
    """

    def __init__(
        self, place: Place, run: str, command: Sequence[str], lock: int, environment: Mapping[str, str] | None = None
    ) -> None:
        self._place, self._run = place, run
        self._told = False
        self._recorded = False
        self._began = time.monotonic()
        log = place.log(run)
        with writing(log):
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as output:
                self._log_from = output.tell()
                self._child = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(lock,),
                    preexec_fn=_leave_warnings_to_the_watcher,
                    env=None if environment is None else dict(environment),
                )

    def tell(self) -> None:
        """Asks the run to save and exit."""
        self._told = True
        if self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child.pid, signal.SIGTERM)

    def watch(self) -> None:
        """Waits for the end, asks for it where the sweep is being stopped, and records it."""
        while self._child.poll() is None:
            if not self._told and self._place.stop.exists():
                self.tell()
            wait_for_any([self._child.pid], _LOOK)
        self._record(self._child.returncode)

    def end_now(self) -> None:
        """As :meth:`tell` and :meth:`watch`, from within a signal handler that interrupted either."""
        told_by_user = self._told
        self.tell()
        self._told = told_by_user  # by the scheduler: counts as an attempt
        try:  # Popen's own waiting takes a lock that the interrupted code may hold
            found = os.waitid(os.P_PID, self._child.pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            found = None
        if found is not None:
            self._record(found.si_status if found.si_code == os.CLD_EXITED else -found.si_status)
        elif self._child.returncode is not None:
            self._record(self._child.returncode)

    def _record(self, code: int) -> None:
        if self._recorded:
            return
        self._recorded = True
        line: dict[str, Any] = {
            "event": "ended",
            "clock": time.time(),
            "seconds": round(time.monotonic() - self._began, 3),
            "code": code if code >= 0 else None,
            "signal": _called(-code) if code < 0 else None,
            "told": self._told,
        }
        if code not in (0, 75):
            line["reason"] = last_words(self._place.log(self._run), self._log_from)
        append_line(self._place.attempts(self._run), line)


def _called(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _leave_warnings_to_the_watcher() -> None:
    """A scheduler's warning signal goes to every process of a job, and would end one that does not know it."""
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def last_words(log: Path, begins: int) -> str:
    """The sentence that a run ended with, or the last line it printed: at most 500 characters, without controls."""
    with log.open("rb") as file:
        file.seek(max(begins, log.stat().st_size - 16_384))
        lines = [line.strip() for line in file.read().decode("utf-8", errors="replace").splitlines()]
    starts = [index for index, line in enumerate(lines) if line.startswith(_PREFIX)]
    words = " ".join(lines[starts[-1] :]).removeprefix(_PREFIX) if starts else next((x for x in lines[::-1] if x), "")
    return "".join(sign if sign.isprintable() else " " for sign in words)[:500]


def main(arguments: Sequence[str]) -> None:
    """Pins itself and what it starts, starts the command, watches it."""
    directory, run, lock, cores, *command = arguments
    place, descriptor = Place(Path(directory)), int(lock)
    if cores != "all" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    told: list[int] = []
    attempts: list[Attempt] = []

    def tell(number: int, frame: FrameType | None) -> None:
        del frame
        told.append(number)
        for attempt in attempts:
            attempt.tell()

    signal.signal(signal.SIGTERM, tell)
    locks.sign(descriptor, cores=cores)
    attempts.append(Attempt(place, run, command, descriptor))
    if told:
        attempts[0].tell()
    attempts[0].watch()


if __name__ == "__main__":
    main(sys.argv[1:])
