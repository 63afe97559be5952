"""Adafactor (Shazeer & Stern 2018): of a matrix's second moment only the means of its rows and columns are kept.

optax has it too; there a stack of layers is one array, whose two longest axes are factored, whose update is clipped and
whose parameter scale is measured over all layers together. Here each layer is a matrix of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from amharic_tl.config.optim import AdafactorConfig
from amharic_tl.transfer.leafwise import is_variable, layer_axes

_TINY = 1e-30  # epsilon_1 of the paper, added to squared gradients
_SMALLEST_SCALE = 1e-3  # epsilon_2 of the paper: what a parameter's root mean square counts as at least


class AdafactorState(NamedTuple):
    """What is kept, in float32.

    A factored leaf ``[..., n, m]`` has ``rows`` ``[..., n, 1]`` and ``columns`` ``[..., 1, m]``, means of squared
    gradients along the axis of length 1; any other leaf has ``whole``, like itself. What a leaf does not have is an
    ``optax.MaskedNode``. ``updates`` counts them (int32).
    """

    updates: jax.Array
    rows: Any
    columns: Any
    whole: Any


def scale_by_adafactor(settings: AdafactorConfig) -> optax.GradientTransformation:
    """The direction of Adafactor without momentum: algorithms 4 and 5, ``beta_2 = 1 - t^-decay_power`` (section 7.2).

    State: 4 (n + m) bytes for a matrix of n x m, 4 bytes a parameter for vectors and for matrices with a side below
    ``smallest_side``.
    """

    def init(parameters: Any) -> AdafactorState:
        return AdafactorState(
            jnp.zeros((), jnp.int32),
            rows=_map(lambda leaf, axes: _moment(leaf, axes, -1, settings), parameters),
            columns=_map(lambda leaf, axes: _moment(leaf, axes, -2, settings), parameters),
            whole=_map(lambda leaf, axes: _moment(leaf, axes, None, settings), parameters),
        )

    def update(gradients: Any, state: AdafactorState, parameters: Any = None) -> tuple[Any, AdafactorState]:
        count = optax.safe_increment(state.updates)
        decay = 1 - count.astype(jnp.float32) ** -settings.decay_power

        def averaged(kept: Any, gradient: jax.Array, mean: int | None) -> Any:
            if isinstance(kept, optax.MaskedNode):
                return kept
            squared = jnp.square(gradient.astype(jnp.float32)) + _TINY
            if mean is not None:
                squared = jnp.mean(squared, axis=mean, keepdims=True)
            return decay * kept + (1 - decay) * squared

        moved = AdafactorState(
            count,
            _map(lambda kept, gradient, _: averaged(kept, gradient, -1), state.rows, gradients),
            _map(lambda kept, gradient, _: averaged(kept, gradient, -2), state.columns, gradients),
            _map(lambda kept, gradient, _: averaged(kept, gradient, None), state.whole, gradients),
        )

        def direction(gradient: Any, parameter: Any, rows: Any, columns: Any, whole: Any, axes: int) -> Any:
            if isinstance(gradient, optax.MaskedNode):
                return gradient
            if isinstance(rows, optax.MaskedNode):
                scaled = gradient * jax.lax.rsqrt(whole)
            else:
                scaled = gradient * jax.lax.rsqrt(rows / jnp.mean(rows, axis=-2, keepdims=True))
                scaled = scaled * jax.lax.rsqrt(columns)
            if settings.clip_rms is not None:
                scaled = scaled / jnp.maximum(1.0, _root_mean_square(scaled, axes) / settings.clip_rms)
            if settings.relative:
                scaled = scaled * jnp.maximum(_root_mean_square(parameter, axes), _SMALLEST_SCALE)
            return scaled

        updates = _map(direction, gradients, parameters, moved.rows, moved.columns, moved.whole)
        return updates, moved

    return optax.GradientTransformation(init, update)


def _moment(leaf: Any, axes: int, mean: int | None, settings: AdafactorConfig) -> Any:
    """The zeros that a leaf begins with; ``mean`` is the axis along which it keeps a mean, None for the whole."""
    if isinstance(leaf, optax.MaskedNode):
        return leaf
    factored = leaf.ndim - axes == 2 and min(leaf.shape[-2:]) >= settings.smallest_side
    if factored is (mean is None):
        return optax.MaskedNode()
    if mean is None:
        return jnp.zeros(leaf.shape, jnp.float32)
    shape = list(leaf.shape)
    shape[mean] = 1
    return jnp.zeros(shape, jnp.float32)


def _root_mean_square(leaf: jax.Array, axes: int) -> jax.Array:
    """Over each layer of a leaf with ``axes`` layer axes, broadcastable to the leaf."""
    within = tuple(range(axes, leaf.ndim))
    return jnp.sqrt(jnp.mean(jnp.square(leaf), axis=within, keepdims=True))


def _map(function: Callable[..., Any], *trees: Any) -> Any:
    """``function(*values, layer axes)`` for each parameter."""

    def of(first: Any, *others: Any) -> Any:
        values = [other.get_value() if is_variable(other) else other for other in (first, *others)]
        made = function(*values, layer_axes(first))
        return first.replace(made) if is_variable(first) else made

    return jax.tree.map(of, *trees, is_leaf=lambda leaf: is_variable(leaf) or isinstance(leaf, optax.MaskedNode))
