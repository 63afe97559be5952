"""Group-DRO's weights (Sagawa et al. 2020): the groups whose loss is largest weigh more and more."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def update_group_weights(weights_G: jax.Array, losses_G: jax.Array, present_G: jax.Array, step: float) -> jax.Array:
    """q_g exp(step * loss_g), normalised over the groups that are present.

    A group without a row in the batch has no loss: it keeps its weight exactly, and the others share what they had.

    Args:
      weights_G: float, at least 0, sum 1.
      losses_G: mean loss of each group over the whole batch; read only where present.
      present_G: bool.
      step: eta, above 0.
    """
    losses_G = jnp.where(present_G, losses_G, 0.0).astype(jnp.float32)
    shifted_G = losses_G - jnp.max(jnp.where(present_G, losses_G, -jnp.inf), initial=-1e30)
    grown_G = jnp.where(present_G, weights_G * jnp.exp(step * shifted_G), 0.0)
    total = jnp.sum(grown_G)
    share = jnp.sum(jnp.where(present_G, weights_G, 0.0)) / jnp.where(total > 0, total, 1.0)
    return jnp.where(present_G & (total > 0), grown_G * share, weights_G)
