"""AdamW with the plan's rates and decays, and the schedule of the learning rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from amharic_tl.config import OptimConfig
from amharic_tl.transfer.plan import TrainablePlan

Schedule = Callable[[jax.Array], jax.Array]


def make_schedule(optim: OptimConfig, total_steps: int) -> Schedule:
    """The learning rate at a step, counted from 0.

    A linear warm-up from 0 to ``optim.lr`` over ``optim.warmup`` (a share of the steps below 1, otherwise steps), then
    linear or cosine decay to 0 at ``total_steps``, or a constant rate. The first update already has a rate above 0:
    step t of a warm-up of w steps has rate ``lr * (t + 1) / (w + 1)``.
    """
    warmup = int(optim.warmup) if optim.warmup >= 1 else round(optim.warmup * total_steps)
    warmup = min(warmup, total_steps - 1)
    rest = max(total_steps - warmup, 1)
    decays: dict[str, Schedule] = {
        "constant": optax.constant_schedule(optim.lr),
        "linear": optax.linear_schedule(optim.lr, 0.0, rest),
        "cosine": optax.cosine_decay_schedule(optim.lr, rest),
    }
    decay = decays[optim.schedule]

    def schedule(step: jax.Array) -> jax.Array:
        rising = optim.lr * (step + 1) / (warmup + 1)
        return jnp.where(step < warmup, rising, decay(step - warmup)).astype(jnp.float32)

    return schedule


def make_optimizer(optim: OptimConfig, plan: TrainablePlan, trainable: nnx.State) -> optax.GradientTransformation:
    """AdamW (Loshchilov & Hutter 2019) whose result still has to be scaled by minus the scheduled rate.

    update = multiplier * (m_hat / (sqrt(v_hat) + epsilon) + decay * parameter), with the multiplier and decay of
    the plan. The schedule stays outside: it follows the position in the run, also past skipped updates.

    Args:
      optim: betas, epsilon, clipping.
      plan: rates and decays by parameter.
      trainable: the state of the trainable parameters (arrays or shapes); only its structure is used.
    """
    multipliers = plan.learning_rate_multipliers(trainable)
    decays = plan.weight_decays(trainable)

    def decay_and_scale(updates: Any, parameters: Any) -> Any:
        return jax.tree.map(
            lambda update, parameter, decay, multiplier: (multiplier * (update + decay * parameter)).astype(
                update.dtype
            ),
            updates,
            parameters,
            decays,
            multipliers,
        )

    parts = [
        optax.scale_by_adam(b1=optim.beta1, b2=optim.beta2, eps=optim.epsilon),
        optax.stateless(decay_and_scale),
    ]
    if optim.clip_norm is not None:
        parts.insert(0, optax.clip_by_global_norm(optim.clip_norm))
    return optax.chain(*parts)
