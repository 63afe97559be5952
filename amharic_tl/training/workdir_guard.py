"""Who may use a workdir: a new one, or the same run again; one process at a time; never another config's."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import jax

from amharic_tl.config import Config, differences
from amharic_tl.errors import CannotCreateError, ConfigError, name_some
from amharic_tl.records.files import read_object, writing
from amharic_tl.records.workdir import Workdir

# What a mounted drive answers that knows no locks: that nobody else runs there is then the user's care.
_NO_LOCKS = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS)
State = Literal["new", "unfinished", "completed"]


def workdir_state(workdir: Workdir, config: Config) -> State:
    """What ``workdir`` holds, seen from ``config``. Changes nothing.

    Raises:
      ConfigError: it holds another config's run, or something that is no run.
      CannotCreateError: a file is in the way.
    """
    root = workdir.root
    in_the_way = next((path for path in (root, *root.parents) if path.exists() and not path.is_dir()), None)
    if in_the_way is not None:
        raise CannotCreateError(f"--workdir: {in_the_way} is a file; name a directory")
    if not workdir.config.exists():
        strangers = [path.name for path in root.iterdir() if path.name != ".lock"] if root.is_dir() else []
        if strangers:
            raise ConfigError(
                f"--workdir: {root} holds files but no config.json ({name_some(sorted(strangers), 5)}), so it is not a "
                "run to resume; nothing was changed. Name a new directory."
            )
        return "new"
    record = read_object(workdir.run) if workdir.run.exists() else {}
    written_by = next((verb for verb in ("evaluate", "average") if f"{verb}d" in record), None)
    if written_by is not None:
        raise ConfigError(
            f"--workdir: {root} was written by {written_by} and is no run to go on with; name a new directory"
        )
    changed = differences(read_object(workdir.config), config)
    if changed:
        raise ConfigError(
            f"--workdir: {root} is a run of another config; nothing was changed. Name a new directory, or take "
            "back:\n  " + "\n  ".join(changed[:10])
        )
    if record.get("status") == "completed":
        return "completed"
    return "unfinished"


def _lock_of(workdir: Workdir) -> Path:
    return workdir.root / ".lock"


def is_locked(workdir: Workdir) -> bool:
    """Whether a process is running in a workdir, as far as its drive knows locks."""
    path = _lock_of(workdir)
    if not path.exists():
        return False
    with path.open("r") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
    return False


@contextmanager
def locked(workdir: Workdir) -> Iterator[None]:
    """Holds the workdir for this process (the first of a job) while the block runs, where the drive knows locks.

    Raises:
      ConfigError: another process is running in it.
    """
    if jax.process_index() != 0:
        yield
        return
    path = _lock_of(workdir)
    with writing(path):
        workdir.root.mkdir(parents=True, exist_ok=True)
        handle = path.open("w")
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"--workdir: another process is running in {workdir.root}; wait for it, or name another"
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
