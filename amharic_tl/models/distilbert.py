"""DistilBERT (Sanh et al. 2019): BERT without token types and pooler, under names of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from amharic_tl.models.config_values import ConfigValues
from amharic_tl.models.encoder import Encoder, bert_encoder
from amharic_tl.models.encoder_settings import BlockNames, EncoderSettings
from amharic_tl.models.family import Family, TiedTable
from amharic_tl.models.heads import FirstTokenClassifier, MaskedLMHead, TokenClassifier

_NAMES = {
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "intermediate_size": "hidden_dim",
    "hidden_act": "activation",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
    "classifier_dropout": "seq_classif_dropout",
}
_BLOCK = BlockNames(
    layer="transformer.layer.{}",
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    attended="attention.out_lin",
    attention_norm="sa_layer_norm",
    up="ffn.lin1",
    down="ffn.lin2",
    output_norm="output_layer_norm",
)


def build(config: Mapping[str, Any], task: str | None, key: jax.Array) -> Encoder:
    """The backbone (task None), or with the head of a task."""
    values = ConfigValues(config, _NAMES, {"classifier_dropout": 0.2})
    settings = dataclasses.replace(
        EncoderSettings.from_config(config, values), names=_BLOCK, types=0, epsilon=1e-12, pooler=False
    )
    heads = {
        None: None,
        "sequence-classification": _classifier,
        "masked-lm": _masked_lm_head,
        "token-classification": _token_classifier,
    }
    model = bert_encoder("" if task is None else "distilbert.", settings, key, heads[task])
    if values.flag("sinusoidal_pos_embds", False):
        # Only where the table is drawn does this matter; a checkpoint holds it.
        model.embeddings.position.weight.set_value(sinusoids(settings.positions, settings.hidden))
    return model


def sinusoids(positions: int, size: int) -> jax.Array:
    """float32 ``[positions, size]``: sines in the even columns, cosines in the odd ones (Vaswani et al. 2017)."""
    columns = np.arange(size)
    angles = np.arange(positions)[:, None] / 10_000 ** (2 * (columns // 2) / size)
    return jax.numpy.asarray(np.where(columns % 2, np.cos(angles), np.sin(angles)), "float32")


def _classifier(settings: EncoderSettings, key: jax.Array) -> FirstTokenClassifier:
    return FirstTokenClassifier(
        settings, key, dense="pre_classifier", out="classifier", activation="relu", first_dropout=0.0
    )


def _token_classifier(settings: EncoderSettings, key: jax.Array) -> TokenClassifier:
    return TokenClassifier(dataclasses.replace(settings, classifier_dropout=settings.hidden_dropout), key)


def _masked_lm_head(settings: EncoderSettings, key: jax.Array) -> MaskedLMHead:
    return MaskedLMHead(
        dense="vocab_transform",
        norm="vocab_layer_norm",
        decoder="vocab_projector",
        bias="vocab_projector.bias",
        activation=settings.activation,
        s=settings,
        key=key,
    )


FAMILY = Family(
    model_types=("distilbert",),
    prefix="distilbert.",
    architectures={
        None: {"distilbert": "DistilBertModel"},
        "sequence-classification": {"distilbert": "DistilBertForSequenceClassification"},
        "masked-lm": {"distilbert": "DistilBertForMaskedLM"},
        "token-classification": {"distilbert": "DistilBertForTokenClassification"},
    },
    build=build,
    sharding_rules=(
        (r".*word_embeddings\.weight", ("tensor", "fsdp")),
        (r".*position_embeddings\.weight", (None, "fsdp")),
        (r".*\.(q_lin|k_lin|v_lin|lin1)\.weight", ("tensor", "fsdp")),
        (r".*\.(q_lin|k_lin|v_lin|lin1)\.bias", ("tensor",)),
        (r".*\.(out_lin|lin2)\.weight", ("fsdp", "tensor")),
        (r"vocab_projector\.weight", ("tensor", "fsdp")),
        (r"vocab_projector\.bias", ("tensor",)),
        (r"(vocab_transform|pre_classifier)\.weight", (None, "fsdp")),
    ),
    optional=(r"vocab_.*", r"(pre_)?classifier\..*"),
    droppable=(
        r"vocab_.*",
        r"(pre_)?classifier\..*",
        r"qa_outputs\..*",
        r"(distilbert\.)?embeddings\.position_ids",
    ),
    classifier=r"(pre_)?classifier\..*",
    class_rows=r"classifier\.(weight|bias)",
    query_value=("q_lin", "v_lin"),
    dropout_keys=("dropout", "attention_dropout", "seq_classif_dropout"),
    word_table="embeddings.word_embeddings.weight",
    tied_tables=(TiedTable("vocab_projector.weight", is_output=True),),
)
