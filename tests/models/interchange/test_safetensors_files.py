"""Headers of safetensors files that do not fit their file are refused; good ones are read as the library reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from amharic_tl.errors import BadInputError
from amharic_tl.models.interchange.safetensors_files import open_safetensors

HEADER = {
    "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
    "b": {"dtype": "BF16", "shape": [4], "data_offsets": [16, 24]},
}


def _write(path: Path, header: Any, data: bytes = bytes(24), announced: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if announced is None else announced).to_bytes(8, "little") + text + data)
    return path


def _changed(name: str, **values: Any) -> dict[str, Any]:
    return {**HEADER, name: {**HEADER[name], **values}}


def test_every_dtype_is_the_librarys(tmp_path: Path) -> None:
    names = ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "bool"]
    arrays = {name: np.arange(6).reshape(2, 3).astype(name) for name in names}
    arrays |= {"bfloat16": arrays["float32"].astype(ml_dtypes.bfloat16), "scalar": np.asarray(np.float32(3.5))}
    arrays |= {"empty": np.empty((3, 0), np.float32), "also-empty": np.empty((0,), np.int8)}
    save_file(arrays, tmp_path / "a.safetensors", metadata={"format": "pt"})
    found, metadata = open_safetensors(tmp_path / "a.safetensors")
    assert metadata == {"format": "pt"}
    for name, array in load_file(tmp_path / "a.safetensors").items():
        assert (found[name].shape, found[name].dtype) == (array.shape, array.dtype)
        np.testing.assert_array_equal(found[name].read(), array)


BROKEN = {
    "longer-than-the-file": (HEADER, bytes(24), 10_000, "announces a header of 10000"),
    "absurdly-long": (HEADER, bytes(24), 2**63, "announces a header"),
    "text": (b"hello", b"", None, "no JSON"),
    "bad-utf8": (b'{"\xff": 1}', b"", None, "no JSON"),
    "deep": (b"[" * 100_000, b"", None, "no JSON"),
    "list": ([], b"", None, "expected an object"),
    "metadata": ({"__metadata__": [1], **HEADER}, bytes(24), None, "metadata"),
    "twice": (b'{"a": 1, "a": 2}', b"", None, "twice"),
    "no-offsets": ({"a": {"dtype": "F32", "shape": [1]}}, bytes(4), None, "has no dtype"),
    "no-object": ({"a": 3}, bytes(4), None, "has no dtype"),
    "eight-bits": (_changed("a", dtype="F8_E4M3"), bytes(24), None, "F8_E4M3"),
    "unknown-dtype": (_changed("a", dtype=["F32"]), bytes(24), None, "dtype"),
    "negative-extent": (_changed("a", shape=[-2, -2]), bytes(24), None, "whole numbers"),
    "truth-as-extent": (_changed("a", shape=[True, 4]), bytes(24), None, "whole numbers"),
    "giant-extent": (_changed("a", shape=[2**70, 2]), bytes(24), None, "takes"),
    "many-dimensions": (_changed("a", shape=[1] * 40), bytes(24), None, "at most 32"),
    "negative-offset": (_changed("a", data_offsets=[-16, 0]), bytes(24), None, "lies at"),
    "backwards": (_changed("a", data_offsets=[16, 0]), bytes(24), None, "lies at"),
    "beyond-the-end": (_changed("b", data_offsets=[20, 28]), bytes(24), None, "lies at"),
    "fractions": (_changed("a", data_offsets=[0.0, 16.0]), bytes(24), None, "lies at"),
    "three-offsets": (_changed("a", data_offsets=[0, 8, 16]), bytes(24), None, "lies at"),
    "another-size": (_changed("a", shape=[2, 3]), bytes(24), None, "takes 24 bytes, found 16"),
    "overlap": (_changed("b", data_offsets=[8, 16]), bytes(16), None, "overlaps"),
    "gap": (_changed("b", data_offsets=[20, 28]), bytes(28), None, "gap"),
    "bytes-left-over": (HEADER, bytes(32), None, "its tensors take"),
    "truncated": (HEADER, bytes(20), None, "lies at"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_header_that_does_not_fit_its_file_is_refused(name: str, tmp_path: Path) -> None:
    header, data, announced, said = BROKEN[name]
    path = _write(tmp_path / "model.safetensors", header, data, announced)
    with pytest.raises(BadInputError, match=said) as caught:
        open_safetensors(path)
    assert str(path) in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize("size", [0, 1, 7, 8])
def test_a_file_of_a_few_bytes_is_refused(size: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(size))
    with pytest.raises(BadInputError, match="not a whole safetensors file"):
        open_safetensors(tmp_path / "a")
