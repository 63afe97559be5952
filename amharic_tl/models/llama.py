"""Llama 2 and 3 (Touvron et al. 2023; Grattafiori et al. 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amharic_tl.models.config_values import ConfigValues
from amharic_tl.models.decoder_family import classes_of, decoder_family
from amharic_tl.models.decoder_settings import FULL, DecoderSettings, layer_types


def settings(config: Mapping[str, Any]) -> DecoderSettings:
    """Grouped-query attention, biases on request, stretched rotary positions."""
    values = ConfigValues(config)
    bias = values.flag("attention_bias", False)
    return DecoderSettings.from_config(
        config,
        layer_types(config, lambda layer: FULL, fixed=True),
        query_key_value_bias=bias,
        output_bias=bias,
        feed_forward_bias=values.flag("mlp_bias", False),
    )


FAMILY = decoder_family("llama", settings, classes_of("Llama"))
