"""XLM-RoBERTa-XL (Goyal et al. 2021): XLM-RoBERTa with the norms before the sublayers and one after the last block."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax

from amharic_tl.models import roberta
from amharic_tl.models.config_values import ConfigValues
from amharic_tl.models.encoder import Encoder, bert_encoder
from amharic_tl.models.encoder_settings import BlockNames, EncoderSettings

_BLOCK = BlockNames(attention_norm="attention.self_attn_layer_norm", output_norm="LayerNorm")


def build(config: Mapping[str, Any], task: str | None, key: jax.Array) -> Encoder:
    """The backbone (task None), or with the head of a task."""
    values = ConfigValues(config, defaults={"pad_token_id": 1, "type_vocab_size": 1, "layer_norm_eps": 1e-5})
    settings = dataclasses.replace(
        EncoderSettings.from_config(config, values),
        names=_BLOCK,
        positions_from_ids=True,
        embedding_norm=False,
        pre_norm=True,
        feed_forward_dropout=0.0,
    )
    return bert_encoder("" if task is None else "roberta.", settings, key, roberta.HEADS[task])


FAMILY = dataclasses.replace(
    roberta.FAMILY,
    model_types=("xlm-roberta-xl",),
    architectures={
        None: {"xlm-roberta-xl": "XLMRobertaXLModel"},
        "sequence-classification": {"xlm-roberta-xl": "XLMRobertaXLForSequenceClassification"},
        "masked-lm": {"xlm-roberta-xl": "XLMRobertaXLForMaskedLM"},
        "token-classification": {"xlm-roberta-xl": "XLMRobertaXLForTokenClassification"},
    },
    build=build,
)
