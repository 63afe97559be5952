"""A running average of the weights, which is evaluated in their place."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp


def moved_average(average: Any, parameters: Any, updates: jax.Array, decay: float) -> Any:
    """The exponential moving average after one more update, corrected for its beginning.

    ``average_t = average_{t-1} + w_t (parameters_t - average_{t-1})``, ``w_t = (1 - decay) / (1 - decay^t)``: the
    average of Adam's bias correction (Kingma & Ba 2015, section 3), kept in its corrected form. The first update
    replaces the average; what begins to train later has been averaged as it lay until then.

    Args:
      average: of ``updates - 1`` updates.
      parameters: as the update left them.
      updates: how many there were, this one counted: t, from 1.
      decay: between 0 and 1.
    """
    # expm1, since 1 - decay^t loses its digits in float32 while t is small.
    gone = -jnp.expm1(updates.astype(jnp.float32) * math.log(decay))
    weight = jnp.minimum((1 - decay) / gone, 1.0)
    return jax.tree.map(lambda kept, new: kept + weight.astype(kept.dtype) * (new - kept), average, parameters)
