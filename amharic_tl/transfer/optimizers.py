"""The optimisers, each with the plan's rates and decays, and with a count and a warm-up for each thaw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from amharic_tl.config import OptimConfig
from amharic_tl.transfer.adafactor import scale_by_adafactor
from amharic_tl.transfer.muon import scale_by_muon
from amharic_tl.transfer.plan import TrainablePlan
from amharic_tl.transfer.schedules import ramp


@dataclass(frozen=True)
class Generations:
    """Which parameters began to train together: those share a count, and a warm-up of their own.

    Attributes:
      labels: a tree like the trainable state, a text for each leaf (``variable.replace("thaw-1")``).
      warmups: by label, over how many updates its parameters' rate rises to what the schedule says; 0: at once.
    """

    labels: Any
    warmups: Mapping[str, int]


def make_optimizer(
    optim: OptimConfig, plan: TrainablePlan, trainable: nnx.State, generations: Generations | None = None
) -> optax.GradientTransformation:
    """An optimiser whose result still has to be scaled by minus the scheduled rate.

    update = warm-up * multiplier * (direction + decay * parameter): the direction is ``optim.name``'s, multiplier and
    decay are the plan's, the warm-up is that of the parameter's generation. Gradients are clipped to
    ``optim.clip_norm`` first, over all that trains. The schedule stays outside: it follows the position in the run,
    also past skipped updates.

    A stacked leaf is treated layer by layer: the result is that of the same parameters one by one.

    Args:
      optim: the optimiser and its settings.
      plan: rates and decays by parameter.
      trainable: the state of the trainable parameters (arrays or shapes); only its structure is used.
      generations: None: all parameters share one count, and have no warm-up but the schedule's.
    """
    multipliers = plan.learning_rate_multipliers(trainable)
    decays = plan.weight_decays(trainable)

    def decay_and_scale(updates: Any, parameters: Any) -> Any:
        return jax.tree.map(
            lambda update, parameter, decay, multiplier: (multiplier * (update + decay * parameter)).astype(
                parameter.dtype
            ),
            updates,
            parameters,
            decays,
            multipliers,
        )

    direction = _DIRECTIONS[optim.name]
    parts = [direction(optim), optax.stateless(decay_and_scale)]
    if generations is not None:
        warmups = generations.warmups
        parts[0] = optax.partition({label: direction(optim) for label in warmups}, generations.labels)
        rises = {label: optax.scale_by_schedule(ramp(warmup)) for label, warmup in warmups.items()}
        parts.append(optax.partition(rises, generations.labels))
    if optim.clip_norm is not None:
        parts.insert(0, optax.clip_by_global_norm(optim.clip_norm))
    return optax.chain(*parts)


def _adamw(optim: OptimConfig) -> optax.GradientTransformation:
    """Loshchilov & Hutter 2019, algorithm 2. State: a first and a second moment, 8 bytes a parameter in float32."""
    kept = jnp.dtype(optim.momentum_dtype)
    return optax.scale_by_adam(b1=optim.beta1, b2=optim.beta2, eps=optim.epsilon, mu_dtype=kept)


def _adafactor(optim: OptimConfig) -> optax.GradientTransformation:
    return scale_by_adafactor(optim.adafactor)


def _lion(optim: OptimConfig) -> optax.GradientTransformation:
    """Chen et al. 2023, algorithm 2. State: one momentum, 4 bytes a parameter in float32."""
    return optax.scale_by_lion(b1=optim.lion.beta1, b2=optim.lion.beta2, mu_dtype=jnp.dtype(optim.momentum_dtype))


def _muon(optim: OptimConfig) -> optax.GradientTransformation:
    return scale_by_muon(optim, others=_adamw(optim))


_DIRECTIONS: dict[str, Callable[[OptimConfig], optax.GradientTransformation]] = {
    "adamw": _adamw,
    "adafactor": _adafactor,
    "lion": _lion,
    "muon": _muon,
}
