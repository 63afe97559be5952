"""Safetensors files: a JSON header that says where each tensor lies, and the tensors.

Layout: the header's length (uint64, little endian), the header, then the tensors' bytes without gaps.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from amharic_tl.errors import BadInputError
from amharic_tl.models.interchange.stored import DTYPES, Span, StoredTensor, WeightFile, checked_shape

# The bound that the format's own library has.
_MAX_HEADER = 100_000_000
_CODES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip


def open_safetensors(path: Path) -> tuple[dict[str, StoredTensor], dict[str, str]]:
    """The tensors of one file by name, and its metadata. Only the header is read.

    Raises:
      BadInputError: the header is none, or does not fit the file: offsets outside of it, gaps, overlaps, a size that
        is not that of shape and dtype, a dtype that is not read here, a name twice.
    """
    file = WeightFile(path)
    length = int.from_bytes(file.read(0, 8), "little")
    if file.size < 8 or length > min(_MAX_HEADER, file.size - 8):
        raise _broken(path, f"it has {file.size} bytes and announces a header of {length}")
    try:
        header = json.loads(file.read(8, length), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise _broken(path, f"its header is no JSON: {str(error)[:200]}") from None
    if not isinstance(header, dict):
        raise _broken(path, f"its header holds {type(header).__name__}, expected an object")
    metadata = header.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict):
        raise _broken(path, f"its metadata is {type(metadata).__name__}, expected an object")
    data = Span(file, 8 + length, file.size - 8 - length)
    entries = {name: _tensor(path, name, entry, data) for name, entry in header.items()}
    _refuse_gaps(path, data, {name: tensor.spans[0] for name, tensor in entries.items()})
    return entries, metadata


def _tensor(path: Path, name: str, entry: Any, data: Span) -> StoredTensor:
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= entry.keys():
        raise _broken(path, f"{name!r} has no dtype, shape and data_offsets")
    code, offsets = entry["dtype"], entry["data_offsets"]
    if not isinstance(code, str) or code not in _CODES:
        raise BadInputError(
            f"{path}: {name} is of dtype {str(code)[:40]}, which is not read here; the dtypes are {', '.join(_CODES)}"
        )
    shape, dtype = checked_shape(entry["shape"], f"{path}: {name}"), DTYPES[_CODES[code]]
    whole = isinstance(offsets, list) and len(offsets) == 2 and all(type(offset) is int for offset in offsets)
    if not whole or not 0 <= offsets[0] <= offsets[1] <= data.length:
        raise _broken(path, f"{name} lies at {str(offsets)[:100]} of {data.length} bytes")
    size = math.prod(shape) * dtype.itemsize
    if offsets[1] - offsets[0] != size:
        raise _broken(path, f"{name} of shape {list(shape)} takes {size} bytes, found {offsets[1] - offsets[0]}")
    return StoredTensor(shape, dtype, (Span(data.file, data.offset + offsets[0], size),))


def _refuse_gaps(path: Path, data: Span, spans: dict[str, Span]) -> None:
    """Bytes that two tensors share, or that none has, are the mark of a file that was tampered with or cut."""
    reached = data.offset
    for name, span in sorted(spans.items(), key=lambda item: (item[1].offset, item[1].length)):
        if span.offset != reached:
            what = "overlaps the tensor before it" if span.offset < reached else "has a gap before it"
            raise _broken(path, f"{name} {what}")
        reached += span.length
    if reached != data.offset + data.length:
        raise _broken(path, f"its tensors take {reached} bytes of {data.offset + data.length}")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name[:100]!r} stands there twice")
        found[name] = value
    return found


def _broken(path: Path, reason: str) -> BadInputError:
    return BadInputError(f"{path} is not a whole safetensors file: {reason}")
