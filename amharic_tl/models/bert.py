"""BERT (Devlin et al. 2019): positions count from 0, the classifier reads the pooler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from amharic_tl.models.encoder import SHARDING_RULES, Encoder, bert_encoder
from amharic_tl.models.encoder_settings import EncoderSettings
from amharic_tl.models.family import Family, TiedTable
from amharic_tl.models.heads import MaskedLMHead, PooledClassifier, TokenClassifier


def build(config: Mapping[str, Any], task: str | None, key: jax.Array) -> Encoder:
    """The backbone (task None), or with the head of a task."""
    heads = {
        None: None,
        "sequence-classification": PooledClassifier,
        "masked-lm": _masked_lm_head,
        "token-classification": TokenClassifier,
    }
    return bert_encoder("" if task is None else "bert.", EncoderSettings.from_config(config), key, heads[task])


def _masked_lm_head(settings: EncoderSettings, key: jax.Array) -> MaskedLMHead:
    return MaskedLMHead(
        dense="cls.predictions.transform.dense",
        norm="cls.predictions.transform.LayerNorm",
        decoder="cls.predictions.decoder",
        bias="cls.predictions.bias",
        activation=settings.activation,
        s=settings,
        key=key,
    )


FAMILY = Family(
    model_types=("bert",),
    prefix="bert.",
    architectures={
        None: {"bert": "BertModel"},
        "sequence-classification": {"bert": "BertForSequenceClassification"},
        "masked-lm": {"bert": "BertForMaskedLM"},
        "token-classification": {"bert": "BertForTokenClassification"},
    },
    build=build,
    sharding_rules=SHARDING_RULES,
    optional=(r"(bert\.)?pooler\..*", r"cls\..*", r"classifier\..*"),
    droppable=(
        r"(bert\.)?pooler\..*",
        r"cls\..*",
        r"classifier\..*",
        r"qa_outputs\..*",
        r"(bert\.)?embeddings\.(position_ids|token_type_ids)",
    ),
    classifier=r"classifier\..*",
    class_rows=r"classifier\.(weight|bias)",
    query_value=("query", "value"),
    bias_alias=("cls.predictions.decoder.bias", "cls.predictions.bias"),
    renames=((r"LayerNorm\.gamma$", "LayerNorm.weight"), (r"LayerNorm\.beta$", "LayerNorm.bias")),
    word_table="embeddings.word_embeddings.weight",
    tied_tables=(TiedTable("cls.predictions.decoder.weight", is_output=True),),
)
