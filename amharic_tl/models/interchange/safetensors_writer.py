"""Writing one safetensors file, tensor by tensor."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

import jax
import numpy as np

from amharic_tl.models.naming import ParameterView

# By dtype, what the format calls it; the dtypes that weights are written in.
DTYPE_CODES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16"}


def value_of(view: ParameterView, dtype: str | None) -> np.ndarray:
    """The numbers of a parameter, in ``dtype`` (None: its own), on the host."""
    array = np.asarray(jax.device_get(view.value()))
    return np.asarray(array if dtype is None else array.astype(dtype, copy=False), order="C")


def bytes_of(view: ParameterView, dtype: str | None) -> int:
    """How many bytes a parameter takes in ``dtype`` (None: its own)."""
    return view.size * np.dtype(dtype or view.dtype).itemsize


def write_safetensors(file: BinaryIO, views: list[ParameterView], dtype: str | None) -> None:
    """Writes one file.

    The library's own writer wants all tensors in memory, and hides a full disk in an error without a number.
    Layout: the header's length (uint64, little endian), a JSON header padded with spaces to 8 bytes, the tensors.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for view in views:
        end = offset + bytes_of(view, dtype)
        code = DTYPE_CODES[dtype or str(view.dtype)]
        header[view.name] = {"dtype": code, "shape": list(view.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for view in views:
        # As bytes: bfloat16 has no buffer format that a file would take.
        file.write(value_of(view, dtype).reshape(-1).view(np.uint8).data)
