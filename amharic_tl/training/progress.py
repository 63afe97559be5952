"""The progress line: step, loss, speed and time left on a terminal; silence elsewhere but for what must be said."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from amharic_tl.training.watchdog import alive


def duration(seconds: float) -> str:
    """Seconds as ``42s``, ``3m05s`` or ``2h10m``."""
    seconds = max(int(seconds), 0)
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    return f"{seconds // 3600}h{seconds % 3600 // 60:02d}m"


class Progress:
    """Writes to ``stream`` (standard error by default); ``label`` stands before the bar and lines that are alone."""

    def __init__(
        self, total: int, start: int = 0, stream: TextIO | None = None, active: bool = True, label: str = ""
    ) -> None:
        self._stream = stream or sys.stderr
        self._active = active
        self._label = f"{label}: " if label else ""
        self._live = active and self._stream.isatty()
        self._total, self._start = total, start
        self._began: float | None = None
        self._drawn = 0.0

    def update(self, step: int, loss: float, tokens_per_second: float | None) -> None:
        """Redraws the line, at most five times a second. The first step's compilation does not count as speed."""
        now = time.monotonic()
        if self._began is None:
            self._began, self._start = now, step
        if not self._live or (now - self._drawn < 0.2 and step < self._total):
            return
        self._drawn = now
        done = step - self._start
        left = duration((now - self._began) / done * (self._total - step)) if done else "?"
        speed = f"{tokens_per_second:,.0f} tokens/s" if tokens_per_second else "compiling"
        filled = int(20 * step / max(self._total, 1))
        bar = "█" * filled + "·" * (20 - filled)
        self._draw(f"{bar} step {step:,}/{self._total:,}  loss {loss:.4f}  {speed}  {left} left")

    def note(self, text: str) -> None:
        """A short-lived remark in place of the line, on a terminal only."""
        alive()
        if self._live:
            self._draw(text)

    def say(self, text: str) -> None:
        """A line that stays, on a terminal or not."""
        alive()
        if not self._active:
            return
        if self._live:
            self._stream.write("\r\x1b[2K")
        self._stream.write(f"{text}\n" if "\n" in text else f"{self._label}{text}\n")
        self._stream.flush()

    def close(self) -> None:
        """Clears the line."""
        if self._live:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()

    def _draw(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        self._stream.write("\r\x1b[2K" + f"{self._label}{text}"[:width])
        self._stream.flush()
