"""MinDiff's maximum mean discrepancy (Prost et al. 2019; Gretton et al. 2012): how far apart two groups' scores lie."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

Kernel = Literal["gaussian", "laplacian"]
# Keeps the Laplacian kernel's gradient finite where two scores are equal.
SHIFT = 1e-8


def mmd(
    scores_N: jax.Array,
    member_N: jax.Array,
    weights_N: jax.Array | None = None,
    kernel: Kernel = "gaussian",
    length: float = 0.1,
) -> jax.Array:
    """Squared MMD, biased estimator, float32: mean K(p, p) - 2 mean K(p, q) + mean K(q, q), 0 or more but for rounding.

    A pair's weight is the product of its rows' weights. A side without weight has means of 0; without any weight the
    value is 0. Works under ``jit`` on arrays over all devices.

    Args:
      scores_N: scores ``[N]`` or ``[N, D]``, after the sigmoid if they were logits.
      member_N: 1 or True for p, 0 for q.
      weights_N: at least 0; None: 1 each.
      kernel: gaussian, exp(-|x - y|^2 / length^2), or laplacian, exp(-|x - y| / length).
      length: of the kernel.

    Raises:
      ValueError: an unknown kernel, a length of 0 or less; a negative weight, where weights are known (not under jit).
    """
    if kernel not in ("gaussian", "laplacian") or length <= 0:
        raise ValueError(f"expected a gaussian or laplacian kernel of a length above 0, found {kernel!r}, {length}")
    if weights_N is not None and not isinstance(weights_N, jax.core.Tracer) and np.any(np.asarray(weights_N) < 0):
        raise ValueError("a weight is negative")
    scores_ND = jnp.asarray(scores_N, jnp.float32)
    scores_ND = scores_ND.reshape(len(scores_ND), -1)
    weights = jnp.ones(len(scores_ND)) if weights_N is None else jnp.asarray(weights_N, jnp.float32)
    inside = jnp.asarray(member_N).astype(bool)
    p_N, q_N = jnp.where(inside, weights, 0.0), jnp.where(inside, 0.0, weights)
    difference_NND = scores_ND[:, None] - scores_ND[None]
    if kernel == "gaussian":
        kernel_NN = jnp.exp(-jnp.sum(difference_NND**2, axis=-1) / length**2)
    else:
        kernel_NN = jnp.exp(-jnp.linalg.norm(difference_NND + SHIFT, axis=-1) / length)

    def mean(left_N: jax.Array, right_N: jax.Array) -> jax.Array:
        total = jnp.sum(left_N) * jnp.sum(right_N)
        return jnp.where(total > 0, left_N @ kernel_NN @ right_N / jnp.where(total > 0, total, 1.0), 0.0)

    return mean(p_N, p_N) - 2 * mean(p_N, q_N) + mean(q_N, q_N)
