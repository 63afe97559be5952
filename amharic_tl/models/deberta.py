"""DeBERTa v2 and v3 (He et al. 2021a, 2021b), mDeBERTa among them: BERT's blocks with disentangled attention."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from amharic_tl.errors import BadInputError
from amharic_tl.models.attention import Visibility, dot_product_attention
from amharic_tl.models.config_values import ConfigValues
from amharic_tl.models.disentangled import Relative, relative_rows, relative_scores, score_scale
from amharic_tl.models.encoder import SHARDING_RULES, Encoder, EncoderBlock, EncoderEmbeddings
from amharic_tl.models.encoder_settings import BlockNames, EncoderSettings
from amharic_tl.models.family import Family, TiedTable
from amharic_tl.models.heads import FirstTokenClassifier, MaskedLMHead, TokenClassifier
from amharic_tl.models.layers import ACTIVATIONS, Embedding, LayerNorm, Linear, dropout, normal, parameter, zeros
from amharic_tl.models.stack import Stack

_BLOCK = BlockNames(query="attention.self.query_proj", key="attention.self.key_proj", value="attention.self.value_proj")


@dataclass(frozen=True)
class Convolution:
    """A convolution over the tokens beside the first block: its width (odd), groups and activation."""

    width: int
    groups: int
    activation: str


@dataclass(frozen=True)
class DebertaSettings:
    """What of a config.json shapes a DeBERTa beside what it shares with BERT.

    Attributes:
      common: what it shares.
      terms: of the scores beside the content's: ``c2p`` (content to position), ``p2c`` (position to content).
      relative: whether positions are relative; otherwise the terms only scale the scores.
      shared: whether a token's projections serve positions too.
      buckets: of distances; 0: each has its own.
      farthest: the largest distance.
      norm_relative: whether the table of distances is normed.
      convolution: None where there is none.
      pooler_activation: of the classifier's dense layer.
      pooler_dropout: before that layer.
      legacy: which names the masked-LM head has.
    """

    common: EncoderSettings
    terms: frozenset[str]
    relative: bool
    shared: bool
    buckets: int
    farthest: int
    norm_relative: bool
    convolution: Convolution | None
    pooler_activation: str
    pooler_dropout: float
    legacy: bool

    @property
    def span(self) -> int:
        """Half the rows of the table of distances."""
        return self.buckets or self.farthest

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> DebertaSettings:
        """Reads a Hugging Face config.

        Raises:
          BadInputError: a key is absent or wrong, or names something that is not supported.
        """
        values = ConfigValues(
            config, {"classifier_dropout": "cls_dropout"}, {"type_vocab_size": 0, "layer_norm_eps": 1e-7}
        )
        common = EncoderSettings.from_config(config, values)
        for key, expected in (
            ("pooler_hidden_size", common.hidden),
            ("attention_head_size", common.hidden // common.heads),
        ):
            if values.whole(key, expected) != expected:
                raise BadInputError(f"config.json: {key}: expected {expected}, found {config[key]!r}")
        common = dataclasses.replace(
            common,
            names=_BLOCK,
            embedding=values.whole("embedding_size", common.hidden),
            position_table=values.flag("position_biased_input", True),
            pooler=False,
        )
        farthest = values.integer("max_relative_positions", -1)
        settings = DebertaSettings(
            common=common,
            terms=_words(config, "pos_att_type", ("c2p", "p2c")),
            relative=values.flag("relative_attention", False),
            shared=values.flag("share_att_key", False),
            buckets=max(values.integer("position_buckets", -1), 0),
            farthest=farthest if farthest > 0 else common.positions,
            norm_relative="layer_norm" in _words(config, "norm_rel_ebd", ("none", "layer_norm")),
            convolution=_convolution(values, common.hidden),
            pooler_activation=values.one_of("pooler_hidden_act", ACTIVATIONS, "gelu"),
            pooler_dropout=values.number("pooler_dropout", 0.0, maximum=1.0),
            legacy=values.flag("legacy", True),
        )
        settings._check()
        return settings

    def _check(self) -> None:
        if self.buckets and (self.buckets < 2 or self.farthest - 1 <= self.buckets // 2):
            raise BadInputError(
                f"config.json: position_buckets {self.buckets} do not fit max_relative_positions {self.farthest}: "
                "expected at least 2, and half of them fewer than that"
            )
        if not self.legacy and self.common.embedding != self.common.hidden:
            raise BadInputError(
                f"config.json: legacy=false needs embedding_size equal to hidden_size, found {self.common.embedding} "
                f"and {self.common.hidden}"
            )


def _words(config: Mapping[str, Any], key: str, known: tuple[str, ...]) -> frozenset[str]:
    """The words of a list, or of a text with bars between them."""
    found = config.get(key) or ()
    words = [word.strip() for word in found.lower().split("|")] if isinstance(found, str) else found
    if not isinstance(words, list | tuple) or not all(word in known for word in words):
        raise BadInputError(f"config.json: {key}: expected some of {', '.join(known)}, found {str(found)[:100]!r}")
    return frozenset(words)


def _convolution(values: ConfigValues, hidden: int) -> Convolution | None:
    width = values.whole("conv_kernel_size", 0, minimum=0)
    if not width:
        return None
    groups = values.whole("conv_groups", 1)
    if width % 2 == 0 or hidden % groups:
        raise BadInputError(
            f"config.json: conv_kernel_size must be odd and conv_groups divide hidden_size, found {width} and {groups}"
        )
    return Convolution(width, groups, values.one_of("conv_act", ACTIVATIONS, "tanh"))


class DebertaEmbeddings(EncoderEmbeddings):
    """The tables' sum, projected where they are not as wide as the blocks, then normed and dropped."""

    def __init__(self, prefix: str, s: EncoderSettings, key: jax.Array) -> None:
        super().__init__(prefix, s, key)
        name, init = f"{prefix}embeddings", normal(s.deviation)
        self.project = (
            None
            if s.embedding == s.hidden
            else Linear(f"{name}.embed_proj", s.embedding, s.hidden, init, key, bias=False)
        )
        self.norm = LayerNorm(f"{name}.LayerNorm", s.hidden, s.epsilon, key)

    def summed(self, input_ids_BS: jax.Array, token_type_ids_BS: jax.Array | None) -> jax.Array:
        """float32 ``[B, S, H]``."""
        summed_BSE = super().summed(input_ids_BS, token_type_ids_BS)
        return summed_BSE if self.project is None else self.project(summed_BSE)


class TokenConvolution(nnx.Module):
    """A convolution over the embedded tokens, added to the first block's output, and a norm."""

    def __init__(self, prefix: str, s: EncoderSettings, convolution: Convolution, key: jax.Array) -> None:
        name = f"{prefix}encoder.conv"
        shape = (s.hidden, s.hidden // convolution.groups, convolution.width)
        self.weight = parameter(f"{name}.conv.weight", shape, normal(s.deviation), key, "kernel")
        self.bias = parameter(f"{name}.conv.bias", (s.hidden,), zeros, key)
        self.norm = LayerNorm(f"{name}.LayerNorm", s.hidden, s.epsilon, key)
        self.settings, self.rate = convolution, s.hidden_dropout

    def __call__(
        self, embedded_BSH: jax.Array, output_BSH: jax.Array, mask_BS: jax.Array, dtype: Any, key: jax.Array | None
    ) -> jax.Array:
        """float32 ``[B, S, H]``; padding stays out of it and is zero after it."""
        mask_BS1 = mask_BS[..., None].astype(jnp.float32)
        side = self.settings.width // 2
        convolved_BSH = jax.lax.conv_general_dilated(
            (embedded_BSH * mask_BS1).astype(dtype),
            self.weight[...].astype(dtype),
            window_strides=(1,),
            padding=[(side, side)],
            dimension_numbers=("NWC", "OIW", "NWC"),
            feature_group_count=self.settings.groups,
        )
        convolved_BSH = (convolved_BSH.astype(jnp.float32) + self.bias[...].astype(jnp.float32)) * mask_BS1
        activated_BSH = ACTIVATIONS[self.settings.activation](dropout(convolved_BSH, self.rate, key))
        return self.norm(output_BSH + activated_BSH) * mask_BS1


class DebertaBlock(EncoderBlock):
    """BERT's block with disentangled attention; the first one may have a convolution beside it."""

    def __init__(self, prefix: str, d: DebertaSettings, key: jax.Array, is_first: bool) -> None:
        s = d.common
        super().__init__(prefix, s, key)
        self.terms = d.terms
        name = f"{prefix}{s.names.layer}.attention.self."
        own = d.relative and not d.shared
        self.position_key, self.position_query = (
            Linear(name + called, s.hidden, s.hidden, normal(s.deviation), key) if own and term in d.terms else None
            for term, called in (("c2p", "pos_key_proj"), ("p2c", "pos_query_proj"))
        )
        self.convolution = (
            TokenConvolution(prefix, s, d.convolution, key) if is_first and d.convolution is not None else None
        )

    def __call__(
        self, hidden_BSH: jax.Array, context: Relative, dtype: Any, *, dropout_key: jax.Array | None = None
    ) -> jax.Array:
        """float32 ``[B, S, H] -> [B, S, H]``."""
        output_BSH = super().__call__(hidden_BSH, context, dtype, dropout_key=dropout_key)
        if self.convolution is None:
            return output_BSH
        key = None if dropout_key is None else jax.random.fold_in(dropout_key, 1)
        return self.convolution(hidden_BSH, output_BSH, context.mask_BS, dtype, key)

    def attend(
        self,
        query_BSND: jax.Array,
        key_BSND: jax.Array,
        value_BSND: jax.Array,
        context: Relative,
        dropout_key: jax.Array | None,
    ) -> jax.Array:
        """``[B, S, N, D]``."""
        keys = [None, None] if dropout_key is None else list(jax.random.split(dropout_key))
        scale, bias_BNST = score_scale(query_BSND.shape[-1], len(self.terms)), None
        if context.table_RH is not None and context.rows_ST is not None:
            table_RH = dropout(context.table_RH, self.hidden_dropout, keys[1]).astype(query_BSND.dtype)
            position_key, position_query = (
                projection(table_RH).reshape(len(table_RH), self.heads, -1) if term in self.terms else None
                for term, projection in (
                    ("c2p", self.position_key or self.key),
                    ("p2c", self.position_query or self.query),
                )
            )
            relative_BNST = relative_scores(query_BSND, key_BSND, position_key, position_query, context.rows_ST)
            bias_BNST = scale * relative_BNST
        return dot_product_attention(
            query_BSND,
            key_BSND,
            value_BSND,
            context.visible,
            bias_BNST=bias_BNST,
            scale=scale,
            dropout_rate=self.attention_dropout,
            dropout_key=keys[0],
        )


class Deberta(Encoder):
    """The encoder, with the table of distances."""

    def __init__(self, prefix: str, d: DebertaSettings, key: jax.Array, head: Any) -> None:
        s, name = d.common, f"{prefix}encoder"
        super().__init__(
            DebertaEmbeddings(prefix, s, key),
            Stack(
                lambda block_key, is_first: DebertaBlock(prefix, d, block_key, is_first),
                s.layers,
                key,
                kinds=[layer == 0 and d.convolution is not None for layer in range(s.layers)],
            ),
            head=head,
            max_positions=s.usable_positions,
        )
        # Every block reads the table, so it trains and freezes with the first one.
        rows, init = 2 * d.span, normal(s.deviation)
        self.relative = Embedding(f"{name}.rel_embeddings", rows, s.hidden, init, key, block=0) if d.relative else None
        self.relative_norm = (
            LayerNorm(f"{name}.LayerNorm", s.hidden, s.epsilon, key, block=0) if d.norm_relative else None
        )
        self.span, self.buckets, self.farthest = d.span, d.buckets, d.farthest

    def block_arguments(self, visible: Visibility, mask_BS: jax.Array, dtype: Any) -> tuple[Any, ...]:
        """What the blocks share, and the dtype."""
        if self.relative is None:
            return Relative(visible, mask_BS, None, None), dtype
        table_RH = self.relative.weight[...].astype(jnp.float32)
        if self.relative_norm is not None:
            table_RH = self.relative_norm(table_RH)
        rows_ST = jnp.asarray(relative_rows(mask_BS.shape[1], self.span, self.buckets, self.farthest))
        return Relative(visible, mask_BS, table_RH, rows_ST), dtype


def build(config: Mapping[str, Any], task: str | None, key: jax.Array) -> Deberta:
    """The backbone (task None), or with the head of a task."""
    settings = DebertaSettings.from_config(config)
    return Deberta("" if task is None else "deberta.", settings, key, _head(settings, task, key))


def _head(d: DebertaSettings, task: str | None, key: jax.Array) -> Any:
    s = d.common
    if task == "sequence-classification":
        return FirstTokenClassifier(
            s,
            key,
            dense="pooler.dense",
            out="classifier",
            activation=d.pooler_activation,
            first_dropout=d.pooler_dropout,
        )
    if task == "token-classification":
        return TokenClassifier(dataclasses.replace(s, classifier_dropout=s.hidden_dropout), key)
    if task == "masked-lm":
        name = "cls.predictions" if d.legacy else "lm_predictions.lm_head"
        inner = f"{name}.transform" if d.legacy else name
        return MaskedLMHead(
            dense=f"{inner}.dense",
            norm=f"{inner}.LayerNorm",
            decoder=f"{name}.decoder",
            bias=f"{name}.bias",
            activation=s.activation,
            # The newer head always reads the word table.
            s=s if d.legacy else dataclasses.replace(s, tied=True),
            key=key,
        )
    return None


_HEADS = (r"cls\..*", r"lm_predictions\..*", r"pooler\..*", r"classifier\..*")

FAMILY = Family(
    model_types=("deberta-v2",),
    prefix="deberta.",
    architectures={
        None: {"deberta-v2": "DebertaV2Model"},
        "sequence-classification": {"deberta-v2": "DebertaV2ForSequenceClassification"},
        "masked-lm": {"deberta-v2": "DebertaV2ForMaskedLM"},
        "token-classification": {"deberta-v2": "DebertaV2ForTokenClassification"},
    },
    build=build,
    sharding_rules=(
        (r".*rel_embeddings\.weight", (None, "fsdp")),
        (r".*embed_proj\.weight", (None, "fsdp")),
        (r".*attention\.self\.\w+_proj\.weight", ("tensor", "fsdp")),
        (r".*attention\.self\.\w+_proj\.bias", ("tensor",)),
        (r"lm_predictions\.lm_head\.bias", ("tensor",)),
        *SHARDING_RULES,
    ),
    optional=_HEADS,
    droppable=(
        *_HEADS,
        r"mask_predictions\..*",
        r"qa_outputs\..*",
        # Published checkpoints keep a position table they do not use, and what the discriminator learned beside the
        # generator's tables.
        r"(deberta\.)?embeddings\.(position_ids|position_embeddings\..*|word_embeddings\._weight)",
    ),
    classifier=r"(pooler|classifier)\..*",
    class_rows=r"classifier\.(weight|bias)",
    query_value=("query_proj", "value_proj"),
    bias_alias=("cls.predictions.decoder.bias", "cls.predictions.bias"),
    renames=(
        (r"^lm_predictions\.lm_head\.(dense|LayerNorm)\.", r"cls.predictions.transform.\1."),
        (r"^lm_predictions\.lm_head\.bias$", "cls.predictions.bias"),
    ),
    dropout_keys=("hidden_dropout_prob", "attention_probs_dropout_prob", "pooler_dropout", "cls_dropout"),
    word_table="embeddings.word_embeddings.weight",
    tied_tables=(TiedTable("cls.predictions.decoder.weight", is_output=True),),
)
