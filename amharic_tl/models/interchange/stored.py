"""Tensors that are still in their files: where their bytes lie, and copying a part of one to where it is wanted."""

from __future__ import annotations

import io
import math
import mmap
import os
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from amharic_tl.errors import BadInputError, InputOutputError

# What is mapped at a time. Mapped pages count as memory of the process, so a tensor is never mapped as a whole.
WINDOW = 8 << 20

# Eight-bit floats are the mark of a quantised checkpoint, whose scales this package does not apply.
DTYPES: dict[str, np.dtype] = {
    name: np.dtype(name)
    for name in ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool", "uint16")
} | {"uint32": np.dtype("uint32"), "uint64": np.dtype("uint64"), "bfloat16": np.dtype(ml_dtypes.bfloat16)}


class WeightFile:
    """A file that is kept open, of which parts are read or mapped.

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

    def map(self, offset: int, count: int) -> np.ndarray:
        """The same as a read-only uint8 array, which takes memory only while it lives."""
        if count == 0:
            return np.empty(0, np.uint8)
        ahead = offset % mmap.ALLOCATIONGRANULARITY
        try:
            mapped = mmap.mmap(self._descriptor, ahead + count, access=mmap.ACCESS_READ, offset=offset - ahead)
        except (OSError, ValueError) as error:
            raise InputOutputError(f"could not read {self.path}: {error}") from error
        return np.frombuffer(mapped, np.uint8)[ahead:]


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
        shape = self.shape or (1,)
        index = index or (slice(None),)
        target = target.reshape(1) if not self.shape else target
        first, last, _ = index[0].indices(shape[0])
        for start, stop in _row_blocks(first, last, math.prod(shape[1:]) * self.dtype.itemsize):
            width = math.prod(shape[1:])
            rows = self._elements(start * width, (stop - start) * width).reshape(stop - start, *shape[1:])
            np.copyto(target[start - first : stop - first], rows[(slice(None), *index[1:])], casting="unsafe")

    def read(self) -> np.ndarray:
        """The whole tensor, as stored."""
        array = np.empty(self.shape, self.dtype)
        self.copy_into(array, (slice(None),) * array.ndim)
        return array

    def _elements(self, start: int, count: int) -> np.ndarray:
        """Elements as a flat array: a view of the file, or a copy where they lie in several spans."""
        begin, end = start * self.dtype.itemsize, (start + count) * self.dtype.itemsize
        parts, passed = [], 0
        for span in self.spans:
            low, high = max(begin, passed), min(end, passed + span.length)
            if low < high:
                parts.append(span.file.map(span.offset + low - passed, high - low))
            passed += span.length
        joined = parts[0] if len(parts) == 1 else np.concatenate([*parts, np.empty(0, np.uint8)])
        return joined.view(self.dtype)


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
