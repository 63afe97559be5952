"""Absolute positions that are added to the embedded words: learned tables and sinusoids; and relative distances."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from amharic_tl.errors import BadInputError
from amharic_tl.models.layers import Embedding

# The longest input where no table of positions ends.
UNLIMITED = 2**31 - 1


class LearnedPositions(nnx.Module):
    """A table ``[positions + offset, H]``; position p has row ``p + offset``."""

    def __init__(self, table: Embedding, offset: int = 0) -> None:
        self.table, self.offset = table, offset

    def __call__(self, input_ids_BS: jax.Array, positions_BS: jax.Array | None) -> jax.Array:
        """float32 ``[B, S, H]`` of positions counted from 0; None: 0, 1, ... whatever the ids."""
        if positions_BS is None:
            positions_BS = jnp.arange(input_ids_BS.shape[1], dtype=jnp.int32)[None]
        return self.table(positions_BS + self.offset).astype(jnp.float32)


class SinusoidalPositions(nnx.Module):
    """Sines, then cosines, of falling frequencies (Vaswani et al. 2017, section 3.5, as fairseq lays them out).

    They are computed, not saved, so there is no longest sequence. The row numbered ``pad_id`` is zero.

    Args:
      size: H.
      pad_id: of padding.
      from_ids: M2M100 counts the tokens that are no padding, from row ``pad_id + 1`` on, and gives padding the row
        ``pad_id``. Otherwise position p has row ``p + 2``, whatever the ids (XGLM).
    """

    def __init__(self, size: int, pad_id: int, from_ids: bool) -> None:
        self.size, self.pad_id, self.from_ids = size, pad_id, from_ids

    def __call__(self, input_ids_BS: jax.Array, positions_BS: jax.Array | None) -> jax.Array:
        """float32 ``[B, S, H]`` of positions counted from 0; None: as the ids say."""
        if self.from_ids:
            real_BS = (input_ids_BS != self.pad_id).astype(jnp.int32)
            counted_BS = jnp.cumsum(real_BS, axis=1) if positions_BS is None else positions_BS + 1
            rows_BS = counted_BS * real_BS + self.pad_id
        else:
            positions_BS = (
                jnp.arange(input_ids_BS.shape[1], dtype=jnp.int32)[None] if positions_BS is None else positions_BS
            )
            rows_BS = positions_BS + 2
        half = self.size // 2
        frequencies_F = np.exp(np.arange(half, dtype=np.float32) * np.float32(-math.log(10_000) / (half - 1)))
        angles_BSF = rows_BS[..., None].astype(jnp.float32) * frequencies_F
        table_BSH = jnp.concatenate([jnp.sin(angles_BSF), jnp.cos(angles_BSF)], axis=-1)
        table_BSH = jnp.pad(table_BSH, ((0, 0), (0, 0), (0, self.size - 2 * half)))
        return jnp.where(rows_BS[..., None] == self.pad_id, 0.0, table_BSH)


@dataclass(frozen=True)
class RelativeBuckets:
    """Distances between tokens, as buckets that grow wider with the distance (Raffel et al. 2020, section 2.1).

    Attributes:
      buckets: how many; at least 4 in both directions together, 2 in one.
      farthest: distances from here on share the last bucket.
      both_ways: encoders look ahead too, with the upper half of the buckets; decoders put all of that into bucket 0.
    """

    buckets: int
    farthest: int
    both_ways: bool

    def __call__(self, query_places_S: jax.Array, key_places_T: jax.Array) -> jax.Array:
        """int32 ``[S, T]`` of int places in the sequence."""
        ahead_ST = key_places_T[None, :] - query_places_S[:, None]
        distance_ST = jnp.abs(ahead_ST) if self.both_ways else jnp.maximum(-ahead_ST, 0)
        found_ST = jnp.asarray(self._bucket_of_distance())[jnp.minimum(distance_ST, self.farthest)]
        return found_ST + jnp.where(ahead_ST > 0, self.buckets // 2, 0) if self.both_ways else found_ST

    def _bucket_of_distance(self) -> np.ndarray:
        """int32 ``[farthest + 1]``: one bucket a distance up to half of them, then logarithmically wider ones."""
        buckets = self.buckets // 2 if self.both_ways else self.buckets
        exact = buckets // 2
        distances = np.arange(self.farthest + 1)
        with np.errstate(divide="ignore"):
            # In float32, as the weights were trained: a distance at the edge of a bucket rounds the same way.
            ratio = np.log(distances.astype(np.float32) / np.float32(exact))
            ratio = ratio / np.float32(math.log(self.farthest / exact)) * np.float32(buckets - exact)
        wide = np.minimum(exact + np.maximum(ratio, 0.0).astype(np.int32), buckets - 1)
        return np.where(distances < exact, distances, wide).astype(np.int32)


def refuse_longer(what: str, length: int, longest: int) -> None:
    """Refuses an input that is longer than the position table.

    Raises:
      BadInputError: it is.
    """
    if length > longest:
        raise BadInputError(
            f"{what} are {length} tokens wide, but the model has {longest} positions; cut the texts shorter"
        )
