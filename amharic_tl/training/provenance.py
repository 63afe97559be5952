"""Where a run comes from: command, versions, code, machine. Written to run.json and printed in the report."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax

from amharic_tl import __version__

_VERSIONS = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "grain",
    "transformers",
    "tokenizers",
    "numpy",
    "scikit-learn",
)


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def command_line() -> str:
    """The command of this process, as one could type it again."""
    words = list(sys.argv)
    if Path(words[0]).name == "amharic-tl" or Path(words[0]).parts[-2:] == ("amharic_tl", "__main__.py"):
        words[0] = "amharic-tl"
    return shlex.join(words)


def provenance(seed: int) -> dict[str, Any]:
    """What run.json says of where the run comes from. No host names, no user names."""
    devices = jax.devices()
    return {
        "command": command_line(),
        "package_version": __version__,
        "git": _git(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": {name: _version(name) for name in _VERSIONS},
        "devices": {"kind": devices[0].device_kind, "platform": devices[0].platform, "count": len(devices)},
        "processes": jax.process_count(),
        "seed": seed,
        "started": now(),
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git() -> dict[str, Any] | None:
    """Commit and whether files differ from it; None when the package does not lie in a checkout of its own."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None

    def ask(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = ask("rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "dirty": bool(ask("status", "--porcelain", "--untracked-files=no"))}
