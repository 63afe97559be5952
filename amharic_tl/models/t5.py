"""T5, ByT5, mT5 and UMT5 (Raffel et al. 2020; Xue et al. 2021, 2022; Chung et al. 2023), AfriTeVa among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax

from amharic_tl.errors import BadInputError
from amharic_tl.models.config_values import ConfigValues, has_own_table, label_names
from amharic_tl.models.encoder_decoder import EncoderDecoder, EndTokenClassifier, Seq2SeqHead, SpecialIds, own_words
from amharic_tl.models.encoder_tagger import EncoderTagger
from amharic_tl.models.family import Family, TiedTable
from amharic_tl.models.layers import ACTIVATIONS, Embedding, Linear, RMSNorm, normal
from amharic_tl.models.positions import UNLIMITED, RelativeBuckets
from amharic_tl.models.pre_norm import Attention, FeedForward, PreNormBlock, Rates
from amharic_tl.models.stack import Stack
from amharic_tl.models.tower import Tower


@dataclass(frozen=True)
class T5Settings:
    """What of a config.json shapes the model. ``logit_scale`` is of what goes into the language model's head."""

    vocabulary: int
    hidden: int
    heads: int
    head_size: int
    intermediate: int
    encoder_layers: int
    decoder_layers: int
    activation: str
    gated: bool
    buckets: int
    farthest: int
    relative_everywhere: bool
    epsilon: float
    factor: float
    dropout: float
    classifier_dropout: float
    ids: SpecialIds
    labels: int
    tied: bool
    logit_scale: float

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> T5Settings:
        """Reads a Hugging Face config.

        Raises:
          BadInputError: a key is absent or wrong, or names something this family does not have here.
        """
        values = ConfigValues(config)
        if values.flag("is_decoder", False):
            raise BadInputError(f"config.json: is_decoder=true; {config['model_type']} is supported with its encoder")
        activation, gated = _feed_forward(values)
        layers, pad = values.whole("num_layers"), values.whole("pad_token_id", 0, minimum=0)
        buckets = values.whole("relative_attention_num_buckets", 32, minimum=4)
        return T5Settings(
            vocabulary=values.whole("vocab_size"),
            hidden=values.whole("d_model"),
            heads=values.whole("num_heads"),
            head_size=values.whole("d_kv", 64),
            intermediate=values.whole("d_ff"),
            encoder_layers=layers,
            decoder_layers=values.whole("num_decoder_layers", layers),
            activation=activation,
            gated=gated,
            buckets=buckets,
            farthest=values.whole("relative_attention_max_distance", 128, minimum=buckets // 2 + 1),
            relative_everywhere=config["model_type"] == "umt5",
            epsilon=values.number("layer_norm_epsilon", 1e-6),
            factor=values.number("initializer_factor", 1.0),
            dropout=values.number("dropout_rate", 0.1, maximum=1.0),
            classifier_dropout=values.number("classifier_dropout", 0.0, maximum=1.0),
            ids=SpecialIds(
                pad=pad,
                end=values.token_id("eos_token_id", 1),
                start=values.whole("decoder_start_token_id", pad, minimum=0),
            ),
            labels=len(label_names(config)),
            tied=not has_own_table(config, "lm_head.weight"),
            logit_scale=values.whole("d_model") ** -0.5 if scales_logits(config) else 1.0,
        )


def _feed_forward(values: ConfigValues) -> tuple[str, bool]:
    """The activation, and whether it is a gate: ``relu``, ``gated-gelu`` (which means the tanh form), ..."""
    default = "relu" if values.config["model_type"] == "t5" else "gated-gelu"
    kinds = [*ACTIVATIONS, *(f"gated-{name}" for name in ACTIVATIONS)]
    said = values.one_of("feed_forward_proj", kinds, default)
    derived = "gelu_new" if said == "gated-gelu" else said.removeprefix("gated-")
    # Hugging Face writes what it derived, and prefers it when it reads.
    gated = values.flag("is_gated_act", said.startswith("gated-"))
    return values.one_of("dense_act_fn", ACTIVATIONS, derived), gated


def scales_logits(config: Mapping[str, Any]) -> bool:
    """Whether the language model's head takes the decoder's output times ``d_model ** -0.5``.

    T5 scales where its tables are tied, v1.1 and later unties them and does not. transformers 5 ties all of them in
    config.json whatever the checkpoint holds: its T5 keeps the old meaning in ``scale_decoder_outputs``, its mT5
    never scales, its UMT5 always does. So what holds is what the version that wrote the config does.
    """
    values = ConfigValues(config)
    tied, kind = values.flag("tie_word_embeddings", True), config["model_type"]
    if kind == "t5":
        return values.flag("scale_decoder_outputs", tied)
    version = str(config.get("transformers_version") or "5")
    return tied if version.split(".")[0] in ("2", "3", "4") else kind == "umt5"


class _Maker:
    """Makes the parts, named and drawn as Hugging Face names and draws them."""

    def __init__(self, s: T5Settings, prefix: str) -> None:
        self.s, self.prefix = s, prefix

    def linear(self, name: str, inputs: int, outputs: int, deviation: float, key: jax.Array) -> Linear:
        return Linear(name, inputs, outputs, normal(self.s.factor * deviation), key, bias=False)

    def relative(self, block: str, key: jax.Array, place: int | None = None) -> Embedding:
        name = f"{block}.layer.0.SelfAttention.relative_attention_bias"
        s = self.s
        return Embedding(name, s.buckets, s.heads, normal(s.factor * s.hidden**-0.5), key, place)

    def attention(self, name: str, key: jax.Array) -> Attention:
        s, wide = self.s, self.s.heads * self.s.head_size
        return Attention(
            # The missing scale of the scores is in how the queries are drawn.
            self.linear(f"{name}.q", s.hidden, wide, (s.hidden * s.head_size) ** -0.5, key),
            self.linear(f"{name}.k", s.hidden, wide, s.hidden**-0.5, key),
            self.linear(f"{name}.v", s.hidden, wide, s.hidden**-0.5, key),
            self.linear(f"{name}.o", wide, s.hidden, wide**-0.5, key),
            heads=s.heads,
            scale=1.0,
        )

    def feed_forward(self, name: str, key: jax.Array) -> FeedForward:
        s = self.s
        return FeedForward(
            self.linear(f"{name}.{'wi_1' if s.gated else 'wi'}", s.hidden, s.intermediate, s.hidden**-0.5, key),
            self.linear(f"{name}.wo", s.intermediate, s.hidden, s.intermediate**-0.5, key),
            s.activation,
            self.linear(f"{name}.wi_0", s.hidden, s.intermediate, s.hidden**-0.5, key) if s.gated else None,
        )

    def block(self, tower: str, decoder: bool, key: jax.Array) -> PreNormBlock:
        s, name = self.s, f"{tower}.block.{{}}"
        last = 2 if decoder else 1
        return PreNormBlock(
            self.attention(f"{name}.layer.0.SelfAttention", key),
            RMSNorm(f"{name}.layer.0.layer_norm", s.hidden, s.epsilon, key),
            self.feed_forward(f"{name}.layer.{last}.DenseReluDense", key),
            RMSNorm(f"{name}.layer.{last}.layer_norm", s.hidden, s.epsilon, key),
            Rates(hidden=s.dropout, attention=s.dropout, activation=s.dropout),
            cross=self.attention(f"{name}.layer.1.EncDecAttention", key) if decoder else None,
            cross_norm=RMSNorm(f"{name}.layer.1.layer_norm", s.hidden, s.epsilon, key) if decoder else None,
            relative=self.relative(name, key) if s.relative_everywhere else None,
        )

    def tower(self, decoder: bool, key: jax.Array) -> Tower:
        s, name = self.s, f"{self.prefix}{'decoder' if decoder else 'encoder'}"
        layers, below = (s.decoder_layers, s.encoder_layers) if decoder else (s.encoder_layers, 0)
        return Tower(
            Stack(lambda block_key: self.block(name, decoder, block_key), layers, key, below=below),
            # The encoder's last norm freezes with its last block; the decoder's trains with the head.
            RMSNorm(f"{name}.final_layer_norm", s.hidden, s.epsilon, key, block=None if decoder else layers - 1),
            heads=(s.heads, s.head_size),
            causal=decoder,
            buckets=RelativeBuckets(s.buckets, s.farthest, both_ways=not decoder),
            # It stands beside the stack under its name in the first block, so that all blocks are alike.
            relative=None if s.relative_everywhere else self.relative(f"{name}.block.0", key, below),
            embedding_dropout=s.dropout,
            last_dropout=s.dropout,
        )


def build(config: Mapping[str, Any], task: str | None, key: jax.Array) -> EncoderDecoder | EncoderTagger:
    """The backbone (task None), or with the head of a task. A tagger has no decoder."""
    s = T5Settings.from_config(config)
    prefix = "transformer." if task in ("sequence-classification", "token-classification") else ""
    maker = _Maker(s, prefix)
    head: Seq2SeqHead | EndTokenClassifier | None = None
    if task == "seq2seq-lm":
        table = None if s.tied else maker.linear("lm_head", s.hidden, s.vocabulary, 1.0, key)
        head = Seq2SeqHead(table, s.logit_scale)
    elif task == "sequence-classification":
        init = normal(s.factor * s.hidden**-0.5)
        head = EndTokenClassifier("classification_head", s.hidden, s.labels, init, s.classifier_dropout, key)

    def words(name: str) -> Embedding:
        return Embedding(prefix + name, s.vocabulary, s.hidden, normal(s.factor), key)

    if task == "token-classification":
        return EncoderTagger(
            words("shared"),
            maker.tower(False, key),
            Linear("classifier", s.hidden, s.labels, normal(s.factor), key),
            rate=s.classifier_dropout,
            max_positions=UNLIMITED,
            encoder_words=own_words(config, "encoder", words),
        )
    return EncoderDecoder(
        words("shared"),
        maker.tower(False, key),
        maker.tower(True, key),
        ids=s.ids,
        max_positions=UNLIMITED,
        head=head,
        encoder_words=own_words(config, "encoder", words),
        decoder_words=own_words(config, "decoder", words),
    )


FAMILY = Family(
    model_types=("mt5", "t5", "umt5"),
    prefix="transformer.",
    architectures={
        None: {"mt5": "MT5Model", "t5": "T5Model", "umt5": "UMT5Model"},
        "seq2seq-lm": {
            "mt5": "MT5ForConditionalGeneration",
            "t5": "T5ForConditionalGeneration",
            "umt5": "UMT5ForConditionalGeneration",
        },
        "sequence-classification": {
            "mt5": "MT5ForSequenceClassification",
            "t5": "T5ForSequenceClassification",
            "umt5": "UMT5ForSequenceClassification",
        },
        "token-classification": {
            "mt5": "MT5ForTokenClassification",
            "t5": "T5ForTokenClassification",
            "umt5": "UMT5ForTokenClassification",
        },
    },
    build=build,
    # Rows of the word table and the outputs of the wide products over "tensor", the other dimension over "fsdp".
    sharding_rules=(
        (r".*shared\.weight", ("tensor", "fsdp")),
        (r"lm_head\.weight", ("tensor", "fsdp")),
        (r".*(Self|EncDec)Attention\.[qkv]\.weight", ("tensor", "fsdp")),
        (r".*(Self|EncDec)Attention\.o\.weight", ("fsdp", "tensor")),
        (r".*DenseReluDense\.wi(_[01])?\.weight", ("tensor", "fsdp")),
        (r".*DenseReluDense\.wo\.weight", ("fsdp", "tensor")),
        (r"classification_head\.(dense|out_proj)\.weight", (None, "fsdp")),
        (r"classifier\.weight", (None, "fsdp")),
    ),
    optional=(r"lm_head\..*", r"classification_head\..*", r"classifier\..*"),
    droppable=(
        r"lm_head\..*",
        r"classification_head\..*",
        r"classifier\..*",
        r"qa_outputs\..*",
        r"(transformer\.)?(encoder|decoder)\.embed_tokens\.weight",
        # The original checkpoints hold a table for cross-attention that nothing reads.
        r"(transformer\.)?decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight",
    ),
    droppable_for={"token-classification": (r"(transformer\.)?decoder\..*",)},
    classifier=r"classification_head\..*|classifier\..*",
    class_rows=r"(classification_head\.out_proj|classifier)\.(weight|bias)",
    query_value=("q", "v"),
    dropout_keys=("dropout_rate", "classifier_dropout"),
    word_table="shared.weight",
    word_aliases=r"(transformer\.)?(encoder|decoder)\.embed_tokens\.weight",
    tied_tables=(
        TiedTable("lm_head.weight", is_output=True, tied_when_absent=True),
        TiedTable("encoder.embed_tokens.weight"),
        TiedTable("decoder.embed_tokens.weight"),
    ),
)
