"""What a benchmark ran on, for the first line of what it prints."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import re
from pathlib import Path


def describe(*packages: str) -> str:
    """Date, hardware, load, versions of Python, jax, numpy and the ``packages``."""
    import jax

    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        named = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
        model = named[1] if named else model
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("jax", "numpy", *packages))
    return (
        f"{datetime.date.today()}; {os.cpu_count()} x {model}; load average {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}, {versions}, {jax.default_backend()}"
    )
