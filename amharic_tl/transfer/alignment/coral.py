"""CORAL: how far apart the covariances of two sets of features are."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def coral(source: jax.Array, source_weights: jax.Array, target: jax.Array, target_weights: jax.Array) -> jax.Array:
    """``|C_S - C_T|_F^2 / (4 d^2)`` with unbiased covariances (Sun & Saenko 2016, equations 1 to 3).

    Args:
      source: float32 ``[n, d]``.
      source_weights: ``[n]``: 1, or 0 for filler.
      target: float32 ``[m, d]``.
      target_weights: ``[m]``.
    """
    difference = _covariance(source, source_weights) - _covariance(target, target_weights)
    return jnp.sum(jnp.square(difference)) / (4.0 * source.shape[-1] ** 2)


def _covariance(rows: jax.Array, weights: jax.Array) -> jax.Array:
    count = jnp.sum(weights)
    mean = jnp.sum(rows * weights[:, None], axis=0) / jnp.maximum(count, 1.0)
    centred = (rows - mean) * weights[:, None]
    return centred.T @ centred / jnp.maximum(count - 1.0, 1.0)
