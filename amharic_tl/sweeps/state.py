"""What became of a run, read from its files alone: its workdir, its attempts, its lock. Nothing is remembered."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amharic_tl.errors import BadInputError, MissingInputError, Preempted
from amharic_tl.records.files import append_line, read_json, read_lines
from amharic_tl.sweeps import locks
from amharic_tl.sweeps.measured import Status
from amharic_tl.sweeps.place import Place

GAVE_UP = 74  # exit code of a sweep whose runs were killed over and over
RETRIES = 3


@dataclass(frozen=True)
class RunState:
    """What became of a run.

    Attributes:
      status: as in :class:`~amharic_tl.sweeps.measured.MeasuredRun`.
      seconds: over all attempts whose end was seen; None where there is none.
      code: the exit code of a failed run.
      reason: why it failed or is not going on, in words.
    """

    status: Status
    seconds: float | None = None
    code: int | None = None
    reason: str | None = None


def look(place: Place, run: str, retries: int = RETRIES) -> RunState:
    """What became of the run in folder ``run``.

    Args:
      place: of the sweep.
      run: the name of the run's folder.
      retries: how many attempts in a row may be cut off without getting further than the one before.
    """
    lines = read_lines(place.attempts(run))
    ended = [line["seconds"] for line in lines if line["event"] == "ended"]
    seconds = sum(ended) if ended else None
    if record(place, run).get("status") == "completed":
        return RunState("finished", seconds)
    if locks.held(place.lock(run)):
        return RunState("running", seconds)
    status, code, reason = _judge(lines, retries)
    if status == "not started" and place.workdir(run).root.exists():
        status = "interrupted"
    return RunState(status, seconds, code, reason)


def record(place: Place, run: str) -> dict[str, Any]:
    """The run's run.json; empty where there is none, or none that can be read."""
    try:
        found = read_json(place.workdir(run).run)
    except (MissingInputError, BadInputError):
        return {}
    return found if isinstance(found, dict) else {}


def note_start(place: Place, run: str, **facts: Any) -> None:
    """Records that an attempt begins, and from which checkpoint."""
    line = {"event": "started", "clock": time.time(), "step": _step(place, run), "host": socket.gethostname(), **facts}
    append_line(place.attempts(run), line)


def try_again(place: Place, run: str) -> None:
    """Forgets that a run failed: what its attempts did before counts no longer."""
    append_line(place.attempts(run), {"event": "again"})


def _judge(lines: Sequence[dict[str, Any]], retries: int) -> tuple[Status, int | None, str | None]:
    """Whether a run that is neither finished nor running may go on."""
    since = max((index for index, line in enumerate(lines) if line["event"] == "again"), default=-1)
    attempts: list[tuple[dict[str, Any], dict[str, Any] | None]] = []
    for line in lines[since + 1 :]:
        if line["event"] == "started":
            attempts.append((line, None))
        elif line["event"] == "ended" and attempts:
            attempts[-1] = (attempts[-1][0], line)
    if not attempts:
        return ("not started" if since < 0 else "interrupted"), None, None
    last = attempts[-1][1]
    if last is not None and last["signal"] is None and last["code"] not in (0, Preempted.exit_code):
        return "failed", last["code"], f"exit {last['code']}: {last.get('reason') or 'nothing was printed'}"
    if last is not None and last["code"] == 0:
        return "failed", 70, "exit 0, but run.json does not say that the run is complete"
    step, cut_off = attempts[-1][0]["step"], 0
    for start, end in reversed(attempts):
        if start["step"] != step:
            break
        cut_off += end is None or not end["told"]
    if cut_off > retries:
        how = "its end was not seen" if last is None else last["signal"] or f"exit {last['code']}"
        return "failed", GAVE_UP, f"cut off {cut_off} times without getting further than step {step} (last: {how})"
    return "interrupted", None, None


def _step(place: Place, run: str) -> int:
    """The newest checkpoint's step, 0 for none; whether it is whole is for the run to find out."""
    try:
        found = os.listdir(place.workdir(run).checkpoints)  # noqa: PTH208
    except OSError:
        return 0
    return max((int(name) for name in found if name.isdigit()), default=0)
