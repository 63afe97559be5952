"""The tensors of a model directory, each still in its file: safetensors, Flax msgpack and ``pytorch_model.bin``,
single and sharded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from amharic_tl.errors import BadInputError, MissingInputError, UnsafeInputError, name_some
from amharic_tl.models.interchange.msgpack_files import open_msgpack
from amharic_tl.models.interchange.safetensors_files import open_safetensors
from amharic_tl.models.interchange.stored import StoredTensor
from amharic_tl.models.interchange.torch_files import open_torch

_SAFETENSORS, _MSGPACK, _TORCH = "model.safetensors", "flax_model.msgpack", "pytorch_model.bin"


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
    """Finds and opens the weights of a directory: safetensors first, then Flax msgpack, then torch's own format.

    Only headers are read.

    Raises:
      MissingInputError: there are none, or a shard is absent.
      BadInputError: a file is truncated or otherwise malformed, or an index and its shards disagree.
      UnsafeInputError: an index names a file outside the directory, or a pickle asks for more than tensors.
    """
    kinds = {_SAFETENSORS: _open_safetensors, _MSGPACK: _open_msgpack, _TORCH: _open_torch}
    for name, read in kinds.items():
        if (folder / name).is_file():
            return read(_Files([folder / name], None, {}))
        if (folder / f"{name}.index.json").is_file():
            return read(_shards(folder, f"{name}.index.json"))
    found = name_some(sorted(path.name for path in folder.iterdir())) or "nothing"
    raise MissingInputError(
        f"{folder} holds no weights: expected one of {', '.join(kinds)}, or an index of shards; found {found}"
    )


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
    def entries() -> Iterator[tuple[Path, str, StoredTensor]]:
        for path in files.paths:
            held, metadata = open_safetensors(path)
            formats.add(metadata.get("format"))
            yield from ((path, name, tensor) for name, tensor in held.items())

    formats: set[str | None] = set()
    tensors = _gather(files, entries())
    if "flax" in formats and len(formats) > 1:
        raise BadInputError(f"{files.index}: some shards were written by a Flax class and others by a torch class")
    unsaid = formats == {None}
    style = "flax" if "flax" in formats or (unsaid and any(name.endswith(".kernel") for name in tensors)) else "torch"
    if style == "flax":
        tensors = {name.replace(".", "/"): tensor for name, tensor in tensors.items()}
    return Weights(style, f"{len(files.paths)} safetensors file(s), {style} names", tensors)


def _open_msgpack(files: _Files) -> Weights:
    tensors = _gather(files, ((path, *item) for path in files.paths for item in open_msgpack(path).items()))
    return Weights("flax", f"{len(files.paths)} Flax msgpack file(s)", tensors)


def _open_torch(files: _Files) -> Weights:
    tensors = _gather(files, ((path, *item) for path in files.paths for item in open_torch(path).items()))
    return Weights("torch", f"{len(files.paths)} file(s) of torch.save", tensors)
