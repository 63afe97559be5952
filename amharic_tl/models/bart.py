"""What M2M100, mBART and XGLM share: towers of the pre-norm blocks of BART's descendants (Liu et al. 2020), and their
names in Hugging Face."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax

from amharic_tl.errors import BadInputError
from amharic_tl.models.config_values import ConfigValues, has_own_table, label_names
from amharic_tl.models.encoder_decoder import EncoderDecoder, EndTokenClassifier, Seq2SeqHead, SpecialIds, own_words
from amharic_tl.models.family import TiedTable
from amharic_tl.models.layers import ACTIVATIONS, Embedding, LayerNorm, Linear, buffer, normal, zeros
from amharic_tl.models.positions import UNLIMITED, LearnedPositions, SinusoidalPositions
from amharic_tl.models.pre_norm import Attention, FeedForward, PreNormBlock, Rates
from amharic_tl.models.stack import Stack
from amharic_tl.models.tower import Tower

_EPSILON = 1e-5


@dataclass(frozen=True)
class BartKind:
    """What a family fixes, and what it takes where a config leaves a key out.

    Attributes:
      learned: positions have a table of their own and a norm follows them; otherwise they are sinusoids.
      from_ids: of sinusoids (:class:`~amharic_tl.models.positions.SinusoidalPositions`).
      wraps: the last token of the labels, their language, is the decoder's first; otherwise ``decoder_start_token_id``.
      bias: the logits have a saved bias, ``final_logits_bias``.
      activation: of the feed-forward layer.
      scale_embedding: whether embedded words are scaled by the root of their size.
      attention_dropout: of the attention probabilities.
    """

    learned: bool
    from_ids: bool
    wraps: bool
    bias: bool
    activation: str
    scale_embedding: bool
    attention_dropout: float


@dataclass(frozen=True)
class TowerSettings:
    """What of a config.json shapes one tower. ``below`` is how many blocks it stands on."""

    layers: int
    below: int
    heads: int
    intermediate: int
    layer_drop: float


@dataclass(frozen=True)
class BartSettings:
    """What of a config.json shapes the model, but for its towers."""

    kind: BartKind
    vocabulary: int
    hidden: int
    activation: str
    positions: int
    word_scale: float
    deviation: float
    rates: Rates
    classifier_dropout: float
    ids: SpecialIds
    labels: int
    tied: bool

    @staticmethod
    def from_config(config: Mapping[str, Any], kind: BartKind) -> BartSettings:
        """Reads a Hugging Face config.

        Raises:
          BadInputError: a key is absent or wrong, or names something this family does not have here.
        """
        values = ConfigValues(config)
        for key in ("is_decoder", "add_cross_attention"):
            if values.flag(key, False):
                raise BadInputError(f"config.json: {key}=true is not supported for a {config['model_type']} model")
        hidden = values.whole("d_model", minimum=4)
        return BartSettings(
            kind=kind,
            vocabulary=values.whole("vocab_size"),
            hidden=hidden,
            activation=values.one_of("activation_function", ACTIVATIONS, kind.activation),
            positions=values.whole("max_position_embeddings", 1024),
            word_scale=hidden**0.5 if values.flag("scale_embedding", kind.scale_embedding) else 1.0,
            deviation=values.number("init_std", 0.02),
            rates=Rates(
                hidden=values.number("dropout", 0.1, maximum=1.0),
                attention=values.number("attention_dropout", kind.attention_dropout, maximum=1.0),
                activation=values.number("activation_dropout", 0.0, maximum=1.0),
            ),
            classifier_dropout=values.number("classifier_dropout", 0.0, maximum=1.0),
            ids=SpecialIds(
                pad=values.whole("pad_token_id", 1, minimum=0),
                end=values.token_id("eos_token_id", 2),
                start=None if kind.wraps else values.whole("decoder_start_token_id", 2, minimum=0),
            ),
            labels=len(label_names(config)),
            tied=not has_own_table(config, "lm_head.weight"),
        )


def tower_settings(config: Mapping[str, Any], side: str, below: int = 0) -> TowerSettings:
    """Reads what a config says of one ``side``: ``encoder``, ``decoder``, or nothing for a decoder alone.

    Raises:
      BadInputError: a key is absent or wrong.
    """
    values, stem = ConfigValues(config), f"{side}_" if side else ""
    heads = values.whole(f"{stem}attention_heads")
    if values.whole("d_model") % heads:
        raise BadInputError(f"config.json: {stem}attention_heads {heads} does not divide d_model {config['d_model']}")
    return TowerSettings(
        layers=values.whole(f"{side}_layers" if side else "num_layers"),
        below=below,
        heads=heads,
        intermediate=values.whole(f"{stem}ffn_dim"),
        layer_drop=values.number(f"{stem}layerdrop", 0.0, maximum=1.0),
    )


def make_words(name: str, s: BartSettings, key: jax.Array) -> Embedding:
    """The word table."""
    return Embedding(name, s.vocabulary, s.hidden, normal(s.deviation), key)


def make_tower(name: str, s: BartSettings, t: TowerSettings, key: jax.Array, *, causal: bool, cross: bool) -> Tower:
    """A tower whose parameters' names begin with ``name`` (``model.decoder.``)."""
    positions: LearnedPositions | SinusoidalPositions
    if s.kind.learned:
        table = Embedding(f"{name}embed_positions", s.positions + 2, s.hidden, normal(s.deviation), key)
        positions = LearnedPositions(table, offset=2)
    else:
        positions = SinusoidalPositions(s.hidden, s.ids.pad, s.kind.from_ids)
    return Tower(
        Stack(lambda block_key: _block(f"{name}layers.{{}}", s, t, block_key, cross), t.layers, key, below=t.below),
        # An encoder's last norm freezes with its last block; a decoder's trains with the head.
        LayerNorm(f"{name}layer_norm", s.hidden, _EPSILON, key, block=None if causal else t.below + t.layers - 1),
        heads=(t.heads, s.hidden // t.heads),
        causal=causal,
        positions=positions,
        embedding_norm=LayerNorm(f"{name}layernorm_embedding", s.hidden, _EPSILON, key) if s.kind.learned else None,
        embedding_dropout=s.rates.hidden,
    )


def _block(name: str, s: BartSettings, t: TowerSettings, key: jax.Array, cross: bool) -> PreNormBlock:
    init = normal(s.deviation)

    def attention(part: str) -> Attention:
        query, key_, value, output = (
            Linear(f"{name}.{part}.{leaf}_proj", s.hidden, s.hidden, init, key) for leaf in ("q", "k", "v", "out")
        )
        return Attention(query, key_, value, output, heads=t.heads)

    def norm(leaf: str) -> LayerNorm:
        return LayerNorm(f"{name}.{leaf}", s.hidden, _EPSILON, key)

    return PreNormBlock(
        attention("self_attn"),
        norm("self_attn_layer_norm"),
        FeedForward(
            Linear(f"{name}.fc1", s.hidden, t.intermediate, init, key),
            Linear(f"{name}.fc2", t.intermediate, s.hidden, init, key),
            s.activation,
        ),
        norm("final_layer_norm"),
        dataclasses.replace(s.rates, layer=t.layer_drop),
        cross=attention("encoder_attn") if cross else None,
        cross_norm=norm("encoder_attn_layer_norm") if cross else None,
    )


def make_encoder_decoder(config: Mapping[str, Any], kind: BartKind, task: str | None, key: jax.Array) -> EncoderDecoder:
    """The backbone (task None), or with the head of a task."""
    s = BartSettings.from_config(config, kind)
    encoder = tower_settings(config, "encoder")
    decoder = tower_settings(config, "decoder", below=encoder.layers)
    prefix, init = "" if task is None else "model.", normal(s.deviation)
    head: Seq2SeqHead | EndTokenClassifier | None = None
    if task == "seq2seq-lm":
        table = None if s.tied else Linear("lm_head", s.hidden, s.vocabulary, init, key, bias=False)
        bias = buffer("final_logits_bias", (1, s.vocabulary), zeros, key) if kind.bias else None
        head = Seq2SeqHead(table, bias=bias)
    elif task == "sequence-classification":
        head = EndTokenClassifier("classification_head", s.hidden, s.labels, init, s.classifier_dropout, key)

    def words(name: str) -> Embedding:
        return make_words(prefix + name, s, key)

    return EncoderDecoder(
        words("shared"),
        make_tower(f"{prefix}encoder.", s, encoder, key, causal=False, cross=False),
        make_tower(f"{prefix}decoder.", s, decoder, key, causal=True, cross=True),
        ids=s.ids,
        max_positions=s.positions if kind.learned else UNLIMITED,
        word_scale=s.word_scale,
        head=head,
        encoder_words=own_words(config, "encoder", words),
        decoder_words=own_words(config, "decoder", words),
    )


# Rows of the word table and the outputs of the wide products over "tensor", the other dimension over "fsdp".
SHARDING_RULES: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    (r".*(shared|embed_tokens)\.weight", ("tensor", "fsdp")),
    (r".*embed_positions\.weight", (None, "fsdp")),
    (r"lm_head\.weight", ("tensor", "fsdp")),
    (r".*_attn\.[qkv]_proj\.weight", ("tensor", "fsdp")),
    (r".*_attn\.[qkv]_proj\.bias", ("tensor",)),
    (r".*_attn\.out_proj\.weight", ("fsdp", "tensor")),
    (r".*layers\.\{\}\.fc1\.weight", ("tensor", "fsdp")),
    (r".*layers\.\{\}\.fc1\.bias", ("tensor",)),
    (r".*layers\.\{\}\.fc2\.weight", ("fsdp", "tensor")),
    (r"classification_head\.(dense|out_proj)\.weight", (None, "fsdp")),
)
WORD_ALIASES = r"((model\.)?(encoder|decoder)\.embed_tokens|lm_head)\.weight"
# What older checkpoints hold beside weights: tables that are computed, and version marks of fairseq's.
OLD_NAMES = r"(model\.)?((encoder|decoder)\.)?(embed_positions\.(weights|_float_tensor)|version)"
LAYER_DROP_KEYS = ("encoder_layerdrop", "decoder_layerdrop")
TIED_TABLES = (
    TiedTable("lm_head.weight", is_output=True),
    TiedTable("encoder.embed_tokens.weight"),
    TiedTable("decoder.embed_tokens.weight"),
)
DROPOUT_KEYS = ("dropout", "attention_dropout", "activation_dropout", "classifier_dropout")
