"""Gemma 1 to 3 (Gemma Team 2024a, 2024b, 2025): scaled word vectors, norms by 1 + weight, a tied output layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amharic_tl.errors import BadInputError
from amharic_tl.models.config_values import ConfigValues
from amharic_tl.models.decoder_family import classes_of, decoder_family
from amharic_tl.models.decoder_settings import FULL, SLIDING, DecoderSettings, layer_types, positive
from amharic_tl.models.rotary import rope_parameters

TANH_GELU = "gelu_pytorch_tanh"
# Where the config lacks them; null means something else.
GEMMA = {"head_dim": 256, "num_key_value_heads": 16, "tie_word_embeddings": True, "pad_token_id": 0}
GEMMA2 = {
    **GEMMA,
    "num_key_value_heads": 4,
    "hidden_activation": TANH_GELU,
    "query_pre_attn_scalar": 256,
    "sliding_window": 4096,
    "final_logit_softcapping": 30.0,
    "attn_logit_softcapping": 50.0,
}
GEMMA3 = {**GEMMA2, "final_logit_softcapping": None, "sliding_window_pattern": 6}


def gemma_settings(config: Mapping[str, Any]) -> DecoderSettings:
    """As Llama, with Gemma's norms and scale. ``gelu`` in its first configs means the tanh form."""
    config = {**GEMMA, **config}
    activation = config.get("hidden_act") or config.get("hidden_activation") or TANH_GELU
    config["hidden_act"] = TANH_GELU if activation == "gelu" else activation
    return DecoderSettings.from_config(config, layer_types(config, lambda layer: FULL, fixed=True), **_common(config))


def gemma2_settings(config: Mapping[str, Any]) -> DecoderSettings:
    """Every other layer has a window, the first among them; scores and logits are capped."""
    config = {**GEMMA2, **config}
    return DecoderSettings.from_config(
        config,
        layer_types(config, lambda layer: FULL if layer % 2 else SLIDING),
        activation="hidden_activation",
        score_softcap=positive(config, "attn_logit_softcapping"),
        **_common(config),
        **_second_generation(config),
    )


def gemma3_settings(config: Mapping[str, Any]) -> DecoderSettings:
    """Five layers with a window to one without, each type with its own rotary base; queries and keys are normed.

    Hugging Face's class reads no cap of the scores (``attn_logit_softcapping``), so neither does this.
    """
    config = {**GEMMA3, **config}
    pattern = ConfigValues(config).whole("sliding_window_pattern", 6)
    return DecoderSettings.from_config(
        config,
        layer_types(config, lambda layer: SLIDING if (layer + 1) % pattern else FULL),
        activation="hidden_activation",
        rope=_gemma3_rope,
        query_key_norms=True,
        **_common(config),
        **_second_generation(config),
    )


def _common(config: Mapping[str, Any]) -> dict[str, Any]:
    bias = ConfigValues(config).flag("attention_bias", False)
    return {
        "query_key_value_bias": bias,
        "output_bias": bias,
        "norm_offset": 1.0,
        "embedding_scale": float(ConfigValues(config).whole("hidden_size")) ** 0.5,
    }


def _second_generation(config: Mapping[str, Any]) -> dict[str, Any]:
    scalar = positive(config, "query_pre_attn_scalar")
    return {
        "sandwich_norms": True,
        "attention_scale": None if scalar is None else scalar**-0.5,
        "logit_softcap": positive(config, "final_logit_softcapping"),
    }


def _gemma3_rope(config: Mapping[str, Any], layer_type: str) -> dict[str, Any]:
    """Transformers 4 has ``rope_theta`` and ``rope_scaling`` for full attention, ``rope_local_base_freq`` for windows;
    5 has an entry of ``rope_parameters`` for each.
    """
    base = {FULL: ("rope_theta", 1_000_000.0), SLIDING: ("rope_local_base_freq", 10_000.0)}[layer_type]
    theta = config.get(base[0], base[1])
    stored = config.get("rope_parameters")
    if stored is None:
        found = (config.get("rope_scaling") if layer_type == FULL else None) or {}
    elif isinstance(stored, Mapping) and all(isinstance(entry, Mapping | None) for entry in stored.values()):
        found = stored.get(layer_type) or {}
    else:
        raise BadInputError(
            f"config.json: rope_parameters: expected an entry for each of {FULL} and {SLIDING}, found {stored!r}"
        )
    return rope_parameters({"rope_parameters": {"rope_theta": theta, **found}})


FAMILIES = (
    decoder_family("gemma", gemma_settings, classes_of("Gemma"), unsaid_tied=True),
    decoder_family("gemma2", gemma2_settings, classes_of("Gemma2"), unsaid_tied=True),
    decoder_family(
        "gemma3_text",
        gemma3_settings,
        {
            None: "Gemma3TextModel",
            "causal-lm": "Gemma3ForCausalLM",
            "sequence-classification": "Gemma3TextForSequenceClassification",
        },
        unsaid_tied=True,
    ),
)
