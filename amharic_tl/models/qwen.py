"""Qwen2 and Qwen3 (Yang et al. 2024, 2025): biases of queries, keys and values, or norms of queries and keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amharic_tl.models.config_values import ConfigValues
from amharic_tl.models.decoder_family import classes_of, decoder_family
from amharic_tl.models.decoder_settings import FULL, SLIDING, DecoderSettings, layer_types

DEFAULTS = {"num_key_value_heads": 32, "sliding_window": 4096, "max_window_layers": 28}


def qwen2_settings(config: Mapping[str, Any]) -> DecoderSettings:
    """Biases where queries, keys and values are made, none elsewhere."""
    config = _windowed(config)
    return DecoderSettings.from_config(config, _layer_types(config), query_key_value_bias=True)


def qwen3_settings(config: Mapping[str, Any]) -> DecoderSettings:
    """Queries and keys are normed head by head; biases of attention on request."""
    config = _windowed({"head_dim": 128, **config})
    bias = ConfigValues(config).flag("attention_bias", False)
    return DecoderSettings.from_config(
        config, _layer_types(config), query_key_value_bias=bias, output_bias=bias, query_key_norms=True
    )


def _windowed(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with the family's defaults, and without the window where it is not in use."""
    config = {**DEFAULTS, **config}
    in_use = ConfigValues(config).flag("use_sliding_window", False)
    return config if in_use else {**config, "sliding_window": None}


def _layer_types(config: Mapping[str, Any]) -> list[str]:
    """Where a window is in use, the layers from ``max_window_layers`` on have it."""
    first = ConfigValues(config).whole("max_window_layers", minimum=0)
    windowed = config["sliding_window"] is not None
    return layer_types(config, lambda layer: SLIDING if windowed and layer >= first else FULL)


FAMILIES = (
    decoder_family("qwen2", qwen2_settings, classes_of("Qwen2")),
    decoder_family("qwen3", qwen3_settings, classes_of("Qwen3")),
)
