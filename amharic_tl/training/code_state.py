"""Which code a run executed: commit, what differs from it, the lock file, the installed packages."""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amharic_tl.records.files import sha256_of

# What a run executes or reads of a checkout; an untracked file elsewhere changes nothing.
_CODE = ("amharic_tl", "configs", "pyproject.toml", "requirements.lock")
_SECONDS = 20
# Larger than any change of code: such a diff holds data that somebody has committed.
_LARGEST_DIFF = 20_000_000


@dataclass(frozen=True)
class CodeState:
    """What run.json says of the code, and what the files beside it hold.

    Attributes:
      git: ``commit``, ``dirty``, ``diff`` (sha256, bytes, and the file to keep it in, None where it is too large) and
        ``untracked`` (sha256 by path); None without a checkout.
      lock: sha256 of the checkout's requirements.lock, None without one.
      packages: ``name==version`` of all installed ones, sorted.
      diff: what differs from the commit in tracked files, as ``git apply`` takes it; empty where nothing does.
    """

    git: dict[str, Any] | None
    lock: str | None
    packages: list[str]
    diff: bytes

    def summary(self) -> dict[str, Any]:
        """For run.json."""
        listed = "\n".join(self.packages).encode()
        return {
            "git": self.git,
            "lock_sha256": self.lock,
            "packages": {"count": len(self.packages), "sha256": hashlib.sha256(listed).hexdigest()},
        }


def code_state(root: Path | None = None) -> CodeState:
    """Of the checkout that the package lies in, or of ``root``."""
    root = root or Path(__file__).parents[2]
    git, diff = _git(root)
    lock = root / "requirements.lock"
    return CodeState(git, sha256_of(lock) if git is not None and lock.is_file() else None, _packages(), diff)


def _packages() -> list[str]:
    found = {(item.metadata["Name"] or "").lower(): item.version for item in importlib.metadata.distributions()}
    return sorted(f"{name}=={version}" for name, version in found.items() if name)


def _git(root: Path) -> tuple[dict[str, Any] | None, bytes]:
    """None when the package does not lie in a checkout of its own, or git is not there."""
    commit = _ask(root, "rev-parse", "HEAD") if (root / ".git").exists() else None
    if commit is None:
        return None, b""
    diff = _ask(root, "diff", "--binary", "--no-ext-diff", "--no-color", "HEAD") or b""
    listed = _ask(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *_CODE) or b""
    untracked = [root / name.decode() for name in listed.split(b"\0") if name]
    found: dict[str, Any] = {"commit": commit.decode().strip(), "dirty": bool(diff or untracked)}
    if diff:
        sha256 = hashlib.sha256(diff).hexdigest()
        kept = f"code-{sha256[:12]}.diff" if len(diff) <= _LARGEST_DIFF else None
        found["diff"] = {"sha256": sha256, "bytes": len(diff), "file": kept}
    if untracked:
        files = [path for path in untracked if path.is_file()]
        found["untracked"] = {path.relative_to(root).as_posix(): sha256_of(path) for path in files}
    return found, diff


def _ask(root: Path, *words: str) -> bytes | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
