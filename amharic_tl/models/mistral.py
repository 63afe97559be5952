"""Mistral 7B (Jiang et al. 2023): every layer sees a sliding window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amharic_tl.models.decoder_family import classes_of, decoder_family
from amharic_tl.models.decoder_settings import FULL, SLIDING, DecoderSettings, layer_types

# Where the config lacks them; null means something else (no window, as many key heads as query heads).
DEFAULTS = {"num_key_value_heads": 8, "sliding_window": 4096}


def settings(config: Mapping[str, Any]) -> DecoderSettings:
    """No biases; a window unless it is null."""
    config = {**DEFAULTS, **config}
    kind = FULL if config["sliding_window"] is None else SLIDING
    return DecoderSettings.from_config(config, layer_types(config, lambda layer: kind, fixed=True))


FAMILY = decoder_family("mistral", settings, classes_of("Mistral"))
