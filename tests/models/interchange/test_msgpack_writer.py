"""What is written equals what flax writes, byte for byte."""

from __future__ import annotations

import copy
from io import BytesIO

import ml_dtypes
import numpy as np
import pytest
from flax import serialization

from amharic_tl.models.interchange.msgpack_writer import write_msgpack


@pytest.mark.parametrize("limit", [2**30, 1000, 7])
def test_the_bytes_are_those_of_flax(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serialization, "MAX_CHUNK_SIZE", limit)
    sizes = [0, 1, 2, 3, 100, 230, 255, 256, 300, 65_000, 65_520, 65_536]
    tree = {
        "sizes": {str(size): np.arange(size, dtype=np.uint8) for size in sizes},
        "dtypes": {name: np.ones((3, 5), name) for name in ("float64", "float32", "float16")},
        "bfloat16": np.ones((2, 2, 2), ml_dtypes.bfloat16),
        "scalar": np.asarray(np.float32(2)),
        "many": {f"{index:03}" * 20: {} for index in range(40)},
    }
    file = BytesIO()
    write_msgpack(file, tree, lambda leaf: leaf)
    assert file.getvalue() == serialization.msgpack_serialize(copy.deepcopy(tree), in_place=True)
