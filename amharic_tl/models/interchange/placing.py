"""From stored tensors to arrays on devices: each process copies what its own devices hold, once, to where it stays."""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding

from amharic_tl.models.interchange.stored import StoredTensor

Index = tuple[slice, ...]
_LARGE = 1 << 20
_PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


class Source(Protocol):
    """What a parameter, or one layer of a stacked one, is filled from."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the parameter."""

    @property
    def dtype(self) -> np.dtype:
        """Of the stored numbers."""

    def copy_into(self, target: np.ndarray, index: Index) -> None:
        """``target[...] = self[index]``, converted to the dtype of ``target``."""


@dataclass(frozen=True)
class Transposed:
    """A stored matrix with its dimensions exchanged."""

    stored: StoredTensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the parameter."""
        return self.stored.shape[::-1]

    @property
    def dtype(self) -> np.dtype:
        """Of the stored numbers."""
        return self.stored.dtype

    def copy_into(self, target: np.ndarray, index: Index) -> None:
        """``target[...] = self[index]``."""
        self.stored.copy_into(target.T, index[::-1])


@dataclass(frozen=True)
class InMemory:
    """An array that is there already: drawn at random."""

    array: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the parameter."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype:
        """Of the array."""
        return self.array.dtype

    def copy_into(self, target: np.ndarray, index: Index) -> None:
        """``target[...] = self[index]``."""
        np.copyto(target, self.array[index], casting="unsafe")


def read_whole(source: Source) -> np.ndarray:
    """All of a (small) source."""
    array = np.empty(source.shape, source.dtype)
    source.copy_into(array, (slice(None),) * array.ndim)
    return array


def place(
    sources: Sequence[Source],
    stacked: bool,
    dtype: Any,
    target: NamedSharding | None,
    *,
    by_layer: bool | None = None,
) -> jax.Array:
    """One parameter on its devices.

    Args:
      sources: one, or the layers of a stacked parameter in order.
      stacked: whether the parameter has the layers as first dimension.
      dtype: of the parameter.
      target: where it goes; None: the default device.
      by_layer: whether a stacked parameter travels to its device layer by layer, so that the host never holds more
        than one; None: where the device has a memory of its own.

    Returns:
      An array of which every device got its part. On CPU devices the array is the very memory that was read into.
    """
    dtype = jax.dtypes.canonicalize_dtype(dtype)
    shape = (len(sources), *sources[0].shape) if stacked else sources[0].shape
    if target is None:
        whole = tuple(slice(0, extent) for extent in shape)
        return _part(sources, stacked, dtype, whole, [None], by_layer)[0]
    parts: dict[tuple[tuple[int, int], ...], list[Any]] = {}
    for device, index in target.addressable_devices_indices_map(shape).items():
        cut = tuple(piece.indices(extent)[:2] for piece, extent in zip(index or (), shape, strict=True))
        parts.setdefault(cut, []).append(device)
    arrays: list[jax.Array] = []
    for cut, devices in parts.items():
        index = tuple(slice(*bounds) for bounds in cut)
        arrays += _part(sources, stacked, dtype, index, devices, by_layer)
    return jax.make_array_from_single_device_arrays(shape, target, arrays)


def _part(
    sources: Sequence[Source], stacked: bool, dtype: Any, index: Index, devices: list[Any], by_layer: bool | None
) -> list[jax.Array]:
    """The part that ``index`` cuts out, on each of ``devices``."""
    extents = [piece.stop - piece.start for piece in index]
    if not stacked:
        buffer = _aligned(extents, dtype)
        sources[0].copy_into(buffer, index)
        return _put(buffer, devices)
    layers = sources[index[0]]
    if by_layer is None:
        by_layer = (devices[0].platform if devices[0] is not None else jax.default_backend()) != "cpu"
    if by_layer:
        arrays = [jnp.zeros(extents, dtype, device=device) for device in devices]
        for at, source in enumerate(layers):
            buffer = _aligned(extents[1:], dtype)
            source.copy_into(buffer, index[1:])
            arrays = [_set_layer(array, part, at) for array, part in zip(arrays, _put(buffer, devices), strict=True)]
        return arrays
    buffer = _aligned(extents, dtype)
    for at, source in enumerate(layers):
        source.copy_into(buffer[at, ...], index[1:])
    return _put(buffer, devices)


def _put(buffer: np.ndarray, devices: list[Any]) -> list[jax.Array]:
    """Waits, so that a buffer that was copied to a device is let go before the next is made."""
    return jax.block_until_ready([jax.device_put(buffer, device) for device in devices])


def _aligned(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """New memory, aligned so that a CPU device takes it as it is instead of copying it."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size >= _LARGE:
        # Pages come one by one as they are filled: numpy would ask for huge ones, and clearing these first takes
        # longer than the reading.
        return np.frombuffer(mmap.mmap(-1, size, flags=_PRIVATE), dtype).reshape(shape)
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)


@partial(jax.jit, donate_argnums=0)
def _set_layer(array: jax.Array, layer: jax.Array, at: int) -> jax.Array:
    return jax.lax.dynamic_update_index_in_dim(array, layer, at, 0)
