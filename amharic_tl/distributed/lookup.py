"""Rows of a table that is sharded over devices, for the ids of a batch that is split over them."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from amharic_tl.distributed.mesh import BATCH_AXES, row_shards


def rows_of(table_VH: jax.Array, ids: jax.Array) -> jax.Array:
    """``table_VH[ids]``, ``[B, ...]`` to ``[B, ..., H]``.

    Over a mesh with an axis ``fsdp`` of more than one device it is said what is sent, because a compiler that is left
    alone has been seen to gather the activations of the whole batch on every device. The group of that axis

    - gathers the table where that is smaller than the rows that a device looks up (positions, types);
    - otherwise exchanges: ids are gathered, each device looks up its share of the features for all of them, and sends
      every device its rows (what is sent is no more than the rows looked up, however large the vocabulary).

    Over ``tensor`` a device looks up the ids whose rows it has, and the group sums.
    """
    mesh = jax.typeof(ids).sharding.mesh
    if row_shards(ids) == 1 or mesh.shape["fsdp"] == 1:
        return table_VH[ids]
    here = math.prod(ids.shape) // row_shards(ids)
    features = table_VH.shape[1] % mesh.shape["fsdp"] == 0 and len(table_VH) > here
    rows = mesh.shape["tensor"] if features and len(table_VH) % mesh.shape["tensor"] == 0 else 1
    place = PartitionSpec("tensor" if rows > 1 else None, "fsdp" if features else None)
    return jax.shard_map(
        partial(_exchanged, split=rows > 1) if features else lambda table, ids: table[ids],
        mesh=mesh,
        in_specs=(place, PartitionSpec(BATCH_AXES)),
        out_specs=PartitionSpec(BATCH_AXES),
        check_vma=False,
    )(table_VH, ids)


def _exchanged(table: jax.Array, ids: jax.Array, split: bool) -> jax.Array:
    """Rows ``[b, ..., H]`` of a device's ids ``[b, ...]`` from its share ``[v, h]`` of the table.

    ``split``: whether the rows of the table are shared out over ``tensor``.
    """
    every = jax.lax.all_gather(ids, "fsdp", tiled=True)
    if split:
        local = every - jax.lax.axis_index("tensor") * len(table)
        mine = (local >= 0) & (local < len(table))
        found = jnp.where(mine[..., None], table[jnp.where(mine, local, 0)], 0)
        found = jax.lax.psum(found, "tensor")
    else:
        found = table[every]
    return jax.lax.all_to_all(found, "fsdp", split_axis=0, concat_axis=found.ndim - 1, tiled=True)
