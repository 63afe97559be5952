"""Checkpoints that are known to be whole: Orbax writes the arrays, a manifest of sha256 sums is written last.

Orbax restores a file with a flipped bit without a word, and takes an empty folder for the latest step. So a step counts
only with a manifest that matches every byte; a step without one is set aside (never deleted) before training starts.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from amharic_tl.errors import BadInputError, CannotCreateError, name_some
from amharic_tl.records.files import DISK_FULL, read_json, sha256_of, write_json, writing

MANIFEST = "MANIFEST.json"
LOOP = "loop.json"
STATE = "state"
QUARANTINE = "quarantine"
KEEP_LAST = 2


@dataclass(frozen=True)
class Restored:
    """A checkpoint read back: the state, what the loop remembered, and the step."""

    step: int
    state: Any
    loop: dict[str, Any]


class Checkpoints:
    """The checkpoints of one workdir: ``<root>/<step>/`` with ``state/``, ``loop.json`` and ``MANIFEST.json``."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()  # Orbax takes no relative path

    def quarantine_broken(self) -> list[str]:
        """Moves every step folder without a valid manifest to ``quarantine/``; returns one sentence for each."""
        moved = []
        for folder in sorted(self.root.glob("*")):
            if not folder.name.isdigit():
                continue
            problem = check_manifest(folder)
            if problem:
                moved.append(f"checkpoint {folder.name} is not whole ({problem}); {self._quarantine(folder)}")
        return moved

    def set_aside(self, step: int, why: str) -> str:
        """Moves a step to ``quarantine/``; returns a sentence that says so."""
        return f"checkpoint {step} is not gone on from ({why}); {self._quarantine(self.root / str(step))}"

    def _quarantine(self, folder: Path) -> str:
        target = self.root / QUARANTINE / folder.name
        number = 1
        while target.exists():
            number += 1
            target = self.root / QUARANTINE / f"{folder.name}-{number}"
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(target)
        return f"it was moved to {target}"

    def memory(self, step: int) -> dict[str, Any]:
        """What the loop remembered when it saved a step."""
        return dict(read_json(self.root / str(step) / LOOP))

    def wait(self) -> None:
        """Lets the processes of a job meet, so that all see the same folders."""
        if jax.process_count() > 1:
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices("checkpoints")

    def steps(self) -> list[int]:
        """Saved steps with a manifest, oldest first. Call :meth:`quarantine_broken` before trusting them."""
        folders = [folder for folder in self.root.glob("*") if folder.name.isdigit()]
        return sorted(int(folder.name) for folder in folders if (folder / MANIFEST).exists())

    def save(self, step: int, state: Any, loop: dict[str, Any], keep: set[int]) -> None:
        """Writes a step, then removes older ones except the last :data:`KEEP_LAST` and ``keep``.

        Saving a step that is already there does nothing (it holds the same bytes).

        Raises:
          CannotCreateError: the disk is full, or the place cannot be written to; earlier checkpoints are intact.
          InputOutputError: anything else the system reports.
        """
        from orbax.checkpoint import v1 as ocp

        folder = self.root / str(step)
        if (folder / MANIFEST).exists():
            return
        leaves, names = _flatten(state)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _quiet_absl():
                ocp.save(folder / STATE, leaves)
            if jax.process_index() == 0:
                write_json(folder / LOOP, loop)
                write_manifest(folder, {"step": step, "leaves": names})
        except Exception as error:  # Orbax raises whatever its storage does, in groups or one behind another
            shutil.rmtree(folder, ignore_errors=True)
            found = _system_error(error)
            if found is None:
                raise
            if found.errno not in DISK_FULL:
                with writing(folder):
                    raise found from error
            raise CannotCreateError(
                f"the disk was full while saving step {step} to {self.root}. Earlier checkpoints are intact "
                f"({name_some(self.steps()) or 'none yet'}); free some space, then type the same command again."
            ) from error
        if jax.process_count() > 1:
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices(f"checkpoint-{step}")
        if jax.process_index() == 0:
            for old in self.steps()[:-KEEP_LAST]:
                if old not in keep:
                    self._remove(old)

    def restore(self, step: int, like: Any, shardings: Any) -> Restored:
        """Reads a step into the structure, dtypes and shardings of ``like``.

        What terms of the objective keep is left out where ``like`` has none of it: a model that is only looked at has
        no terms. It stands last in the state, so that the other leaves have the same keys without it.

        Raises:
          BadInputError: the checkpoint holds other leaves, shapes or dtypes.
        """
        from orbax.checkpoint import v1 as ocp

        folder = self.root / str(step)
        stored = read_json(folder / MANIFEST)["leaves"]
        leaves, names = _flatten(like)
        spare = {key for key, name in stored.items() if key not in names and name.startswith(".terms.")}
        wrong = [
            f"{key}: expected {names.get(key)}, found {stored.get(key)}"
            for key in names | stored
            if names.get(key) != stored.get(key) and key not in spare
        ]
        if wrong:
            raise BadInputError(f"checkpoint {folder} does not fit this model: {name_some(wrong)}")
        placed, _ = _flatten(shardings)
        abstract = {
            key: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=placed[key]) for key, leaf in leaves.items()
        }
        context = ocp.Context()
        context.pytree.loading.partial_load = bool(spare)
        with _quiet_absl(), context:
            arrays = ocp.load(folder / STATE, abstract)
        structure = jax.tree.structure(like)
        # Orbax may hand back views of the file's memory; training donates its buffers, so each leaf gets its own.
        state = jax.tree.unflatten(structure, [jax.numpy.copy(arrays[key]) for key in sorted(arrays)])
        return Restored(step, jax.device_put(state, shardings), read_json(folder / LOOP))

    def _remove(self, step: int) -> None:
        # The manifest goes first, so that a kill in between leaves nothing that looks whole.
        (self.root / str(step) / MANIFEST).unlink()
        shutil.rmtree(self.root / str(step))


def write_manifest(folder: Path, extra: dict[str, Any]) -> None:
    """Writes the sha256 and size of every file under ``folder``, and ``extra``, as the folder's last file."""
    files = {
        path.relative_to(folder).as_posix(): {"sha256": sha256_of(path), "bytes": path.stat().st_size}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    write_json(folder / MANIFEST, {**extra, "files": files})


def check_manifest(folder: Path) -> str | None:
    """None if every byte under ``folder`` is as its manifest says, otherwise what is wrong."""
    path = folder / MANIFEST
    if not path.exists():
        return "it has no manifest: saving was cut off"
    try:
        files = read_json(path)["files"]
    except (BadInputError, KeyError, TypeError):
        return "its manifest cannot be read"
    for name, entry in files.items():
        file = folder / name
        if not file.is_file():
            return f"{name} is missing"
        if file.stat().st_size != entry["bytes"]:
            return f"{name} has {file.stat().st_size} bytes, {entry['bytes']} were written"
        if sha256_of(file) != entry["sha256"]:
            return f"{name} has changed since it was written"
    return None


def _flatten(tree: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Leaves by a short sortable key, and for each key the leaf's path, shape and dtype as text."""
    paths, _ = jax.tree_util.tree_flatten_with_path(tree)
    leaves, names = {}, {}
    for index, (path, leaf) in enumerate(paths):
        key = f"leaf-{index:06d}"
        leaves[key] = leaf
        names[key] = f"{jax.tree_util.keystr(path)} {getattr(leaf, 'shape', '')} {getattr(leaf, 'dtype', '')}"
    return leaves, names


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, those it came from, and the members of groups among them; each once."""
    waiting, seen = [error], set()
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = current.exceptions if isinstance(current, BaseExceptionGroup) else ()
        waiting += [each for each in (*inner, current.__cause__, current.__context__) if each is not None]


def _system_error(error: BaseException) -> OSError | None:
    """What the system said behind ``error``, a full disk before all else; None where that is not it."""
    found = [said for each in _chain(error) if (said := _as_os_error(each)) is not None]
    return next((said for said in found if said.errno in DISK_FULL), found[0] if found else None)


def _as_os_error(error: BaseException) -> OSError | None:
    if isinstance(error, OSError):
        return error
    told = re.search(r"os_error_code='(\d+)'", str(error))  # as Orbax's storage writes it
    if told is None and ("RESOURCE_EXHAUSTED" in str(error) or "No space left" in str(error)):
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return OSError(int(told[1]), os.strerror(int(told[1]))) if told is not None else None


class _quiet_absl:
    """Keeps Orbax's own log lines, tracebacks among them, off the user's terminal for a while."""

    def __enter__(self) -> None:
        self._level = logging.getLogger("absl").level
        logging.getLogger("absl").setLevel(logging.CRITICAL)

    def __exit__(self, *_: object) -> None:
        logging.getLogger("absl").setLevel(self._level)
