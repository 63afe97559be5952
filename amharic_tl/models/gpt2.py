"""GPT-2 (Radford et al. 2019): learned positions, and linear layers kept as ``[in, out]``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax

from amharic_tl.errors import BadInputError
from amharic_tl.models.config_values import ConfigValues, has_own_table, label_names
from amharic_tl.models.decoder_heads import DecoderHead, LanguageModelHead, LastTokenClassifier, TokenClassifier
from amharic_tl.models.decoder_tower import DecoderTower
from amharic_tl.models.family import Family, TiedTable
from amharic_tl.models.layers import ACTIVATIONS, Conv1D, Embedding, LayerNorm, normal
from amharic_tl.models.positions import LearnedPositions
from amharic_tl.models.pre_norm import FeedForward, FusedAttention, PreNormBlock, Rates
from amharic_tl.models.stack import Stack
from amharic_tl.models.tower import Tower


@dataclass(frozen=True)
class GPT2Settings:
    """What of a config.json shapes the model. ``scale`` is of the scores, further divided by depth if ``by_depth``."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    intermediate: int
    activation: str
    positions: int
    epsilon: float
    deviation: float
    scale: float
    by_depth: bool
    embedding_dropout: float
    rates: Rates
    classifier_dropout: float
    pad_id: int | None
    labels: int
    tied: bool

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> GPT2Settings:
        """Reads a Hugging Face config.

        Raises:
          BadInputError: a key is absent or wrong, or names something this family does not have here.
        """
        values = ConfigValues(config)
        if values.flag("add_cross_attention", False):
            raise BadInputError("config.json: add_cross_attention=true; gpt2 is supported as a decoder alone")
        hidden, heads = values.whole("n_embd", 768), values.whole("n_head", 12)
        if hidden % heads:
            raise BadInputError(f"config.json: n_head {heads} does not divide n_embd {hidden}")
        return GPT2Settings(
            vocabulary=values.whole("vocab_size"),
            hidden=hidden,
            layers=values.whole("n_layer", 12),
            heads=heads,
            intermediate=values.whole("n_inner", 4 * hidden),
            activation=values.one_of("activation_function", ACTIVATIONS, "gelu_new"),
            positions=values.whole("n_positions", 1024),
            epsilon=values.number("layer_norm_epsilon", 1e-5),
            deviation=values.number("initializer_range", 0.02),
            scale=(hidden // heads) ** -0.5 if values.flag("scale_attn_weights", True) else 1.0,
            by_depth=values.flag("scale_attn_by_inverse_layer_idx", False),
            embedding_dropout=values.number("embd_pdrop", 0.1, maximum=1.0),
            rates=Rates(
                hidden=values.number("resid_pdrop", 0.1, maximum=1.0),
                attention=values.number("attn_pdrop", 0.1, maximum=1.0),
            ),
            classifier_dropout=values.number("classifier_dropout", 0.1, maximum=1.0),
            pad_id=None if config.get("pad_token_id") is None else values.whole("pad_token_id", minimum=0),
            labels=len(label_names(config)),
            tied=not has_own_table(config, "lm_head.weight"),
        )


def _block(name: str, s: GPT2Settings, key: jax.Array) -> PreNormBlock:
    init = normal(s.deviation)
    # What adds to the residual stream is drawn smaller, the more layers add to it (section 2.3).
    adding = normal(s.deviation / math.sqrt(2 * s.layers))
    return PreNormBlock(
        FusedAttention(
            Conv1D(f"{name}.attn.c_attn", s.hidden, 3 * s.hidden, init, key),
            Conv1D(f"{name}.attn.c_proj", s.hidden, s.hidden, adding, key),
            heads=s.heads,
            scale=s.scale,
        ),
        LayerNorm(f"{name}.ln_1", s.hidden, s.epsilon, key),
        FeedForward(
            Conv1D(f"{name}.mlp.c_fc", s.hidden, s.intermediate, init, key),
            Conv1D(f"{name}.mlp.c_proj", s.intermediate, s.hidden, adding, key),
            s.activation,
        ),
        LayerNorm(f"{name}.ln_2", s.hidden, s.epsilon, key),
        s.rates,
    )


def _language_model(s: GPT2Settings, key: jax.Array) -> DecoderHead:
    return LanguageModelHead(s.hidden, s.vocabulary, s.deviation, key, tied=s.tied)


def _sequence_classifier(s: GPT2Settings, key: jax.Array) -> DecoderHead:
    return LastTokenClassifier(s.hidden, s.labels, s.deviation, key)


def _token_classifier(s: GPT2Settings, key: jax.Array) -> DecoderHead:
    return TokenClassifier(s.hidden, s.labels, s.deviation, key, rate=s.classifier_dropout, name="classifier")


_HEADS: dict[str | None, Callable[[GPT2Settings, jax.Array], DecoderHead]] = {
    "causal-lm": _language_model,
    "sequence-classification": _sequence_classifier,
    "token-classification": _token_classifier,
}


def build(config: Mapping[str, Any], task: str | None, key: jax.Array) -> DecoderTower:
    """The backbone (task None), or with the head of a task."""
    s = GPT2Settings.from_config(config)
    prefix, init = "" if task is None else "transformer.", normal(s.deviation)
    tower = Tower(
        Stack(
            lambda block_key: _block(f"{prefix}h.{{}}", s, block_key),
            s.layers,
            key,
            variants=range(s.layers) if s.by_depth else None,
        ),
        LayerNorm(f"{prefix}ln_f", s.hidden, s.epsilon, key),
        heads=(s.heads, s.hidden // s.heads),
        causal=True,
        positions=LearnedPositions(Embedding(f"{prefix}wpe", s.positions, s.hidden, init, key)),
        embedding_dropout=s.embedding_dropout,
    )
    return DecoderTower(
        Embedding(f"{prefix}wte", s.vocabulary, s.hidden, init, key),
        tower,
        pad_id=s.pad_id,
        max_positions=s.positions,
        head=None if task is None else _HEADS[task](s, key),
    )


FAMILY = Family(
    model_types=("gpt2",),
    prefix="transformer.",
    architectures={
        None: {"gpt2": "GPT2Model"},
        "causal-lm": {"gpt2": "GPT2LMHeadModel"},
        "sequence-classification": {"gpt2": "GPT2ForSequenceClassification"},
        "token-classification": {"gpt2": "GPT2ForTokenClassification"},
    },
    build=build,
    # Rows of the word table and the outputs of the wide products over "tensor", the other dimension over "fsdp".
    sharding_rules=(
        (r".*wte\.weight", ("tensor", "fsdp")),
        (r".*wpe\.weight", (None, "fsdp")),
        (r"lm_head\.weight", ("tensor", "fsdp")),
        (r".*(c_attn|c_fc)\.weight", ("fsdp", "tensor")),
        (r".*(c_attn|c_fc)\.bias", ("tensor",)),
        (r".*c_proj\.weight", ("tensor", "fsdp")),
        (r"(score|classifier)\.weight", (None, "fsdp")),
    ),
    optional=(r"lm_head\..*", r"(score|classifier)\..*"),
    droppable=(
        r"lm_head\..*",
        r"(score|classifier|qa_outputs)\..*",
        r"multiple_choice_head\..*",
        # Masks that older versions saved.
        r"(transformer\.)?h\.\d+\.(attn|crossattention)\.(bias|masked_bias)",
    ),
    classifier=r"(score|classifier)\..*",
    class_rows=r"(score|classifier)\.(weight|bias)",
    query_value=("c_attn",),
    dropout_keys=("embd_pdrop", "resid_pdrop", "attn_pdrop", "classifier_dropout"),
    word_table="wte.weight",
    word_aliases=r"lm_head\.weight",
    tied_tables=(TiedTable("lm_head.weight", is_output=True),),
)
