"""Sleeping until a process ends, so that what watches a run for days takes no time from it."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterable

_WITHOUT_DESCRIPTORS = 0.1  # seconds, where the system cannot say that a process ended


def wait_for_any(processes: Iterable[int], seconds: float) -> None:
    """Returns once one of these children has ended, or after ``seconds``; reaps none of them.

    A signal's handler is run at once, and then the rest of the time is slept.
    """
    if not hasattr(os, "pidfd_open"):
        time.sleep(min(seconds, _WITHOUT_DESCRIPTORS))
        return
    poll, descriptors = select.poll(), []
    try:
        for process in processes:
            descriptors.append(os.pidfd_open(process))
            poll.register(descriptors[-1], select.POLLIN)
        poll.poll(seconds * 1000)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
