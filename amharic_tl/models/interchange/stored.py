"""Tensors that are still in their files: where their bytes lie, and copying a part of one to where it is wanted."""

from __future__ import annotations

import io
import math
import os
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from amharic_tl.errors import BadInputError, InputOutputError

# What is read at a time where a tensor is converted, cut or transposed on the way; it fits a processor's cache.
WINDOW = 1 << 20
# A row of which this much is not wanted is read piece by piece: beyond it, a call for each row costs less.
_SKIP = 16 << 10
# What one thread reads at a time of a large tensor.
_SHARE = 4 << 20

# Eight-bit floats are the mark of a quantised checkpoint, whose scales this package does not apply.
DTYPES: dict[str, np.dtype] = {
    name: np.dtype(name)
    for name in ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool", "uint16")
} | {"uint32": np.dtype("uint32"), "uint64": np.dtype("uint64"), "bfloat16": np.dtype(ml_dtypes.bfloat16)}


class WeightFile:
    """A file that is kept open, of which parts are read.

    It stays the file that was opened even if another takes its name meanwhile.
    """

    def __init__(self, path: Path) -> None:
        """Opens ``path``.

        Raises:
          InputOutputError: the system cannot open it.
          BadInputError: it is what Git leaves in place of a large file that was not fetched.
        """
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise InputOutputError(f"could not read {path}: {error.strerror}") from error
        weakref.finalize(self, os.close, self._descriptor)
        self.size = os.fstat(self._descriptor).st_size
        if self.size < 1024 and self.read(0, self.size).startswith(b"version https://git-lfs"):
            raise BadInputError(f"{path} is a pointer of Git LFS, not the weights; fetch them with: git lfs pull")

    def read(self, offset: int, count: int) -> bytes:
        """Bytes ``offset`` to ``offset + count``, fewer at the end of the file."""
        try:
            return os.pread(self._descriptor, count, offset)
        except OSError as error:
            raise InputOutputError(f"could not read {self.path}: {error.strerror}") from error

    def stream(self, offset: int, count: int) -> io.BufferedReader:
        """The same as a file to read from front to back."""
        return io.BufferedReader(_Part(self, offset, min(offset + count, self.size)), 64 << 10)

    def read_into(self, buffer: np.ndarray, offset: int) -> None:
        """Fills a flat uint8 array with the bytes from ``offset`` on.

        Raises:
          BadInputError: the file ends before; it was cut after it was opened.
          InputOutputError: the system cannot read it.
        """
        if buffer.size < 2 * _SHARE:
            self._read_into(buffer, offset)
            return
        starts = range(0, buffer.size, _SHARE)
        # One thread alone does not keep a fast disk, or the page cache, busy.
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            list(pool.map(lambda start: self._read_into(buffer[start : start + _SHARE], offset + start), starts))

    def _read_into(self, buffer: np.ndarray, offset: int) -> None:
        rest = memoryview(buffer.data)
        while rest:
            try:
                count = os.preadv(self._descriptor, [rest], offset)
            except OSError as error:
                raise InputOutputError(f"could not read {self.path}: {error.strerror}") from error
            if not count:
                raise BadInputError(f"{self.path} became shorter while it was read; it ends at byte {offset}")
            rest, offset = rest[count:], offset + count


class _Part(io.RawIOBase):
    """Bytes ``offset`` to ``end`` of a file."""

    def __init__(self, file: WeightFile, offset: int, end: int) -> None:
        self._file, self._offset, self._start, self._end = file, offset, offset, end

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._offset - self._start

    def seek(self, offset: int, whence: int = 0) -> int:
        self._offset = offset + (self._start, self._offset, self._end)[whence]
        return self.tell()

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(self._offset, max(0, min(len(buffer), self._end - self._offset)))
        buffer[: len(data)] = data
        self._offset += len(data)
        return len(data)


@dataclass(frozen=True)
class Span:
    """Bytes ``offset`` to ``offset + length`` of a file; they were found to lie in it."""

    file: WeightFile
    offset: int
    length: int


@dataclass(frozen=True)
class StoredTensor:
    """A tensor of known shape and dtype that is still in its file.

    Attributes:
      shape: of the tensor.
      dtype: as stored.
      spans: where its bytes lie, one after the other; or, with ``strides``, the whole storage that it is a view of.
      strides: in elements, where the tensor does not lie densely in row-major order.
      start: the first element in the storage, with ``strides``.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    spans: tuple[Span, ...]
    strides: tuple[int, ...] | None = None
    start: int = 0

    def copy_into(self, target: np.ndarray, index: tuple[slice, ...]) -> None:
        """``target[...] = tensor[index]``, converted to the dtype of ``target``; reads what ``index`` covers only.

        Args:
          target: of the shape that ``index`` cuts out.
          index: a slice without step for each dimension.
        """
        if self.strides is not None:
            view = np.lib.stride_tricks.as_strided(
                self._elements(0, sum(span.length for span in self.spans) // self.dtype.itemsize)[self.start :],
                self.shape,
                tuple(stride * self.dtype.itemsize for stride in self.strides),
                writeable=False,
            )
            np.copyto(target, view[index], casting="unsafe")
            return
        if not self.shape:
            target, index = target.reshape(1), (slice(None),)
        first, last, _ = index[0].indices((self.shape or (1,))[0])
        inner = self.shape[1:]
        width, whole = math.prod(inner), all(i.indices(n) == (0, n, 1) for i, n in zip(index[1:], inner, strict=True))
        if whole and target.dtype == self.dtype and target.flags.c_contiguous:
            self._fill(target.reshape(-1).view(np.uint8), first * width * self.dtype.itemsize)
            return
        for start, stop in _row_blocks(first, last, width * self.dtype.itemsize):
            rows = self._cut(start, stop, index[1:])
            np.copyto(target[start - first : stop - first], rows, casting="unsafe")

    def read(self) -> np.ndarray:
        """The whole tensor, as stored."""
        array = np.empty(self.shape, self.dtype)
        self.copy_into(array, (slice(None),) * array.ndim)
        return array

    def _cut(self, start: int, stop: int, index: tuple[slice, ...]) -> np.ndarray:
        """Rows ``start`` to ``stop``, cut by ``index`` in the other dimensions."""
        inner = self.shape[1:]
        width = math.prod(inner)
        if index:
            low, high, _ = index[0].indices(inner[0])
            one = width // max(inner[0], 1)
            if (width - (high - low) * one) * self.dtype.itemsize > _SKIP:
                pieces = np.empty((stop - start, high - low, *inner[1:]), self.dtype)
                for row, piece in enumerate(pieces.reshape(stop - start, -1).view(np.uint8), start):
                    self._fill(piece, (row * width + low * one) * self.dtype.itemsize)
                return pieces[(slice(None), slice(None), *index[1:])]
        rows = self._elements(start * width, (stop - start) * width).reshape(stop - start, *inner)
        return rows[(slice(None), *index)]

    def _elements(self, start: int, count: int) -> np.ndarray:
        """Elements ``start`` to ``start + count`` as a flat array."""
        elements = np.empty(count, self.dtype)
        self._fill(elements.view(np.uint8), start * self.dtype.itemsize)
        return elements

    def _fill(self, buffer: np.ndarray, start: int) -> None:
        """Fills a flat uint8 array with the tensor's bytes from ``start`` on."""
        passed = 0
        for span in self.spans:
            low, high = max(start, passed), min(start + buffer.size, passed + span.length)
            if low < high:
                span.file.read_into(buffer[low - start : high - start], span.offset + low - passed)
            passed += span.length


def _row_blocks(first: int, last: int, row_bytes: int) -> Iterator[tuple[int, int]]:
    """Rows ``first`` to ``last`` in blocks of at most a window, of one row at least."""
    step = max(1, WINDOW // max(row_bytes, 1))
    for start in range(first, last, step):
        yield start, min(start + step, last)


def checked_shape(extents: object, what: str) -> tuple[int, ...]:
    """A shape as a file gives it: whole numbers of at least 0, at most 32 of them.

    Raises:
      BadInputError: anything else.
    """
    if not isinstance(extents, list | tuple) or len(extents) > 32:
        raise BadInputError(f"{what}: expected a shape of at most 32 dimensions, found {str(extents)[:100]}")
    for extent in extents:
        if not isinstance(extent, int) or isinstance(extent, bool) or extent < 0:
            raise BadInputError(f"{what}: expected a shape of whole numbers, found {str(extents)[:100]}")
    return tuple(extents)
