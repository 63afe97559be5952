"""Flax msgpack files: nested maps of arrays, walked without decoding the arrays.

An array is an extension of type 1 whose content is itself msgpack: shape, name of the dtype, bytes. One over 1 GiB is
a map of flat pieces (``__msgpack_chunked_array__``).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from amharic_tl.errors import BadInputError
from amharic_tl.models.interchange.stored import DTYPES, Span, StoredTensor, WeightFile, checked_shape

_MAX_DEPTH = 64
_WITHIN_ARRAY = _MAX_DEPTH - 2  # two levels are left there: the three parts, and the extents of the shape
# More than any model has: what a hostile file may make this process hold.
_MAX_VALUES, _MAX_TEXT, _MAX_LIST = 5_000_000, 10_000, 1_000
_ARRAY, _SCALAR = 1, 3  # flax's extension types; both have the content of an array
_CHUNKED = "__msgpack_chunked_array__"


def open_msgpack(path: Path) -> dict[str, StoredTensor]:
    """The leaves of one file by their names joined with ``/``, an outer ``params`` level taken off.

    Raises:
      BadInputError: the file is cut or malformed, or holds something else than arrays.
    """
    walker = _Walker(WeightFile(path))
    tree = walker.value(0)
    if walker.position != walker.file.size:
        raise walker.broken(f"it goes on after its end at byte {walker.position}")
    if not isinstance(tree, dict):
        raise BadInputError(f"{path} holds {type(tree).__name__}, expected a map of parameters")
    if set(tree) <= {"params", "batch_stats"} and isinstance(tree.get("params"), dict):
        tree = tree["params"]
    flat: dict[str, StoredTensor] = {}
    pending: list[tuple[str, Any]] = [("", tree)]
    while pending:
        prefix, node = pending.pop()
        if isinstance(node, dict) and _CHUNKED in node:
            node = _join(node, f"{path}: {prefix[:-1]}")
        if isinstance(node, dict):
            pending.extend((f"{prefix}{key}/", value) for key, value in node.items())
        elif isinstance(node, StoredTensor):
            flat[prefix[:-1]] = node
        else:
            raise BadInputError(f"{path}: {prefix[:-1]} is {type(node).__name__}, expected an array")
    return flat


def _join(node: dict[str, Any], what: str) -> StoredTensor:
    """One tensor of the flat pieces of a chunked leaf."""
    extents, chunks = node.get("shape"), node.get("chunks")
    pieces = _in_order(chunks)
    if not pieces or not all(isinstance(piece, StoredTensor) and len(piece.shape) == 1 for piece in pieces):
        raise BadInputError(f"{what}: expected flat pieces of one array, found {type(chunks).__name__}")
    shape = checked_shape(_in_order(extents), what)
    held = sum(piece.shape[0] for piece in pieces)
    if len({piece.dtype for piece in pieces}) > 1 or held != math.prod(shape):
        raise BadInputError(f"{what}: its pieces hold {held} numbers, expected {math.prod(shape)} of one dtype")
    return StoredTensor(shape, pieces[0].dtype, tuple(span for piece in pieces for span in piece.spans))


def _in_order(mapping: Any) -> list[Any] | None:
    """The values of a map of ``"0"``, ``"1"``, ...; flax writes tuples so."""
    if not isinstance(mapping, dict) or set(mapping) != {str(index) for index in range(len(mapping))}:
        return None
    return [mapping[str(index)] for index in range(len(mapping))]


class _Walker:
    """Reads msgpack from ``position`` on; arrays become :class:`StoredTensor` and are stepped over."""

    def __init__(self, file: WeightFile, position: int = 0, end: int | None = None) -> None:
        self.file, self.position = file, position
        self.end = file.size if end is None else end
        self._ahead, self._ahead_at = b"", 0
        self._values = 0

    def broken(self, reason: str) -> BadInputError:
        """The error for a file that is not what it should be."""
        return BadInputError(f"{self.file.path} is not a whole Flax msgpack file ({self.file.size} bytes): {reason}")

    def value(self, depth: int) -> Any:
        """The next value."""
        if depth > _MAX_DEPTH:
            raise self.broken(f"it nests deeper than {_MAX_DEPTH} levels")
        self._values += 1
        kind, length = self._head()
        if self._values > _MAX_VALUES:
            raise self.broken(f"it holds more than {_MAX_VALUES} values")
        if kind == "map":
            return self._map(length, depth)
        if kind == "array":
            if length > _MAX_LIST:
                raise self.broken(f"it holds a list of {length} values, expected arrays")
            return [self.value(depth + 1) for _ in range(length)]
        if kind == "ext":
            code = self._number(1)
            end = self._span(length)
            if code not in (_ARRAY, _SCALAR) or depth >= _WITHIN_ARRAY:
                raise self.broken(f"it holds an extension of type {code}, expected arrays")
            return _Walker(self.file, end - length, end).array()
        if kind == "text":
            return self._text(length)
        if kind == "bytes":
            end = self._span(length)
            return Span(self.file, end - length, length)
        return length  # a number, a truth value, nothing

    def array(self) -> StoredTensor:
        """The content of an array's extension, which must fill it."""
        parts = self.value(_WITHIN_ARRAY)
        if self.position != self.end or not isinstance(parts, list) or len(parts) != 3:
            raise self.broken(f"an array before byte {self.end} is not shape, dtype and bytes")
        extents, name, data = parts
        shape = checked_shape(extents, f"{self.file.path}, byte {self.end}")
        if not isinstance(name, str) or name not in DTYPES:
            raise BadInputError(
                f"{self.file.path}: an array is of dtype {str(name)[:40]}, which is not read here; the dtypes are "
                f"{', '.join(DTYPES)}"
            )
        size = math.prod(shape) * DTYPES[name].itemsize
        if not isinstance(data, Span) or data.length != size:
            raise self.broken(f"an array of shape {list(shape)} takes {size} bytes, found {getattr(data, 'length', 0)}")
        return StoredTensor(shape, DTYPES[name], (data,))

    def _map(self, length: int, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(length):
            kind, key = self._head()
            key = self._text(key) if kind == "text" else key
            if kind not in ("text", "simple") or not isinstance(key, str | int):
                raise self.broken(f"a name before byte {self.position} is no text")
            if str(key) in found:
                raise self.broken(f"{str(key)[:100]!r} stands in one map twice")
            found[str(key)] = self.value(depth + 1)
        return found

    def _head(self) -> tuple[str, Any]:
        """The kind of the next value, and its length or, for a simple one, itself."""
        first = self._number(1)
        if first < 0x80 or first >= 0xE0:
            return "simple", first if first < 0x80 else first - 0x100
        for low, high, kind in ((0x80, 0x8F, "map"), (0x90, 0x9F, "array"), (0xA0, 0xBF, "text")):
            if low <= first <= high:
                return kind, first - low
        if first in _SIMPLE:
            return "simple", _SIMPLE[first]
        if first in _FIXED:
            kind, length = _FIXED[first]
            return kind, length
        if first in _SIZED:
            kind, width = _SIZED[first]
            return kind, self._number(width)
        raise self.broken(f"byte {self.position - 1} begins no value")

    def _number(self, width: int) -> int:
        return int.from_bytes(self._take(width), "big")

    def _text(self, length: int) -> str:
        if length > _MAX_TEXT:
            raise self.broken(f"it holds a text of {length} bytes, expected names and arrays")
        try:
            return self._take(length).decode()
        except UnicodeDecodeError:
            raise self.broken(f"the text before byte {self.position} is not UTF-8") from None

    def _span(self, length: int) -> int:
        """Steps over ``length`` bytes and returns where they end."""
        self.position += length
        if self.position > self.end:
            raise self.broken(f"it ends {self.position - self.end} bytes early")
        return self.position

    def _take(self, count: int) -> bytes:
        start = self.position
        self._span(count)
        begin = start - self._ahead_at
        if not 0 <= begin <= begin + count <= len(self._ahead):
            self._ahead, self._ahead_at, begin = self.file.read(start, max(count, 512)), start, 0
        return self._ahead[begin : begin + count]


_SIMPLE = {0xC0: None, 0xC2: False, 0xC3: True}
_FIXED = {0xD4: ("ext", 1), 0xD5: ("ext", 2), 0xD6: ("ext", 4), 0xD7: ("ext", 8), 0xD8: ("ext", 16)}
_SIZED = {
    0xC4: ("bytes", 1), 0xC5: ("bytes", 2), 0xC6: ("bytes", 4), 0xC7: ("ext", 1), 0xC8: ("ext", 2), 0xC9: ("ext", 4),
    0xCC: ("simple", 1), 0xCD: ("simple", 2), 0xCE: ("simple", 4), 0xCF: ("simple", 8), 0xD9: ("text", 1),
    0xDA: ("text", 2), 0xDB: ("text", 4), 0xDC: ("array", 2), 0xDD: ("array", 4), 0xDE: ("map", 2), 0xDF: ("map", 4),
}  # fmt: skip
# Signed integers and floats occur in no tree of weights; 0xCA, 0xCB and 0xD0 to 0xD3 are refused as they stand.
