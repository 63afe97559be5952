"""The tensors of a model directory, read one at a time: safetensors and Flax msgpack, single and sharded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import ml_dtypes  # noqa: F401  registers bfloat16 with numpy
import numpy as np

from amharic_tl.errors import BadInputError, MissingInputError, UnsafeInputError, name_some

_SAFETENSORS, _MSGPACK = "model.safetensors", "flax_model.msgpack"


@dataclass(frozen=True)
class Weights:
    """Tensors by name. ``style`` is ``torch`` (dotted names, linear layers ``[out, in]``) or ``flax`` (names joined with ``/``)."""

    style: str
    source: str
    tensors: Mapping[str, Callable[[], np.ndarray]]


def open_weights(folder: Path) -> Weights:
    """Finds and opens the weights of a directory: safetensors first, then Flax msgpack.

    Raises:
      MissingInputError: there are none, or a shard is absent.
      BadInputError: a file is truncated or otherwise malformed, or only ``pytorch_model.bin`` is there.
      UnsafeInputError: an index names a file outside the directory.
    """
    if (folder / _SAFETENSORS).is_file():
        return _open_safetensors(folder, [folder / _SAFETENSORS])
    if (folder / f"{_SAFETENSORS}.index.json").is_file():
        return _open_safetensors(folder, _shards(folder, f"{_SAFETENSORS}.index.json"))
    if (folder / _MSGPACK).is_file():
        return _open_msgpack([folder / _MSGPACK])
    if (folder / f"{_MSGPACK}.index.json").is_file():
        return _open_msgpack(_shards(folder, f"{_MSGPACK}.index.json"))
    if list(folder.glob("pytorch_model*.bin*")):
        raise BadInputError(
            f"{folder} holds only pytorch_model.bin, a pickle, which is not read here; save the model again as safetensors "
            "(save_pretrained(..., safe_serialization=True))"
        )
    raise MissingInputError(f"{folder} holds no weights: expected {_SAFETENSORS} or {_MSGPACK}, or an index of shards")


def _shards(folder: Path, index_name: str) -> list[Path]:
    """The files an index names, in order, each once."""
    index = folder / index_name
    try:
        weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        names = list(dict.fromkeys(weight_map.values()))
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise BadInputError(f"{index} is not an index: expected an object with a weight_map of names to files") from None
    for name in names:
        if not isinstance(name, str) or len(PurePosixPath(name).parts) != 1 or "\\" in name or name in (".", ".."):
            raise UnsafeInputError(f"{index} names {name!r}, which is not a plain file beside it; nothing was read")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise MissingInputError(f"{folder}: {len(missing)} of {len(names)} shards are absent: {name_some(missing)}")
    return [folder / name for name in names]


def _open_safetensors(folder: Path, files: list[Path]) -> Weights:
    from safetensors import SafetensorError, safe_open

    tensors: dict[str, Callable[[], np.ndarray]] = {}
    styles = set()
    for path in files:
        try:
            handle = safe_open(path, framework="numpy")
            names = list(handle.keys())
            styles.add("flax" if (handle.metadata() or {}).get("format") == "flax" else "torch")
        except (SafetensorError, OSError, ValueError) as error:
            raise BadInputError(f"{path} is not a whole safetensors file: {error}") from None
        for name in names:
            tensors[name] = lambda handle=handle, name=name, path=path: _read_safetensor(handle, name, path)
    if len(styles) > 1:
        raise BadInputError(f"{folder}: some shards were written by a Flax class and others by a torch class")
    style = styles.pop() if styles else "torch"
    if style == "flax":
        tensors = {name.replace(".", "/"): read for name, read in tensors.items()}
    return Weights(style, f"{len(files)} safetensors file(s), {style} names", tensors)


def _read_safetensor(handle: Any, name: str, path: Path) -> np.ndarray:
    from safetensors import SafetensorError

    try:
        return handle.get_tensor(name)
    except (SafetensorError, TypeError, ValueError) as error:
        raise BadInputError(f"{path}: {name} cannot be read: {error}") from None


def _open_msgpack(files: list[Path]) -> Weights:
    tensors: dict[str, Callable[[], np.ndarray]] = {}
    for path in files:
        for name, array in _flatten(_read_msgpack(path), path).items():
            tensors[name] = lambda array=array: array
    return Weights("flax", f"{len(files)} Flax msgpack file(s)", tensors)


def _read_msgpack(path: Path) -> Any:
    import msgpack
    from flax import serialization

    data = path.read_bytes()
    try:
        # flax's own reader also joins the pieces of arrays over 1 GiB.
        return serialization.msgpack_restore(data)
    except (ValueError, TypeError, KeyError, msgpack.UnpackException, msgpack.StackError) as error:
        detail = str(error)[:200] or type(error).__name__
        raise BadInputError(f"{path} is not a whole Flax msgpack file ({len(data)} bytes): {detail}") from None


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
