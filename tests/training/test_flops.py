"""The counter against arithmetic, and against XLA where no loop hides work from it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from amharic_tl.training.flops import count_flops

PRODUCT = 2 * 4 * 64 * 64


def _scanned(weights: jax.Array, x: jax.Array) -> jax.Array:
    return jax.lax.scan(lambda h, w: (jnp.tanh(h @ w), None), x, weights)[0].sum()


def _unrolled(weights: jax.Array, x: jax.Array) -> jax.Array:
    for index in range(weights.shape[0]):
        x = jnp.tanh(x @ weights[index])
    return x.sum()


@pytest.fixture
def arguments() -> tuple[jax.Array, jax.Array]:
    return jnp.ones((8, 64, 64)), jnp.ones((4, 64))


def test_a_scan_counts_as_often_as_it_runs(arguments: tuple[jax.Array, jax.Array]) -> None:
    assert count_flops(_scanned, *arguments) == count_flops(_unrolled, *arguments) == 8 * PRODUCT


def test_the_unrolled_count_is_what_xla_says(arguments: tuple[jax.Array, jax.Array]) -> None:
    def products(weights: jax.Array, x: jax.Array) -> jax.Array:
        for index in range(weights.shape[0]):
            x = x @ weights[index]
        return x

    analysis = jax.jit(products).lower(*arguments).compile().cost_analysis()
    # XLA may count the slicing of the weights too, at one operation an element.
    assert 0 <= analysis["flops"] - count_flops(products, *arguments) <= arguments[0].size


def test_only_wanted_gradients_count(arguments: tuple[jax.Array, jax.Array]) -> None:
    weights, x = arguments

    def split(top: jax.Array, bottom: jax.Array) -> jax.Array:
        hidden = jax.lax.scan(lambda h, w: (jnp.tanh(h @ w), None), x, bottom)[0]
        return _scanned(top, hidden)

    full = count_flops(jax.value_and_grad(_scanned), weights, x)
    top_two = count_flops(jax.jit(jax.value_and_grad(split)), weights[6:], weights[:6])
    assert full == 3 * 8 * PRODUCT
    assert top_two == (6 + 3 * 2) * PRODUCT


def test_unused_work_is_not_counted(arguments: tuple[jax.Array, jax.Array]) -> None:
    def wasteful(weights: jax.Array, x: jax.Array) -> jax.Array:
        _scanned(weights, x)
        return (x @ weights[0]).sum()

    assert count_flops(wasteful, *arguments) == PRODUCT
