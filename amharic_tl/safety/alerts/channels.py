"""Who is told, beside alerts.jsonl: a file and a webhook. A dead, slow or hanging channel never holds up training."""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from amharic_tl.config import SafetyConfig
from amharic_tl.errors import AmharicTLError, ConfigError
from amharic_tl.records.files import append_line
from amharic_tl.safety.alerts.addresses import check_address, read_address

WAITING = 64  # messages; what comes on top is dropped, and said
TITLE = "amharic-tl: safety"
_STARTING = 20.0  # seconds that the sending process may take beside the timeout


class Channels:
    """Hands messages on, in a thread of its own.

    Args:
      settings: ``config.safety``.
      say: tells the user that a channel failed, or that messages were dropped; from another thread.

    Raises:
      ConfigError: Apprise is absent, or the address is one that no message may go to.
      MissingInputError: there is no address where it should stand.
    """

    def __init__(self, settings: SafetyConfig, say: Callable[[str], None]) -> None:
        self._settings, self._say = settings.channels, say
        self._address: str | None = None
        if self._settings.webhook is not None:
            if importlib.util.find_spec("apprise") is None:
                raise ConfigError(
                    "config.safety.channels.webhook: it needs Apprise, which is not installed; type "
                    "pip install 'amharic-tl[alerts]', or leave the webhook out"
                )
            self._address = read_address(self._settings.webhook)
            check_address(self._address, self._settings.allow_private)
        self._queue: queue.Queue[str | None] = queue.Queue(WAITING)
        self._dropped, self._failed = 0, False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    @property
    def used(self) -> bool:
        """Whether there is anybody to tell."""
        return self._address is not None or self._settings.file is not None

    def send(self, message: str) -> None:
        """Takes a message to be sent; returns at once."""
        if not self.used:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)
            self._thread.start()
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            self._dropped += 1

    def close(self, patience: float = 10.0) -> None:
        """Waits at most ``patience`` seconds for what is left, and gives up on the rest."""
        if self._thread is None:
            return
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            patience = 0.0
        self._thread.join(patience)
        if self._thread.is_alive():
            self._dropped += max(self._queue.qsize(), 1)
            if self._process is not None:
                self._process.kill()
        if self._dropped:
            self._say(f"note: {self._dropped} messages about safety were not sent in time; alerts.jsonl has them all")

    def _work(self) -> None:
        while (message := self._queue.get()) is not None:
            try:
                if self._settings.file is not None:
                    append_line(Path(self._settings.file), {"message": message})
                if self._address is not None and not self._post(message):
                    self._fails("config.safety.channels.webhook took no message")
            except (AmharicTLError, OSError) as error:
                self._fails(f"config.safety.channels: {type(error).__name__}")

    def _fails(self, sentence: str) -> None:
        if not self._failed:  # once: a dead channel is no news the second time
            self._failed = True
            self._say(f"note: {sentence}; training goes on, and alerts.jsonl has them all")

    def _post(self, message: str) -> bool:
        """Whether the webhook took the message in time. The address travels through a pipe alone."""
        told = {
            "address": self._address,
            "title": TITLE,
            "body": message,
            "allow_private": self._settings.allow_private,
            "timeout": self._settings.timeout,
        }
        environment = {name: value for name, value in os.environ.items() if f"env:{name}" != self._settings.webhook}
        environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109
        self._process = subprocess.Popen(
            [sys.executable, "-m", "amharic_tl.safety.alerts.deliver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        try:
            self._process.communicate(json.dumps(told).encode(), timeout=self._settings.timeout + _STARTING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return self._process.returncode == 0
