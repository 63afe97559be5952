"""Maximum mean discrepancy: how far apart two sets of features are, as a family of Gaussian kernels sees them."""

from __future__ import annotations

import jax
import jax.numpy as jnp

# Squared bandwidths in units of the median squared distance between rows.
BANDWIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)


def squared_mmd(
    source: jax.Array, source_weights: jax.Array, target: jax.Array, target_weights: jax.Array
) -> jax.Array:
    """The unbiased estimate of MMD^2 (Gretton et al. 2012, equation 3), mean over the kernels of several bandwidths.

    ``k(x, y) = mean over s of exp(-|x - y|^2 / (s M))`` with s of :data:`BANDWIDTHS` and M the median squared distance
    between different rows of both sets together, through which no gradient flows. Being unbiased it may be below 0
    where the sets do not differ.

    Args:
      source: float32 ``[n, d]``.
      source_weights: ``[n]``: 1, or 0 for filler.
      target: float32 ``[m, d]``.
      target_weights: ``[m]``.
    """
    rows, weights = jnp.concatenate([source, target]), jnp.concatenate([source_weights, target_weights])
    squares = jnp.sum(jnp.square(rows), axis=-1)
    distances = jnp.maximum(squares[:, None] + squares[None, :] - 2.0 * rows @ rows.T, 0.0)
    different = jnp.outer(weights, weights) * (1.0 - jnp.eye(len(weights)))
    fixed = jax.lax.stop_gradient(distances)
    median = jnp.maximum(jnp.nanmedian(jnp.where(different > 0, fixed, jnp.nan)), 1e-12)
    median = jnp.nan_to_num(median, nan=1.0)
    kernel = sum(jnp.exp(-distances / (scale * median)) for scale in BANDWIDTHS) / len(BANDWIDTHS) * different
    n, count, other = len(source), jnp.sum(source_weights), jnp.sum(target_weights)
    within = jnp.sum(kernel[:n, :n]) / jnp.maximum(count * (count - 1.0), 1.0)
    within_target = jnp.sum(kernel[n:, n:]) / jnp.maximum(other * (other - 1.0), 1.0)
    return within + within_target - 2.0 * jnp.sum(kernel[:n, n:]) / jnp.maximum(count * other, 1.0)
