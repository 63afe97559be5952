"""Being told to stop: SIGTERM and Ctrl-C set a flag that the loop polls; a second Ctrl-C stops at once.

One process looks at its own flag. With several, all must stop at the same step, so the question goes to JAX's
preemption
sync, which owns SIGTERM once ``jax.distributed`` is up and answers for all when asked with one counter that rises by 1.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import jax


class Interruption:
    """Asks whether to stop. Poll at every step and every evaluation batch."""

    def __init__(self) -> None:
        self.signal_name: str | None = None
        self._polls = 0

    @contextmanager
    def listening(self) -> Iterator[Interruption]:
        """Owns the signals inside the block and gives them back after it. Does nothing outside the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        owned = [signal.SIGINT] if jax.process_count() > 1 else [signal.SIGINT, signal.SIGTERM]
        before = {number: signal.signal(number, self._handle) for number in owned}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.signal_name is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal_name = signal.Signals(number).name

    def requested(self) -> bool:
        """Whether to save and stop now; the same answer in every process."""
        self._polls += 1
        if jax.process_count() == 1:
            return self.signal_name is not None
        from jax.experimental import multihost_utils

        return bool(multihost_utils.reached_preemption_sync_point(self._polls))
