"""Rotary position embeddings (Su et al. 2021), with the stretched frequencies of longer contexts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from amharic_tl.errors import BadInputError
from amharic_tl.models.config_values import ConfigValues

_KINDS = ("default", "linear", "llama3")


def rope_parameters(config: Mapping[str, Any], layer_type: str | None = None) -> dict[str, Any]:
    """``rope_type``, ``rope_theta`` and what else the type needs, from a config of transformers 5 or 4.

    Args:
      config: of the model.
      layer_type: the entry of a config that has one for each type of layer (``sliding_attention``, ...).

    Raises:
      BadInputError: the type is unknown here, or lacks a value.
    """
    found = config.get("rope_parameters")
    if isinstance(found, Mapping):
        nested = found.get(layer_type) if layer_type is not None else None
        found = nested if isinstance(nested, Mapping) else found
    else:
        found = config.get("rope_scaling") or {}
    result = {"rope_theta": config.get("rope_theta", 10_000.0), **found}
    result["rope_type"] = result.get("rope_type") or result.get("type") or "default"
    if result["rope_type"] not in _KINDS:
        raise BadInputError(
            f"config.json: rope_type: expected one of {', '.join(_KINDS)}, found {result['rope_type']!r}"
        )
    return result


def inverse_frequencies(size: int, parameters: Mapping[str, Any]) -> np.ndarray:
    """Radians a position, float32 ``[size / 2]``.

    Args:
      size: of a head, or of the part of it that is rotated.
      parameters: as :func:`rope_parameters` gives them. ``linear`` divides every frequency by ``factor``; ``llama3``
        (Llama 3.1) divides the slow ones, keeps the fast ones and blends in between.

    Raises:
      BadInputError: a value is absent or wrong.
    """
    values = ConfigValues({"model_type": "rotary", **parameters})
    theta = values.number("rope_theta", 10_000.0)
    plain = (1.0 / theta ** (np.arange(0, size, 2, dtype=np.float32) / np.float32(size))).astype(np.float32)
    if parameters["rope_type"] == "default":
        return plain
    factor = values.number("factor")
    if parameters["rope_type"] == "linear":
        return (plain / np.float32(factor)).astype(np.float32)
    slow, fast = values.number("low_freq_factor"), values.number("high_freq_factor")
    context = values.whole("original_max_position_embeddings")
    wavelengths = 2 * math.pi / plain
    blend = (context / wavelengths - slow) / (fast - slow)
    blended = (1 - blend) * plain / factor + blend * plain
    stretched = np.where(wavelengths > context / slow, plain / factor, plain)
    between = (wavelengths <= context / slow) & (wavelengths >= context / fast)
    return np.where(between, blended, stretched).astype(np.float32)


def rotary_tables(positions_BS: jax.Array, frequencies_F: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Cosines and sines of the angles: two float32 arrays ``[B, S, 2 F]``, the second half as the first."""
    angles_BSF = positions_BS[..., None].astype(jnp.float32) * jnp.asarray(frequencies_F)
    angles_BSD = jnp.concatenate([angles_BSF, angles_BSF], axis=-1)
    return jnp.cos(angles_BSD), jnp.sin(angles_BSD)


def rotate(x_BSND: jax.Array, tables: tuple[jax.Array, jax.Array]) -> jax.Array:
    """``x`` with its first and second halves turned as pairs, in the dtype of ``x``; computed in float32."""
    cosines, sines = (table[:, :, None, :] for table in tables)
    wide = x_BSND.astype(jnp.float32)
    first, second = jnp.split(wide, 2, axis=-1)
    return (wide * cosines + jnp.concatenate([-second, first], axis=-1) * sines).astype(x_BSND.dtype)
