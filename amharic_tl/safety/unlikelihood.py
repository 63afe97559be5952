"""Unlikelihood of what must not be said (Welleck et al. 2020): -log(1 - p)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

# Below float32's 1 - 2^-24, so that the value at p = 1 is finite (about 16.6) and nothing else is touched.
NEAREST = -(2.0**-24)


def unlikelihood(log_probabilities: jax.Array) -> jax.Array:
    """-log(1 - exp(log p)) in float32, elementwise: of a token's log-probability, or of a sequence's.

    1 - p is never formed: in bfloat16 it is 0 for every p above 0.996, and p itself is lost where it is small.
    """
    return -jax.nn.log1mexp(-jnp.minimum(log_probabilities.astype(jnp.float32), NEAREST))
