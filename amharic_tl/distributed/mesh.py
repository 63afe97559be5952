"""The mesh of devices: axes ``data`` (copies of the model), ``fsdp`` (shards of it), ``tensor`` (split products)."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from amharic_tl.errors import ConfigError

AXES = ("data", "fsdp", "tensor")
BATCH_AXES = ("data", "fsdp")


def make_mesh(data: int | None, fsdp: int, tensor: int, devices: list[jax.Device] | None = None) -> Mesh:
    """Lays ``devices`` (default: all) out as ``data x fsdp x tensor``; ``data=None`` takes what the others leave.

    Raises:
      ConfigError: the product of the axes is not the number of devices.
    """
    devices = jax.devices() if devices is None else devices
    count = len(devices)
    if data is None:
        data = max(count // (fsdp * tensor), 1)
    if data * fsdp * tensor != count:
        raise ConfigError(
            f"config.mesh: data {data} x fsdp {fsdp} x tensor {tensor} = {data * fsdp * tensor} devices, "
            f"but {count} are here; choose a product of {count}"
        )
    # Auto axes: jax.make_mesh defaults to Explicit ones, which ask for a sharding at every gather.
    return jax.make_mesh((data, fsdp, tensor), AXES, axis_types=(AxisType.Auto,) * 3, devices=devices)


def batch_shards(mesh: Mesh) -> int:
    """Over how many groups of devices a batch is split."""
    return int(np.prod([mesh.shape[axis] for axis in BATCH_AXES]))


def replicated(mesh: Mesh) -> NamedSharding:
    """A whole copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Rows of a batch ``[B, ...]`` split over the data and fsdp axes."""
    return NamedSharding(mesh, PartitionSpec(BATCH_AXES))


def row_shards(array: jax.Array) -> int:
    """Over how many groups of devices the rows of a traced array are split, where it is computed over our axes; 1 for
    none, and for rows that cannot be divided so.
    """
    mesh = jax.typeof(array).sharding.mesh
    if mesh.empty or not set(BATCH_AXES) <= set(mesh.axis_names) or mesh.manual_axes or mesh.explicit_axes:
        return 1
    shards = int(np.prod([mesh.shape[axis] for axis in BATCH_AXES]))
    return 1 if array.shape[0] % shards else shards


def tensor_shards(array: jax.Array) -> int:
    """Over how many devices the products of a traced array with weights are split, where it is computed over our axes;
    otherwise 1.
    """
    mesh = jax.typeof(array).sharding.mesh
    if mesh.empty or "tensor" not in mesh.axis_names or mesh.manual_axes or mesh.explicit_axes:
        return 1
    return int(mesh.shape["tensor"])


def split_by_rows(array: jax.Array) -> jax.Array:
    """A traced array whose rows stay on the devices of their batch, where it is computed over a mesh of our axes.

    A compiler that is not told so may rather split activations along their features, as the parameters of fsdp are,
    and then every device holds, and sends, what belongs to all rows.
    """
    if row_shards(array) == 1:
        return array
    mesh = jax.typeof(array).sharding.mesh
    return jax.lax.with_sharding_constraint(array, NamedSharding(mesh, PartitionSpec(BATCH_AXES)))


def whole(tree: Any, mesh: Mesh) -> Any:
    """``tree`` with every leaf readable here: as it is for one process, gathered for several (all must call)."""
    if jax.process_count() == 1:
        return tree
    return jax.jit(lambda leaves: leaves, out_shardings=replicated(mesh))(tree)


def put_batch(batch: dict[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Puts this process's rows of a batch on its devices; the result is the global batch.

    Args:
      batch: arrays ``[rows of this process, ...]``.
      mesh: where to.
    """
    sharding = batch_sharding(mesh)
    return {name: jax.make_array_from_process_local_data(sharding, array) for name, array in batch.items()}
