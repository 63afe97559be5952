"""TensorBoard's event file, written in this thread: its own writer raises in a thread of its own and at exit."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

FLUSH_SECONDS = 20.0


class TensorBoard:
    """Scalars by step. A disk that takes no more switches it off and is said once; the run goes on without it."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._say = say
        self._file: Any = None
        self._flushed = time.monotonic()
        with self._or_off(folder):
            from tensorboardX.event_file_writer import EventsWriter

            folder.mkdir(parents=True, exist_ok=True)
            self._file = EventsWriter(str(folder / "events"))
            self._file.flush()

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """Writes the finite ones of ``scalars``."""
        if self._file is None:
            return
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.summary import scalar

        with self._or_off():
            for name, value in scalars.items():
                if math.isfinite(value):
                    self._file.write_event(Event(summary=scalar(name, value), step=step, wall_time=time.time()))
            if time.monotonic() - self._flushed > FLUSH_SECONDS:
                self.flush()

    def flush(self) -> None:
        """Brings to the disk what was added."""
        if self._file is not None:
            with self._or_off():
                self._flushed = time.monotonic()
                self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        if self._file is not None:
            with self._or_off():
                self._file.close()
            self._file = None

    @contextlib.contextmanager
    def _or_off(self, folder: Path | None = None) -> Any:
        try:
            yield
        except OSError as error:
            file, self._file = self._file, None
            if file is not None:
                with contextlib.suppress(OSError):
                    file.close()
            where = f" in {folder}" if folder is not None else ""
            self._say(f"note: TensorBoard's file cannot be written{where} ({error.strerror or error}); it is left out")
