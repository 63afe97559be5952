"""The mesh and how a batch lies on it."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from jax.sharding import AxisType

from amharic_tl.distributed.mesh import batch_shards, make_mesh, put_batch
from amharic_tl.errors import ConfigError


def test_the_data_axis_takes_what_the_others_leave() -> None:
    assert dict(make_mesh(None, 2, 2).shape) == {"data": 2, "fsdp": 2, "tensor": 2}
    assert dict(make_mesh(None, 1, 1, jax.devices()[:3]).shape) == {"data": 3, "fsdp": 1, "tensor": 1}
    assert set(make_mesh(None, 1, 1).axis_types) == {AxisType.Auto}


@pytest.mark.parametrize("layout", [(3, 1, 1), (None, 3, 1), (8, 2, 1), (None, 16, 1)])
def test_a_layout_that_is_not_the_devices_is_refused(layout: tuple[int | None, int, int]) -> None:
    with pytest.raises(ConfigError, match="8 are here; choose a product of 8"):
        make_mesh(*layout)


def test_rows_are_split_over_data_and_fsdp_and_repeated_over_tensor() -> None:
    mesh = make_mesh(2, 2, 2)
    assert batch_shards(mesh) == 4
    rows = np.arange(24).reshape(8, 3)
    placed = put_batch({"rows": rows}, mesh)["rows"]
    np.testing.assert_array_equal(placed, rows)
    assert {shard.data.shape for shard in placed.addressable_shards} == {(2, 3)}
