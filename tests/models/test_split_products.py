"""Rows and products that are split over devices: what one device gives, and so are the gradients."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from amharic_tl.distributed.lookup import rows_of
from amharic_tl.distributed.mesh import BATCH_AXES, make_mesh
from amharic_tl.models.layers import Linear, normal, together

MESH = make_mesh(2, 2, 2)
ROWS = NamedSharding(MESH, PartitionSpec(BATCH_AXES))
KEY = jax.random.key(0)


def test_rows_are_those_of_the_table_whether_it_is_gathered_or_they_are_exchanged() -> None:
    generator = np.random.default_rng(0)
    ids = jnp.asarray(generator.integers(0, 24, (8, 3)))
    large, small = (jnp.asarray(generator.normal(size=(rows, 8)), jnp.float32) for rows in (24, 4))
    weights = jnp.asarray(generator.normal(size=(8, 3, 8)), jnp.float32)

    def total(large: jax.Array, small: jax.Array, ids: jax.Array) -> Any:
        return jnp.sum((rows_of(large, ids) + rows_of(small, ids % 4)) * weights)

    both = jax.jit(jax.value_and_grad(total, (0, 1)))
    expected = both(large, small, ids)
    place = NamedSharding(MESH, PartitionSpec("tensor", "fsdp"))
    found = both(jax.device_put(large, place), jax.device_put(small, place), jax.device_put(ids, ROWS))
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5), found, expected)


def test_layers_of_one_input_give_together_what_each_gives() -> None:
    # Grouped queries: the keys' layer is narrower; the last one's width cannot be divided, and then none is.
    widths = (12, 4, 3)
    x = jax.random.normal(KEY, (8, 5, 8))

    def total(x: jax.Array, weights: list[jax.Array], joined: list[int]) -> Any:
        made = []
        for place, weight in zip(joined, weights, strict=True):
            made.append(Linear(f"l{place}", 8, widths[place], normal(1.0), KEY, bias=place != 1))
            made[-1].weight.set_value(weight)
        return sum(jnp.sum(jnp.sin(y) * (1 + n)) for n, y in enumerate(together(x, *made)))

    for joined in ([0, 1], [0, 1, 2]):
        weights = [jax.random.normal(jax.random.key(place), (widths[place], 8)) for place in joined]
        both = jax.jit(jax.value_and_grad(lambda x, w, joined=joined: total(x, w, joined), (0, 1)))
        expected = both(x, weights)
        found = both(jax.device_put(x, ROWS), weights)
        jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4), found, expected)
