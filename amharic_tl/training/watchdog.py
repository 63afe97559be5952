"""Ends a process that gets no further: a peer that is alive but stuck is seen by no heartbeat.

One thread for the process, which wakes now and then. Whatever works tells it so (:func:`alive`) at every step and
batch; where nothing did for too long, every thread's stack is printed and the process ends, so that the same command
can go on.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Iterator

from amharic_tl.errors import Preempted

_last = time.monotonic()


def alive() -> None:
    """Something was finished: a step, a batch, a phase."""
    global _last
    _last = time.monotonic()


@contextlib.contextmanager
def watched(seconds: float | None, who: str = "") -> Iterator[None]:
    """Ends the process with 75 where nothing calls :func:`alive` for ``seconds`` while the block runs; None: never.

    Args:
      seconds: of silence.
      who: begins the sentence that is printed, such as ``process 2 of 4: ``.
    """
    if seconds is None:
        yield
        return
    alive()
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(seconds, who, over), name="watchdog", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()


def _watch(seconds: float, who: str, over: threading.Event) -> None:
    while not over.wait(min(seconds / 4, 5.0)):
        silent = time.monotonic() - _last
        if silent <= seconds:
            continue
        with contextlib.suppress(Exception):  # standard error may be anything, or gone
            faulthandler.dump_traceback(all_threads=True)
            sys.stderr.write(
                f"amharic-tl: {who}no step or batch was finished for {silent:.0f} seconds (config.train.stuck_after="
                f"{seconds:g}); the stacks above say where. The same command goes on from the newest checkpoint.\n"
            )
            sys.stderr.flush()
        os._exit(Preempted.exit_code)
