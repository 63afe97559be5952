"""The tensors of a model directory, read one at a time: safetensors and Flax msgpack, single and sharded."""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import ml_dtypes  # noqa: F401  registers bfloat16 with numpy
import numpy as np

from amharic_tl.errors import BadInputError, MissingInputError, UnsafeInputError, name_some

_SAFETENSORS, _MSGPACK = "model.safetensors", "flax_model.msgpack"


@dataclass(frozen=True)
class StoredTensor:
    """A tensor of known shape that is still in its file. It is read once; a second read is not promised to work."""

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]


@dataclass(frozen=True)
class Weights:
    """Tensors by name. ``style`` is ``torch`` (dotted names, linear layers ``[out, in]``) or ``flax`` (names joined
    with ``/``).
    """

    style: str
    source: str
    tensors: Mapping[str, StoredTensor]


@dataclass(frozen=True)
class _Files:
    """The files that hold the weights, and, for shards, which tensor the index says is in which."""

    paths: list[Path]
    index: Path | None
    weight_map: Mapping[str, str]


def open_weights(folder: Path) -> Weights:
    """Finds and opens the weights of a directory: safetensors first, then Flax msgpack.

    Raises:
      MissingInputError: there are none, or a shard is absent.
      BadInputError: a file is truncated or otherwise malformed, an index and its shards disagree, or only
        ``pytorch_model.bin`` is there.
      UnsafeInputError: an index names a file outside the directory.
    """
    for name, read in ((_SAFETENSORS, _open_safetensors), (_MSGPACK, _open_msgpack)):
        if (folder / name).is_file():
            return read(_Files([folder / name], None, {}))
        if (folder / f"{name}.index.json").is_file():
            return read(_shards(folder, f"{name}.index.json"))
    if list(folder.glob("pytorch_model*.bin*")):
        raise BadInputError(
            f"{folder} holds only pytorch_model.bin, a pickle, which is not read here; save the model again as "
            "safetensors (save_pretrained(..., safe_serialization=True))"
        )
    raise MissingInputError(f"{folder} holds no weights: expected {_SAFETENSORS} or {_MSGPACK}, or an index of shards")


def _shards(folder: Path, index_name: str) -> _Files:
    """The files an index names, in order, each once."""
    index = folder / index_name
    try:
        weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        if not all(isinstance(name, str) for name in weight_map.values()):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadInputError(
            f"{index} is not an index: expected an object with a weight_map of names to files"
        ) from None
    names = list(dict.fromkeys(weight_map.values()))
    for name in names:
        if len(PurePosixPath(name).parts) != 1 or "\\" in name or name in (".", ".."):
            raise UnsafeInputError(f"{index} names {name!r}, which is not a plain file beside it; nothing was read")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise MissingInputError(f"{folder}: {len(missing)} of {len(names)} shards are absent: {name_some(missing)}")
    return _Files([folder / name for name in names], index, weight_map)


def _gather(files: _Files, entries: Iterator[tuple[Path, str, StoredTensor]]) -> dict[str, StoredTensor]:
    """All tensors by name; where shards have an index, each from the file that the index names."""
    found: dict[str, StoredTensor] = {}
    for path, name, tensor in entries:
        if files.weight_map.get(name, path.name) == path.name:
            found[name] = tensor
    absent = [f"{name} (in {file})" for name, file in files.weight_map.items() if name not in found]
    if absent:
        raise BadInputError(
            f"{files.index} promises {len(absent)} tensors that its shards do not hold: {name_some(absent)}"
        )
    return found


def _open_safetensors(files: _Files) -> Weights:
    from safetensors import SafetensorError, safe_open

    def entries() -> Iterator[tuple[Path, str, StoredTensor]]:
        for path in files.paths:
            try:
                handle = safe_open(path, framework="numpy")
                shapes = {name: tuple(handle.get_slice(name).get_shape()) for name in handle.keys()}  # noqa: SIM118
                formats.add((handle.metadata() or {}).get("format"))
            except (SafetensorError, OSError, ValueError) as error:
                raise BadInputError(f"{path} is not a whole safetensors file: {error}") from None
            for name, shape in shapes.items():
                yield path, name, StoredTensor(shape, partial(_read_safetensor, handle, name, path))

    formats: set[str | None] = set()
    tensors = _gather(files, entries())
    if "flax" in formats and len(formats) > 1:
        raise BadInputError(f"{files.index}: some shards were written by a Flax class and others by a torch class")
    unsaid = formats == {None}
    style = "flax" if "flax" in formats or (unsaid and any(name.endswith(".kernel") for name in tensors)) else "torch"
    if style == "flax":
        tensors = {name.replace(".", "/"): tensor for name, tensor in tensors.items()}
    return Weights(style, f"{len(files.paths)} safetensors file(s), {style} names", tensors)


def _read_safetensor(handle: Any, name: str, path: Path) -> np.ndarray:
    try:
        return handle.get_tensor(name)
    except Exception as error:  # an unknown dtype surfaces as any of several exceptions
        raise BadInputError(f"{path}: {name} cannot be read: {error}") from None


def _open_msgpack(files: _Files) -> Weights:
    def entries() -> Iterator[tuple[Path, str, StoredTensor]]:
        for path in files.paths:
            flat = _flatten(_read_msgpack(path), path)
            for name in list(flat):
                # Taken out when read, so that the file's copy of a tensor does not outlive its use.
                yield path, name, StoredTensor(flat[name].shape, partial(flat.pop, name))

    return Weights("flax", f"{len(files.paths)} Flax msgpack file(s)", _gather(files, entries()))


def _read_msgpack(path: Path) -> Any:
    from flax import serialization

    size = path.stat().st_size
    try:
        # flax's own reader also joins the pieces of arrays over 1 GiB.
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return serialization.msgpack_restore(data)  # type: ignore[arg-type]
    except Exception as error:  # what a decoder raises on arbitrary bytes has no common base
        detail = str(error)[:200] or type(error).__name__
        raise BadInputError(f"{path} is not a whole Flax msgpack file ({size} bytes): {detail}") from None


def _flatten(tree: Any, path: Path) -> dict[str, np.ndarray]:
    """Leaves by their names joined with ``/``, an outer ``params`` level taken off."""
    if not isinstance(tree, dict):
        raise BadInputError(f"{path} holds {type(tree).__name__}, expected a map of parameters")
    if set(tree) <= {"params", "batch_stats"} and isinstance(tree.get("params"), dict):
        tree = tree["params"]
    flat: dict[str, np.ndarray] = {}
    pending: list[tuple[str, Any]] = [("", tree)]
    while pending:
        prefix, node = pending.pop()
        if isinstance(node, dict):
            pending.extend((f"{prefix}{key}/", value) for key, value in node.items())
        elif isinstance(node, np.ndarray) and node.dtype != object:
            flat[prefix[:-1]] = node
        else:
            raise BadInputError(f"{path}: {prefix[:-1]} is {type(node).__name__}, expected an array")
    return flat
