"""Flax msgpack files are walked without being decoded, and hold what flax's own reader finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import ml_dtypes
import msgpack
import numpy as np
import pytest
from flax import serialization

from amharic_tl.errors import BadInputError
from amharic_tl.models.interchange.msgpack_files import open_msgpack


def _flat(tree: Any) -> dict[str, np.ndarray]:
    return {
        "/".join(str(part.key) for part in path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
    }


def _same(path: Path) -> None:
    expected = _flat(serialization.msgpack_restore(path.read_bytes()))
    found = open_msgpack(path)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert (found[name].shape, found[name].dtype) == (array.shape, array.dtype), name
        np.testing.assert_array_equal(found[name].read(), array, err_msg=name)


def test_what_flax_writes_is_read(tmp_path: Path) -> None:
    names = ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "bool"]
    tree: dict[str, Any] = {name: np.arange(6).reshape(2, 3).astype(name) for name in names}
    tree["bfloat16"] = tree["float32"].astype(ml_dtypes.bfloat16)
    tree["sizes"] = {str(size): np.arange(size, dtype=np.uint8) for size in (0, 1, 3, 100, 250, 300, 65_530, 70_000)}
    tree["scalars"] = {"array": np.asarray(np.float32(2.5)), "number": np.float32(3.5)}
    tree["many"] = {f"{index:03}" * (index % 20 + 1): np.zeros(1, np.float32) for index in range(40)}
    tree["empty"] = {}
    (tmp_path / "a").write_bytes(serialization.msgpack_serialize(tree))
    _same(tmp_path / "a")


@pytest.mark.parametrize("size", [1, 7, 48, 1000])
def test_pieces_of_a_large_array_are_joined(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serialization, "MAX_CHUNK_SIZE", size * 4)
    monkeypatch.setattr("amharic_tl.models.interchange.stored.WINDOW", 50)
    array = np.arange(96, dtype=np.float32)
    tree = {"a": array.reshape(12, 8), "b": {"c": array, "d": array.reshape(2, 6, 8)}}
    (tmp_path / "a").write_bytes(serialization.msgpack_serialize(tree))
    _same(tmp_path / "a")
    found = open_msgpack(tmp_path / "a")
    for index in ((slice(3, 9), slice(2, 5)), (slice(11, 12), slice(None)), (slice(0, 0), slice(None))):
        part = np.zeros(tree["a"][index].shape, np.float64)
        found["a"].copy_into(part, index)
        np.testing.assert_array_equal(part, tree["a"][index])


def test_every_file_of_hugging_face(checkpoints_dir: Path) -> None:
    paths = sorted(checkpoints_dir.glob("*/*/*.msgpack"))
    assert len(paths) > 20
    assert any(path.stat().st_size == 1 for path in paths)  # an empty first shard
    for path in paths:
        _same(path)


ARRAY = serialization.msgpack_serialize(np.arange(4, dtype=np.float32))


def _extension(code: int, *parts: Any) -> bytes:
    return msgpack.packb(msgpack.ExtType(code, msgpack.packb(parts)))


def _map(**values: bytes) -> bytes:
    return bytes([0x80 + len(values)]) + b"".join(msgpack.packb(key) + value for key, value in values.items())


def _chunked(**changes: Any) -> bytes:
    pieces = {"0": np.arange(3, dtype=np.float32), "1": np.arange(1, dtype=np.float32)}
    whole = {"__msgpack_chunked_array__": True, "shape": {"0": 2, "1": 2}, "chunks": pieces} | changes
    return serialization.msgpack_serialize({"a": whole})


BROKEN = {
    "nothing": (b"", "ends 1 bytes early"),
    "cut": (_map(a=ARRAY)[:-1], "early"),
    "cut-name": (b"\x81\xa5ab", "early"),
    "more-after-the-end": (_map(a=ARRAY) + b"\x00", "goes on after its end"),
    "giant-map": (b"\xdf\xff\xff\xff\xff", "early"),
    "giant-list": (_map(a=b"\xdd\xff\xff\xff\xff"), "a list of"),
    "giant-text": (_map(a=b"\xdb\x00\x01\x00\x00" + bytes(65_536)), "a text of"),
    "giant-bytes": (_map(a=b"\xc6\xff\xff\xff\xff"), "early"),
    "deep": (b"\x81\xa1a" * 200_000, "nests deeper"),
    "deep-lists": (b"\x91" * 200_000, "nests deeper"),
    "deep-names": (b"\x81" * 200_000, "is no text"),
    "array-in-an-array": (_map(a=_extension(1, msgpack.ExtType(1, b"\x93\x90\xa1a\xc4\x00"), "int8", b"")), "type 1"),
    "reserved": (b"\xc1", "begins no value"),
    "other-extension": (_map(a=_extension(2, 1.5, 2.5)), "type 2"),
    "two-parts": (_map(a=_extension(1, [4], "float32")), "is not shape, dtype and bytes"),
    "no-list": (_map(a=msgpack.packb(msgpack.ExtType(1, b"\x07"))), "is not shape, dtype and bytes"),
    "short": (_map(a=_extension(1, [4], "float32", bytes(15))), "takes 16 bytes, found 15"),
    "giant-shape": (_map(a=_extension(1, [2**40, 2**40], "float32", bytes(16))), "takes"),
    "no-bytes": (_map(a=_extension(1, [4], "float32", [1])), "takes 16 bytes"),
    "eight-bits": (_map(a=_extension(1, [4], "float8_e4m3fn", bytes(4))), "float8_e4m3fn"),
    "objects": (_map(a=_extension(1, [4], "object", bytes(32))), "object"),
    "text-as-extent": (_map(a=_extension(1, ["4"], "float32", bytes(16))), "whole numbers"),
    "twice": (b"\x82\xa1a" + ARRAY + b"\xa1a" + ARRAY, "twice"),
    "list-as-name": (b"\x81\x90" + ARRAY, "is no text"),
    "bad-text": (b"\x81\xa1\xff" + ARRAY, "not UTF-8"),
    "list": (b"\x91" + ARRAY, "expected a map"),
    "leaf-of-text": (_map(a=b"\xa1x"), "expected an array"),
    "leaf-of-nothing": (_map(a=b"\xc0"), "expected an array"),
    "leaf-of-bytes": (_map(a=b"\xc4\x01x"), "expected an array"),
    "chunks-missing": (_chunked(chunks={}), "flat pieces"),
    "chunks-of-text": (_chunked(chunks={"0": "x"}), "flat pieces"),
    "chunk-names": (_chunked(chunks={"1": np.arange(4, dtype=np.float32)}), "flat pieces"),
    "chunks-not-flat": (_chunked(chunks={"0": np.zeros((2, 2), np.float32)}), "flat pieces"),
    "chunks-too-few": (_chunked(shape={"0": 3, "1": 2}), "hold 4 numbers, expected 6"),
    "chunk-dtypes": (_chunked(chunks={"0": np.zeros(3, np.float32), "1": np.zeros(1, np.int8)}), "of one dtype"),
    "chunk-shape": (_chunked(shape=4), "shape"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_by_name(name: str, tmp_path: Path) -> None:
    data, said = BROKEN[name]
    path = tmp_path / "flax_model.msgpack"
    path.write_bytes(data)
    with pytest.raises(BadInputError, match=said) as caught:
        open_msgpack(path)
    assert str(path) in str(caught.value) and len(str(caught.value)) < 600


def test_values_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amharic_tl.models.interchange.msgpack_files._MAX_VALUES", 10)
    (tmp_path / "a").write_bytes(msgpack.packb({str(index): {} for index in range(10)}))
    with pytest.raises(BadInputError, match="more than 10 values"):
        open_msgpack(tmp_path / "a")


def test_any_byte_changed_is_read_or_refused(tmp_path: Path) -> None:
    good = serialization.msgpack_serialize({"a": {"b": np.arange(4, dtype=np.float32)}, "c": np.zeros((2, 2), np.int8)})
    refused = 0
    for place in range(len(good)):
        for value in (0, 0x81, 0x91, 0xC0, 0xC7, 0xDF, 0xFF):
            (tmp_path / "a").write_bytes(good[:place] + bytes([value]) + good[place + 1 :])
            try:
                open_msgpack(tmp_path / "a")
            except BadInputError:
                refused += 1
    assert refused > len(good)
