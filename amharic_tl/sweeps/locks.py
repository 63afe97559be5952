"""Who is at work, told by locks that the system lets go of when the last process that holds them is gone.

A run's lock is taken before its processes start and is inherited by them, so it outlives a launcher that is killed and
never outlives the run: no process number is ever trusted.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from amharic_tl.errors import ConfigError
from amharic_tl.records.files import writing
from amharic_tl.sweeps.place import Place


def take(path: Path, patience: float = 0.0) -> int | None:
    """Locks a file for this process and those that inherit the descriptor; None where somebody else holds it.

    Args:
      path: created where it is not there.
      patience: seconds to try again, since whoever looks at a lock holds it for a moment.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if time.monotonic() >= until:
                    os.close(descriptor)
                    return None
                time.sleep(0.02)


def held(path: Path) -> bool:
    """Whether some process holds the lock of this file."""
    if not path.exists():
        return False
    descriptor = take(path)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is None


def sign(descriptor: int, **facts: Any) -> None:
    """Writes who holds a lock into its file: process group, host, and ``facts``."""
    line = json.dumps({"group": os.getpgrp(), "process": os.getpid(), "host": socket.gethostname(), **facts})
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, line.encode("utf-8"), 0)


def holder(path: Path) -> dict[str, Any]:
    """What :func:`sign` wrote; empty where nothing is to be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@contextlib.contextmanager
def only_launcher(place: Place) -> Iterator[None]:
    """Makes this process the sweep's launcher while the block runs.

    Raises:
      ConfigError: another one is at work.
    """
    descriptor = take(place.launcher, patience=0.5)
    if descriptor is None:
        by = holder(place.launcher)
        who = f" (process {by['process']} on {by['host']})" if by else ""
        raise ConfigError(
            f"--directory: another launcher{who} is at work in {place.root}; sweep status shows what it does, "
            "sweep stop ends it"
        )
    try:
        sign(descriptor)
        yield
    finally:
        os.close(descriptor)
