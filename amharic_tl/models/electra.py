"""ELECTRA (Clark et al. 2020): narrow tables projected to the width of the blocks; a generator that fills masks and a
discriminator that tells which tokens were replaced."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from amharic_tl.models.config_values import ConfigValues
from amharic_tl.models.encoder import SHARDING_RULES, Encoder, EncoderEmbeddings, bert_encoder
from amharic_tl.models.encoder_settings import EncoderSettings
from amharic_tl.models.family import Family, TiedTable
from amharic_tl.models.heads import FirstTokenClassifier, HeadInputs, MaskedLMHead, TokenClassifier
from amharic_tl.models.layers import ACTIVATIONS, Linear, normal
from amharic_tl.models.output import ModelOutput


class ElectraEmbeddings(EncoderEmbeddings):
    """Embeddings with a projection after them, where the tables are not as wide as the blocks."""

    def __init__(self, prefix: str, s: EncoderSettings, key: jax.Array) -> None:
        super().__init__(prefix, s, key)
        name = f"{prefix}embeddings_project"
        self.project = (
            None if s.embedding == s.hidden else Linear(name, s.embedding, s.hidden, normal(s.deviation), key)
        )

    def __call__(
        self, input_ids_BS: jax.Array, token_type_ids_BS: jax.Array | None, key: jax.Array | None
    ) -> jax.Array:
        """``[B, S] -> [B, S, H]`` in float32."""
        embedded_BSE = super().__call__(input_ids_BS, token_type_ids_BS, key)
        return embedded_BSE if self.project is None else self.project(embedded_BSE)


class ReplacedTokenHead(nnx.Module):
    """A score for every token: above 0 where it is taken for a replaced one."""

    needs_pooler = False

    def __init__(self, s: EncoderSettings, key: jax.Array) -> None:
        init = normal(s.deviation)
        self.dense = Linear("discriminator_predictions.dense", s.hidden, s.hidden, init, key)
        self.out = Linear("discriminator_predictions.dense_prediction", s.hidden, 1, init, key)
        self.activation = s.activation

    def __call__(self, output: ModelOutput, inputs: HeadInputs) -> jax.Array:
        """``[B, S]``, float32."""
        assert output.last_hidden_state is not None
        dense_BSH = ACTIVATIONS[self.activation](self.dense(output.last_hidden_state.astype(inputs.dtype)))
        return self.out(dense_BSH, output=jnp.float32)[..., 0]


def build(config: Mapping[str, Any], task: str | None, key: jax.Array) -> Encoder:
    """The backbone (task None), or with the head of a task."""
    values = ConfigValues(config)
    settings = dataclasses.replace(
        EncoderSettings.from_config(config, values), embedding=values.whole("embedding_size", 128), pooler=False
    )
    heads = {
        None: None,
        "sequence-classification": _classifier,
        "masked-lm": _masked_lm_head,
        "token-classification": TokenClassifier,
        "replaced-token-detection": ReplacedTokenHead,
    }
    prefix = "" if task is None else "electra."
    return bert_encoder(prefix, settings, key, heads[task], embeddings=ElectraEmbeddings)


def _classifier(settings: EncoderSettings, key: jax.Array) -> FirstTokenClassifier:
    return FirstTokenClassifier(settings, key, activation="gelu")


def _masked_lm_head(settings: EncoderSettings, key: jax.Array) -> MaskedLMHead:
    return MaskedLMHead(
        dense="generator_predictions.dense",
        norm="generator_predictions.LayerNorm",
        decoder="generator_lm_head",
        bias="generator_lm_head.bias",
        activation="gelu",
        s=settings,
        key=key,
    )


_HEADS = (
    r"generator_predictions\..*",
    r"generator_lm_head\..*",
    r"discriminator_predictions\..*",
    r"classifier\..*",
)

FAMILY = Family(
    model_types=("electra",),
    prefix="electra.",
    architectures={
        None: {"electra": "ElectraModel"},
        "sequence-classification": {"electra": "ElectraForSequenceClassification"},
        "masked-lm": {"electra": "ElectraForMaskedLM"},
        "token-classification": {"electra": "ElectraForTokenClassification"},
        "replaced-token-detection": {"electra": "ElectraForPreTraining"},
    },
    build=build,
    sharding_rules=(
        (r".*embeddings_project\.weight", (None, "fsdp")),
        (r"generator_lm_head\.weight", ("tensor", "fsdp")),
        (r"generator_lm_head\.bias", ("tensor",)),
        *SHARDING_RULES,
    ),
    optional=_HEADS,
    droppable=(
        *_HEADS,
        r"qa_outputs\..*",
        r"sequence_summary\..*",
        r"(electra\.)?embeddings\.(position_ids|token_type_ids)",
    ),
    classifier=r"classifier\..*",
    class_rows=r"classifier\.(out_proj\.)?(weight|bias)",
    query_value=("query", "value"),
    renames=((r"LayerNorm\.gamma$", "LayerNorm.weight"), (r"LayerNorm\.beta$", "LayerNorm.bias")),
    word_table="embeddings.word_embeddings.weight",
    tied_tables=(TiedTable("generator_lm_head.weight", is_output=True),),
)
