"""Being told to stop: SIGTERM and Ctrl-C set a flag that the run polls; a second Ctrl-C stops at once.

The command line listens before anything heavy is imported, so JAX is not imported here: Python's own way with Ctrl-C
raises wherever it is, and inside a callback of JAX it is printed and lost.

One process looks at its own flag. With several, all must stop at the same step, so the question goes to JAX's
preemption sync, which owns SIGTERM once ``jax.distributed`` is up and answers for all when asked with one counter that
rises by 1.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from amharic_tl.errors import Preempted
from amharic_tl.training.watchdog import alive

_HEARD = b"\nstopping at the next safe moment; Ctrl-C once more stops at once, without saving\n"


class Interruption:
    """Asks whether to stop. Poll at every step and every evaluation batch."""

    def __init__(self) -> None:
        self.signal_name: str | None = None
        self._at_once = False
        self._polls = 0

    @contextlib.contextmanager
    def listening(self) -> Iterator[Interruption]:
        """Owns the signals inside the block and gives them back after it. Does nothing outside the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        if _processes() > 1 and self.signal_name is not None:  # heard before the processes met
            os.kill(os.getpid(), signal.SIGTERM)
        owned = [signal.SIGINT] if _processes() > 1 else [signal.SIGINT, signal.SIGTERM]
        before = {number: signal.signal(number, self._handle) for number in owned}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        if number == signal.SIGINT:
            if self.signal_name is not None:
                self._at_once = True  # where this error is raised in a callback that swallows it, the next poll stops
                raise KeyboardInterrupt
            if _processes() > 1:  # JAX tells the others of a SIGTERM, so that all stop at one step
                os.kill(os.getpid(), signal.SIGTERM)
            with contextlib.suppress(OSError):
                os.write(2, _HEARD)  # no buffered stream: this may interrupt one that is being written to
        self.signal_name = signal.Signals(number).name

    def requested(self) -> bool:
        """Whether to save and stop now; the same answer in every process."""
        alive()
        if self._at_once:
            raise KeyboardInterrupt
        self._polls += 1
        if _processes() == 1:
            return self.signal_name is not None
        from jax.experimental import multihost_utils

        return bool(multihost_utils.reached_preemption_sync_point(self._polls))

    def check(self, doing: str) -> None:
        """Stops before training has begun, where there is nothing to save.

        Raises:
          Preempted: told to stop.
        """
        if self.requested():
            name = self.signal_name or "a signal"
            raise Preempted(f"{name} received while {doing}; type the same command again to go on.")


def _processes() -> int:
    """How many processes the job has; one before they have met. Asking JAX itself would start it, too early to join."""
    if "jax" not in sys.modules:
        return 1
    import jax

    return jax.process_count() if jax.distributed.is_initialized() else 1
