"""Writes Flax msgpack as flax itself does, byte for byte, but one array at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import msgpack
import numpy as np

_ARRAY = 1  # flax's extension type


def write_msgpack(file: BinaryIO, tree: Mapping[str, Any], array: Callable[[Any], np.ndarray]) -> None:
    """Writes nested maps of arrays.

    Args:
      file: to write to.
      tree: maps by name, whose leaves are anything else.
      array: makes the array of a leaf; called when it is the leaf's turn, so that one array at a time is held.
    """
    packer = msgpack.Packer()
    file.write(packer.pack_map_header(len(tree)))
    for name, node in tree.items():
        file.write(packer.pack(name))
        if isinstance(node, Mapping):
            write_msgpack(file, node, array)
        else:
            _write_leaf(file, packer, np.asarray(array(node), order="C"))


def _write_leaf(file: BinaryIO, packer: Any, array: np.ndarray) -> None:
    from flax import serialization

    if array.nbytes <= serialization.MAX_CHUNK_SIZE:
        _write_array(file, packer, array)
        return
    # msgpack has no room for longer ones: they are written as a map of flat pieces.
    length = max(1, serialization.MAX_CHUNK_SIZE // array.itemsize)
    flat = array.reshape(-1)
    starts = range(0, flat.size, length)
    file.write(packer.pack_map_header(3) + packer.pack("__msgpack_chunked_array__") + packer.pack(True))
    shape = {str(axis): extent for axis, extent in enumerate(array.shape)}
    file.write(packer.pack("shape") + packer.pack(shape) + packer.pack("chunks") + packer.pack_map_header(len(starts)))
    for index, start in enumerate(starts):
        file.write(packer.pack(str(index)))
        _write_array(file, packer, flat[start : start + length])


def _write_array(file: BinaryIO, packer: Any, array: np.ndarray) -> None:
    """An extension that holds shape, name of the dtype and bytes."""
    head = packer.pack_array_header(3) + packer.pack(array.shape) + packer.pack(array.dtype.name)
    head += _sized(array.nbytes, 0xC4)
    length = len(head) + array.nbytes
    fixed = {1: b"\xd4", 2: b"\xd5", 4: b"\xd6", 8: b"\xd7", 16: b"\xd8"}.get(length)
    file.write((fixed or _sized(length, 0xC7)) + bytes([_ARRAY]) + head)
    # As bytes: bfloat16 has no buffer format that a file would take.
    file.write(array.reshape(-1).view(np.uint8).data)


def _sized(length: int, code: int) -> bytes:
    """The code and the length in one, two or four bytes; neighbouring codes stand for these."""
    wide = 0 if length < 1 << 8 else 1 if length < 1 << 16 else 2
    return bytes([code + wide]) + length.to_bytes(1 << wide, "big")
