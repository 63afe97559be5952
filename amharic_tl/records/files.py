"""Reading and writing JSON and JSON-lines files so that a reader never sees half a file or half a line."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from amharic_tl.errors import BadInputError, CannotCreateError, InputOutputError, MissingInputError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CANNOT_CREATE = (
    *DISK_FULL,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EEXIST,
)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an ``OSError`` met while writing ``path`` into one sentence with the right exit code.

    Raises:
      CannotCreateError: the disk is full, or the place is read-only or not a directory.
      InputOutputError: anything else the system reports.
    """
    try:
        yield
    except OSError as error:
        what = f"could not write {path}: {error.strerror or error}"
        if error.errno in _CANNOT_CREATE:
            remedy = "free some space" if error.errno in DISK_FULL else "mend that"
            raise CannotCreateError(
                f"{what}. Everything saved before is intact; {remedy} or choose another --workdir, "
                "then type the same command again."
            ) from error
        raise InputOutputError(what) from error


def finite(value: Any) -> Any:
    """``value`` with every non-finite number, however deep, replaced by None (JSON has no NaN)."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return value


def write_text(path: Path, text: str) -> None:
    """Writes ``text`` by way of a temporary file and an atomic rename; parents are created."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes ``content`` by way of a temporary file and an atomic rename; parents are created."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of ``path`` once it is whole and on disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with writing(path):
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Writes ``value`` as indented JSON, atomically; Ethiopic stays readable, non-finite numbers become null."""
    write_text(path, json.dumps(finite(value), ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
      MissingInputError: there is no such file.
      BadInputError: it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingInputError(f"expected the file {path}, found nothing there") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInputError(f"{path} is not valid JSON: {error}") from None


def read_object(path: Path) -> dict[str, Any]:
    """Reads a JSON file that holds an object.

    Raises:
      MissingInputError: there is no such file.
      BadInputError: it is not JSON, or no object.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise BadInputError(f"{path}: expected a JSON object, found a {type(value).__name__}")
    return value


def append_line(path: Path, record: dict[str, Any]) -> None:
    """Appends one whole line to a JSON-lines file."""
    line = json.dumps(finite(record), ensure_ascii=False, allow_nan=False) + "\n"
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # One write call of a whole line: a reader or a kill sees the line or nothing of it.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            data = line.encode("utf-8")
            before = os.fstat(descriptor).st_size
            written = os.write(descriptor, data)
            if written != len(data):
                os.ftruncate(descriptor, before)  # half a line would spoil the next one
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)


def write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    """Writes a whole JSON-lines file, atomically."""
    write_text(path, "".join(json.dumps(finite(r), ensure_ascii=False, allow_nan=False) + "\n" for r in records))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Reads a JSON-lines file; a last line cut off by a kill is left out; no file is no lines.

    Raises:
      BadInputError: a line in the middle is not JSON, named by number.
    """
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    records = []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError as error:
            if number == len(lines):
                break
            raise BadInputError(f"{path}, line {number} is not valid JSON: {error}") from None
    return records


def refuse_existing(directory: Path, option: str) -> None:
    """Refuses a directory that holds something, before the work whose result would go there.

    Raises:
      CannotCreateError: it is not empty, or is a file.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        what = "is not empty" if directory.is_dir() else "is a file"
        raise CannotCreateError(f"--{option}: {directory} {what}; name a new directory")


def truncate_file(path: Path, length: int) -> None:
    """Cuts ``path`` to ``length`` bytes (a file that is absent or already shorter is left alone)."""
    if path.exists() and path.stat().st_size > length:
        with writing(path):
            os.truncate(path, length)


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
