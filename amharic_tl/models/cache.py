"""The cache of keys and values that decoding writes into: arrays of a fixed length, so that no step compiles anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

Cache = dict[str, jax.Array]


def empty_cache(layers: int, batch: int, length: int, heads: int, head_size: int, dtype: Any) -> Cache:
    """Room for ``length`` tokens in every layer: ``keys`` and ``values``, zeros ``[L, B, T, K, D]``.

    Args:
      layers: L.
      batch: B.
      length: T, the most tokens a row may come to hold.
      heads: K, heads of the keys (fewer than those of the queries in grouped-query attention).
      head_size: D.
      dtype: of what is kept; the dtype of the products is enough.
    """
    shape = (layers, batch, length, heads, head_size)
    return {"keys": jnp.zeros(shape, dtype), "values": jnp.zeros(shape, dtype)}


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LayerCache:
    """One layer's place in the cache of all, so that a step writes its few slots and copies nothing else.

    Attributes:
      whole: of all layers, as :func:`empty_cache` makes it.
      layer: int32 scalar, which of them.
    """

    whole: Cache
    layer: jax.Array

    def write(self, keys_BSKD: jax.Array, values_BSKD: jax.Array, start: Any) -> tuple[LayerCache, Cache]:
        """The cache with new keys and values in the slots from ``start`` (int32 scalar, may be traced) on, and what
        the layer then holds, ``keys`` and ``values``, each ``[B, T, K, D]``.
        """
        new = {"keys": keys_BSKD, "values": values_BSKD}
        place = (self.layer, 0, start, 0, 0)
        whole = {
            name: jax.lax.dynamic_update_slice(self.whole[name], x[None].astype(self.whole[name].dtype), place)
            for name, x in new.items()
        }
        held = {name: jax.lax.dynamic_index_in_dim(x, self.layer, keepdims=False) for name, x in whole.items()}
        return LayerCache(whole, self.layer), held
