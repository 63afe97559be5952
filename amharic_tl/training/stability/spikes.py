"""What a spike is: a loss or gradient norm far above the median of the latest ones. Pure, part of the compiled step."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

# The median absolute deviation of a normal distribution is this share of its standard deviation (Hampel 1974).
NORMAL_MAD = 0.6745
# Losses that hardly scatter (learned by heart, or equal by chance) would make any change a spike.
LEAST_DEVIATION = 0.05  # of the median
FIGURES = ("loss", "grad_norm")


@jax.tree_util.register_dataclass
@dataclass
class Watch:
    """What the step remembers in order to judge itself.

    Attributes:
      recent: float32 ``[2, window]``, loss and gradient norm of the latest updates in which both were finite, newest
        last; NaN where there was none yet.
      rate_scale: float32 scalar, factor of the learning rate.
    """

    recent: jax.Array
    rate_scale: jax.Array


@dataclass(frozen=True)
class Spikes:
    """How updates are judged.

    Attributes:
      window: latest finite updates that are compared with.
      least: of them that must be there.
      deviations: robust standard deviations above the median that are a spike.
      skip: whether a spike is left out, or only recorded.
    """

    window: int
    least: int
    deviations: float
    skip: bool

    def beginning(self) -> Watch:
        """An empty window, and the rate as it is (arrays of the host)."""
        return Watch(np.full((2, self.window), np.nan, np.float32), np.ones((), np.float32))  # type: ignore[arg-type]

    def limits(self, recent: jax.Array) -> jax.Array:
        """Float32 ``[2]``: what loss and gradient norm may be at most; infinite while too few are known.

        ``median + deviations x max(MAD / 0.6745, 0.05 |median|)``. Up to half of the window may be outliers without
        moving the limit far.
        """
        median = jnp.nanmedian(recent, axis=1)
        spread = jnp.nanmedian(jnp.abs(recent - median[:, None]), axis=1) / NORMAL_MAD
        limit = median + self.deviations * jnp.maximum(spread, LEAST_DEVIATION * jnp.abs(median))
        known = jnp.sum(jnp.isfinite(recent), axis=1) >= self.least
        return jnp.where(known, limit, jnp.inf)


def entered(recent: jax.Array, observed: jax.Array, finite: jax.Array) -> jax.Array:
    """The window after an update.

    Args:
      recent: float32 ``[2, window]``.
      observed: float32 ``[2]``, loss and gradient norm.
      finite: whether both are; otherwise they do not enter.
    """
    return jnp.where(finite, jnp.concatenate([recent[:, 1:], observed[:, None]], axis=1), recent)
