"""The learning rate at each step of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from amharic_tl.config import OptimConfig

Schedule = Callable[[jax.Array], jax.Array]


def make_schedule(optim: OptimConfig, total_steps: int) -> Schedule:
    """The learning rate at a step, counted from 0: float32.

    A linear warm-up to ``optim.lr`` over ``optim.warmup`` (a share of the steps below 1, otherwise steps), then what
    ``optim.schedule`` says. The first update already has a rate above 0: step t of a warm-up of w steps has rate
    ``lr * (t + 1) / (w + 1)``. With ``n`` steps behind the warm-up, ``p`` the part of them that is gone, and
    ``floor`` the last rate as a share of the peak:

    - ``constant``: 1;
    - ``linear``: ``1 - (1 - floor) p``;
    - ``cosine``: ``floor + (1 - floor) (1 + cos(pi p)) / 2`` (Loshchilov & Hutter 2017, equation 5, one period);
    - ``warmup-stable-decay``: 1, and over the last ``cooldown`` steps ``floor + (1 - floor) (1 - sqrt(q))`` or
      ``floor + (1 - floor) (1 - q)``, q the part of the cooldown that is gone (Hu et al. 2024; Hägele et al.
      2024);
    - ``slanted-triangular``: rises from ``1 / ratio`` and falls to it (Howard & Ruder 2018, equation 3). Its peak
      is at step ``floor(warmup * total_steps)``; where that is step 0, it only falls. The paper's divisor
      ``cut (1 / cut_frac - 1)`` is ``total_steps - cut`` here, which is the same but for rounding and never makes the
      rate fall below the lowest.
    """
    if optim.schedule == "slanted-triangular":
        shape = _slanted_triangular(length(optim.warmup, total_steps, down=True), total_steps, optim)
    else:
        warmup = min(length(optim.warmup, total_steps), total_steps - 1)
        shape = _behind_a_warmup(_DECAYS[optim.schedule](optim, total_steps, warmup), warmup)

    def schedule(step: jax.Array) -> jax.Array:
        return (optim.lr * shape(step)).astype(jnp.float32)

    return schedule


def length(share_or_steps: float, total_steps: int, *, down: bool = False) -> int:
    """Steps: a share of ``total_steps`` below 1 (rounded, or ``down``), otherwise the number itself."""
    if share_or_steps >= 1:
        return int(share_or_steps)
    # 0.1 x 30 is 3.0000000000000004, 0.7 x 10 is 7.000000000000001 and 0.29 x 100 is 28.999999999999996.
    return int(share_or_steps * total_steps + 1e-9) if down else round(share_or_steps * total_steps)


def ramp(warmup: int) -> Schedule:
    """The share of its rate that a parameter has at its own step t, counted from 0: ``(t + 1) / (warmup + 1)`` up
    to 1.
    """
    return lambda step: jnp.minimum((step + 1) / (warmup + 1), 1.0).astype(jnp.float32)


def _behind_a_warmup(decay: Schedule, warmup: int) -> Schedule:
    return lambda step: jnp.where(step < warmup, (step + 1) / (warmup + 1), decay(step - warmup))


def _constant(optim: OptimConfig, total_steps: int, warmup: int) -> Schedule:
    del optim, total_steps, warmup
    return lambda step: jnp.ones((), jnp.float32) + 0.0 * step


def _linear(optim: OptimConfig, total_steps: int, warmup: int) -> Schedule:
    return _falling(lambda gone: 1 - gone, total_steps - warmup, optim.floor)


def _cosine(optim: OptimConfig, total_steps: int, warmup: int) -> Schedule:
    return _falling(lambda gone: (1 + jnp.cos(np.pi * gone)) / 2, total_steps - warmup, optim.floor)


def _warmup_stable_decay(optim: OptimConfig, total_steps: int, warmup: int) -> Schedule:
    settings, rest = optim.warmup_stable_decay, total_steps - warmup
    cooldown = min(max(length(settings.cooldown, total_steps), 1), rest)
    shapes: dict[str, Any] = {"1-sqrt": lambda gone: 1 - jnp.sqrt(gone), "linear": lambda gone: 1 - gone}
    falling = _falling(shapes[settings.shape], cooldown, optim.floor)
    return lambda step: falling(jnp.maximum(step - (rest - cooldown), 0))


def _falling(shape: Callable[[Any], Any], steps: int, floor: float) -> Schedule:
    """From 1 at step 0 to ``floor`` at ``steps``, which it keeps."""
    return lambda step: floor + (1 - floor) * shape(jnp.clip(step / max(steps, 1), 0.0, 1.0))


def _slanted_triangular(cut: int, total_steps: int, optim: OptimConfig) -> Schedule:
    ratio = optim.slanted_triangular.ratio
    cut = min(cut, total_steps - 1)

    def shape(step: jax.Array) -> jax.Array:
        falling = 1 - (step - cut) / (total_steps - cut)
        part = jnp.where(step < cut, step / max(cut, 1), falling)
        return (1 + jnp.clip(part, 0.0, 1.0) * (ratio - 1)) / ratio

    return shape


_DECAYS: dict[str, Callable[[OptimConfig, int, int], Schedule]] = {
    "constant": _constant,
    "linear": _linear,
    "cosine": _cosine,
    "warmup-stable-decay": _warmup_stable_decay,
}
