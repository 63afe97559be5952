"""Losses over a vocabulary in chunks: values, gradients, what is made at once, and what devices send for it."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend import core
from jax.sharding import NamedSharding, PartitionSpec

from amharic_tl.distributed.collectives import collectives, sent_by_axis
from amharic_tl.distributed.mesh import BATCH_AXES, make_mesh
from amharic_tl.tasks.chunked_loss import chunked_loss
from amharic_tl.tasks.token_losses import token_losses

ROWS, LENGTH, WIDTH, VOCABULARY = 8, 7, 16, 40
KEYS = jax.random.split(jax.random.key(0), 3)
HIDDEN = jax.random.normal(KEYS[0], (ROWS, LENGTH, WIDTH))
TABLE = jax.random.normal(KEYS[1], (VOCABULARY, WIDTH))
LABELS = jax.random.randint(KEYS[2], (ROWS, LENGTH), 0, VOCABULARY)
WEIGHTS = jnp.asarray(np.random.default_rng(0).integers(0, 2, (ROWS, LENGTH)), jnp.float32)
CHUNKS = [ROWS * VOCABULARY * 3, 10**9]


def _whole(hidden: jax.Array, table: jax.Array, weights: jax.Array) -> jax.Array:
    log_probs = jax.nn.log_softmax(hidden @ table.T)
    return -2.0 * jnp.sum(jnp.take_along_axis(log_probs, LABELS[..., None], -1)[..., 0] * weights)


def _chunked(hidden: jax.Array, table: jax.Array, weights: jax.Array, chunk_logits: int) -> jax.Array:
    return 2.0 * chunked_loss(lambda h: h @ table.T, hidden, LABELS, weights, chunk_logits=chunk_logits)


@pytest.mark.parametrize("chunk_logits", CHUNKS)
def test_chunks_change_neither_losses_nor_gradients(chunk_logits: int) -> None:
    asked = (0, 1, 2)
    value, gradients = jax.value_and_grad(_chunked, asked)(HIDDEN, TABLE, WEIGHTS, chunk_logits)
    expected, wanted = jax.value_and_grad(_whole, asked)(HIDDEN, TABLE, WEIGHTS)
    assert float(value) == pytest.approx(float(expected), rel=1e-5)
    assert float(_chunked(HIDDEN, TABLE, WEIGHTS, chunk_logits)) == pytest.approx(float(expected), rel=1e-5)
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)
    nats, right = token_losses(lambda h: h @ TABLE.T, HIDDEN, LABELS, ranked=True, chunk_logits=chunk_logits)
    assert 2.0 * float(jnp.sum(nats * WEIGHTS)) == pytest.approx(float(expected), rel=1e-5)
    np.testing.assert_array_equal(right, (HIDDEN @ TABLE.T).argmax(-1) == LABELS)


def _sizes(jaxpr: Any) -> list[int]:
    """Elements of every array that a programme makes, those inside its loops too."""
    found = []
    for equation in jaxpr.eqns:
        found += [math.prod(getattr(out.aval, "shape", ())) for out in equation.outvars]
        for value in equation.params.values():
            for item in value if isinstance(value, list | tuple) else [value]:
                if isinstance(item, core.ClosedJaxpr):
                    found += _sizes(item.jaxpr)
                elif isinstance(item, core.Jaxpr):
                    found += _sizes(item)
    return found


def test_no_array_of_all_logits_is_made_and_what_is_frozen_gets_no_gradient() -> None:
    hidden, labels = jnp.zeros((4, 64, 8)), jnp.zeros((4, 64), jnp.int32)
    weights = jnp.ones((4, 64))

    def loss(hidden: jax.Array, table: jax.Array) -> jax.Array:
        return chunked_loss(lambda h: h @ table, hidden, labels, weights, chunk_logits=4 * 8 * 1000)

    table = jnp.zeros((8, 1000))
    of_both = jax.make_jaxpr(jax.grad(loss, (0, 1)))(hidden, table)
    of_hidden = jax.make_jaxpr(jax.grad(loss))(hidden, table)
    assert max(_sizes(of_both.jaxpr)) == max(_sizes(of_hidden.jaxpr)) == 4 * 8 * 1000
    # Of three products the one with the gradient of the table is left out.
    products = [str(of).count("dot_general") for of in (of_both, of_hidden)]
    assert products == [3, 2]


@pytest.mark.parametrize("layout", [(2, 4, 1), (2, 2, 2)])
def test_devices_gather_the_table_once_and_sum_its_gradient_once(layout: tuple[int, int, int]) -> None:
    mesh = make_mesh(*layout)
    rows = NamedSharding(mesh, PartitionSpec(BATCH_AXES))
    places = (rows, NamedSharding(mesh, PartitionSpec("tensor", "fsdp")), rows)
    placed = [jax.device_put(one, place) for one, place in zip((HIDDEN, TABLE, WEIGHTS), places, strict=True)]
    step = jax.jit(
        lambda *arguments: jax.value_and_grad(_chunked, (0, 1))(*arguments, 2 * VOCABULARY),
        out_shardings=(None, (rows, places[1])),
    )
    compiled = step.lower(*placed).compile()
    value, gradients = compiled(*placed)
    expected, wanted = jax.value_and_grad(_whole, (0, 1))(HIDDEN, TABLE, WEIGHTS)
    assert float(value) == pytest.approx(float(expected), rel=1e-5)
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)
    found = collectives(compiled.as_text(), mesh)
    table = TABLE.nbytes // mesh.shape["tensor"]
    gathered = sum(one.sent for one in found if one.kind == "all-gather" and "fsdp" in one.axes)
    assert 0 < gathered < table, found
    summed = sum(one.sent for one in found if one.kind in ("all-reduce", "reduce-scatter") and "fsdp" in one.axes)
    assert summed <= 2 * table * 1.1, sent_by_axis(found)
