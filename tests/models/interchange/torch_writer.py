"""Writes files in the formats of ``torch.save`` by hand, without torch, so that they can be wrong on purpose."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

STORAGES = {
    "float64": "DoubleStorage", "float32": "FloatStorage", "float16": "HalfStorage", "bfloat16": "BFloat16Storage",
    "int64": "LongStorage", "int32": "IntStorage", "int16": "ShortStorage", "int8": "CharStorage",
    "uint8": "ByteStorage", "bool": "BoolStorage",
}  # fmt: skip
PREFIX = b"\x80\x02"


def text(value: str) -> bytes:
    """A text."""
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def number(value: int) -> bytes:
    """A whole number of any size."""
    return pickle.dumps(value, 2)[2:-1]


def numbers(values: tuple[int, ...]) -> bytes:
    """A tuple of whole numbers."""
    return b"(" + b"".join(map(number, values)) + b"t"


def named(module: str, name: str) -> bytes:
    """Something by module and name."""
    return b"c" + f"{module}\n{name}\n".encode()


def storage(key: str, dtype: str, count: int, tail: bytes = b"") -> bytes:
    """A reference to a storage."""
    return (
        b"("
        + text("storage")
        + named("torch", STORAGES[dtype])
        + text(key)
        + text("cpu")
        + number(count)
        + tail
        + b"tQ"
    )


def tensor(
    key: str, dtype: str, count: int, start: int, shape: tuple[int, ...], strides: tuple[int, ...], tail: bytes = b""
) -> bytes:
    """A view of a storage."""
    empty = named("collections", "OrderedDict") + b")R"
    inner = storage(key, dtype, count, tail) + number(start) + numbers(shape) + numbers(strides) + b"\x89" + empty
    return named("torch._utils", "_rebuild_tensor_v2") + b"(" + inner + b"tR"


def state_dict(entries: Mapping[str, bytes]) -> bytes:
    """An OrderedDict with the attribute that torch gives it."""
    items = b"".join(text(name) + value for name, value in entries.items())
    attributes = b"}" + text("_metadata") + named("collections", "OrderedDict") + b")Rsb"
    return PREFIX + named("collections", "OrderedDict") + b")R(" + items + b"u" + attributes + b"."


def dense(arrays: Mapping[str, np.ndarray], tail: bytes = b"") -> bytes:
    """A state dict of arrays that lie densely, each in a storage of its own: 0, 1, ..."""
    entries = {}
    for key, (name, array) in enumerate(arrays.items()):
        strides = tuple(stride // array.itemsize for stride in np.empty(array.shape, array.dtype).strides)
        entries[name] = tensor(str(key), str(array.dtype), array.size, 0, array.shape, strides, tail)
    return state_dict(entries)


def archive(path: Path, script: bytes, storages: Mapping[str, bytes], **others: Any) -> Path:
    """The zip format. ``others``: ``members`` to add and ``compression``."""
    with zipfile.ZipFile(path, "w", others.get("compression", zipfile.ZIP_STORED)) as file:
        file.writestr("model/data.pkl", script)
        for key, data in storages.items():
            file.writestr(f"model/data/{key}", data)
        for name, data in others.get("members", {"model/version": b"3\n"}).items():
            file.writestr(name, data)
    return path


def old(path: Path, script: bytes, storages: Mapping[str, tuple[int, bytes]], **others: Any) -> Path:
    """The format before zip. ``others``: ``magic``, ``little_endian`` and ``keys``."""
    file = BytesIO()
    for value in (
        others.get("magic", 0x1950A86A20F9469CFC6C),
        1001,
        {"protocol_version": 1001, "little_endian": others.get("little_endian", True)},
    ):
        file.write(pickle.dumps(value, 2))
    file.write(script)
    file.write(pickle.dumps(others.get("keys", list(storages)), 2))
    for count, data in storages.values():
        file.write(count.to_bytes(8, "little", signed=True) + data)
    path.write_bytes(file.getvalue())
    return path


def save(path: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    """Arrays as a file of the zip format."""
    return archive(path, dense(arrays), {str(key): array.tobytes() for key, array in enumerate(arrays.values())})
