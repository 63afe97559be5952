"""RoBERTa and XLM-RoBERTa (Liu et al. 2019; Conneau et al. 2020), AfroXLMR among them: positions count from the
padding id, the classifier has two layers of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax

from amharic_tl.models.config_values import ConfigValues
from amharic_tl.models.encoder import SHARDING_RULES, Encoder, bert_encoder
from amharic_tl.models.encoder_settings import EncoderSettings
from amharic_tl.models.family import Family, TiedTable
from amharic_tl.models.heads import FirstTokenClassifier, MaskedLMHead, TokenClassifier


def build(config: Mapping[str, Any], task: str | None, key: jax.Array) -> Encoder:
    """The backbone (task None), or with the head of a task."""
    values = ConfigValues(config, defaults={"pad_token_id": 1})
    settings = dataclasses.replace(EncoderSettings.from_config(config, values), positions_from_ids=True)
    return bert_encoder("" if task is None else "roberta.", settings, key, HEADS[task])


def _masked_lm_head(settings: EncoderSettings, key: jax.Array) -> MaskedLMHead:
    return MaskedLMHead(
        dense="lm_head.dense",
        norm="lm_head.layer_norm",
        decoder="lm_head.decoder",
        bias="lm_head.bias",
        activation="gelu",
        s=settings,
        key=key,
    )


HEADS = {
    None: None,
    "sequence-classification": FirstTokenClassifier,
    "masked-lm": _masked_lm_head,
    "token-classification": TokenClassifier,
}

FAMILY = Family(
    model_types=("roberta", "xlm-roberta"),
    prefix="roberta.",
    architectures={
        None: {"roberta": "RobertaModel", "xlm-roberta": "XLMRobertaModel"},
        "sequence-classification": {
            "roberta": "RobertaForSequenceClassification",
            "xlm-roberta": "XLMRobertaForSequenceClassification",
        },
        "masked-lm": {"roberta": "RobertaForMaskedLM", "xlm-roberta": "XLMRobertaForMaskedLM"},
        "token-classification": {
            "roberta": "RobertaForTokenClassification",
            "xlm-roberta": "XLMRobertaForTokenClassification",
        },
    },
    build=build,
    sharding_rules=SHARDING_RULES,
    optional=(r"(roberta\.)?pooler\..*", r"lm_head\..*", r"classifier\..*"),
    droppable=(
        r"(roberta\.)?pooler\..*",
        r"lm_head\..*",
        r"classifier\..*",
        r"qa_outputs\..*",
        r"(roberta\.)?embeddings\.(position_ids|token_type_ids)",
    ),
    classifier=r"classifier\..*",
    class_rows=r"classifier\.(out_proj\.)?(weight|bias)",
    query_value=("query", "value"),
    bias_alias=("lm_head.decoder.bias", "lm_head.bias"),
    renames=((r"LayerNorm\.gamma$", "LayerNorm.weight"), (r"LayerNorm\.beta$", "LayerNorm.bias")),
    word_table="embeddings.word_embeddings.weight",
    tied_tables=(TiedTable("lm_head.decoder.weight", is_output=True),),
)
