"""ModernBERT (Warner et al. 2024), mmBERT (Marone et al. 2025) among them: rotary positions, gated feed-forward layers,
norms before the sublayers, and full attention in every few layers only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from amharic_tl.errors import BadInputError
from amharic_tl.models.attention import Visibility, dot_product_attention
from amharic_tl.models.config_values import ConfigValues
from amharic_tl.models.encoder import Encoder
from amharic_tl.models.encoder_settings import EncoderSettings
from amharic_tl.models.family import Family, TiedTable
from amharic_tl.models.heads import HeadInputs, gathered
from amharic_tl.models.layers import (
    ACTIVATIONS,
    Embedding,
    LayerNorm,
    Linear,
    dropout,
    parameter,
    truncated_normal,
    zeros,
)
from amharic_tl.models.output import ModelOutput
from amharic_tl.models.positions import UNLIMITED
from amharic_tl.models.rotary import inverse_frequencies, rope_parameters, rotary_tables, rotate
from amharic_tl.models.stack import Stack

_NAMES = {
    "hidden_act": "hidden_activation",
    "layer_norm_eps": "norm_eps",
    "hidden_dropout_prob": "embedding_dropout",
    "attention_probs_dropout_prob": "attention_dropout",
}
_DEFAULTS = {
    "layer_norm_eps": 1e-5,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "classifier_dropout": 0.0,
    "pad_token_id": 50283,
}
# In the order of the tables that a layer's variant picks from.
_LAYER_TYPES = ("full_attention", "sliding_attention")
_THETAS = {"full_attention": ("global_rope_theta", 160_000.0), "sliding_attention": ("local_rope_theta", 10_000.0)}


@dataclass(frozen=True)
class ModernBertSettings:
    """What of a config.json shapes ModernBERT beside what it shares with BERT.

    Attributes:
      common: what it shares.
      variants: for each layer, the number of its type in ``_LAYER_TYPES``.
      window: tokens within ``window // 2`` places see each other in sliding attention.
      frequencies: radians a position, float32 ``[D / 2]``, by type of layer.
    """

    common: EncoderSettings
    variants: tuple[int, ...]
    window: int
    frequencies: tuple[np.ndarray, ...]
    norm_bias: bool
    attention_bias: bool
    feed_forward_bias: bool
    feed_forward_dropout: float
    decoder_bias: bool
    classifier_bias: bool
    classifier_activation: str
    classifier_pooling: str
    cutoff: float

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> ModernBertSettings:
        """Reads a Hugging Face config of transformers 4 or 5.

        Raises:
          BadInputError: a key is absent or wrong, or names something that is not supported.
        """
        values = ConfigValues(config, _NAMES, _DEFAULTS)
        # transformers ignores the type of positions; mmBERT says the second.
        common = EncoderSettings.from_config(config, values, ("absolute", "sans_pos"))
        size = common.hidden // common.heads
        return ModernBertSettings(
            common=common,
            variants=_variants(config, values, common.layers),
            window=values.whole("local_attention", 128),
            frequencies=tuple(inverse_frequencies(size, _rope(config, kind)) for kind in _LAYER_TYPES),
            norm_bias=values.flag("norm_bias", False),
            attention_bias=values.flag("attention_bias", False),
            feed_forward_bias=values.flag("mlp_bias", False),
            feed_forward_dropout=values.number("mlp_dropout", 0.0, maximum=1.0),
            decoder_bias=values.flag("decoder_bias", True),
            classifier_bias=values.flag("classifier_bias", False),
            classifier_activation=values.one_of("classifier_activation", ACTIVATIONS, "gelu"),
            classifier_pooling=values.one_of("classifier_pooling", ("cls", "mean"), "cls"),
            cutoff=values.number("initializer_cutoff_factor", 2.0),
        )

    def initializer(self, place: str) -> Any:
        """Of matrices that read the residual stream (``in``), of those that write to it (``out``), and of the
        classifier (``final``).
        """
        s = self.common
        deviations = {"in": s.deviation, "out": s.deviation / math.sqrt(2 * s.layers), "final": s.hidden**-0.5}
        return truncated_normal(deviations[place], self.cutoff)


def _variants(config: Mapping[str, Any], values: ConfigValues, layers: int) -> tuple[int, ...]:
    named = config.get("layer_types")
    if named is None:
        every = values.whole("global_attn_every_n_layers", 3)
        return tuple(int(layer % every != 0) for layer in range(layers))
    if not isinstance(named, list) or len(named) != layers or any(kind not in _LAYER_TYPES for kind in named):
        raise BadInputError(
            f"config.json: layer_types: expected {layers} entries, each one of {', '.join(_LAYER_TYPES)}, "
            f"found {str(named)[:100]}"
        )
    return tuple(_LAYER_TYPES.index(kind) for kind in named)


def _rope(config: Mapping[str, Any], kind: str) -> dict[str, Any]:
    key, default = _THETAS[kind]
    # transformers 4: a local theta of null is the global one.
    fallback = config.get("global_rope_theta") if key in config else None
    theta = next(value for value in (config.get(key), fallback, default) if value is not None)
    return rope_parameters({**config, "rope_theta": theta}, kind)


class ModernBertEmbeddings(nnx.Module):
    """The word table, normed and dropped."""

    def __init__(self, prefix: str, m: ModernBertSettings, key: jax.Array) -> None:
        s = m.common
        name = f"{prefix}embeddings"
        self.word = Embedding(f"{name}.tok_embeddings", s.vocabulary, s.hidden, m.initializer("in"), key)
        self.norm = LayerNorm(f"{name}.norm", s.hidden, s.epsilon, key, bias=m.norm_bias)
        self.rate = s.hidden_dropout

    def __call__(
        self, input_ids_BS: jax.Array, token_type_ids_BS: jax.Array | None, key: jax.Array | None
    ) -> jax.Array:
        """``[B, S] -> [B, S, H]`` in float32."""
        del token_type_ids_BS
        return dropout(self.norm(self.word(input_ids_BS).astype(jnp.float32)), self.rate, key)


class ModernBertBlock(nnx.Module):
    """Attention and a gated feed-forward layer (Shazeer 2020), each after a norm and added to the residual stream.

    The first block's attention has no norm: the embeddings have just been normed.
    """

    def __init__(self, prefix: str, m: ModernBertSettings, key: jax.Array, is_first: bool) -> None:
        s = m.common
        name = f"{prefix}layers.{{}}."
        inwards, outwards = m.initializer("in"), m.initializer("out")
        self.heads, self.activation = s.heads, s.activation
        self.attention_dropout, self.feed_forward_dropout = s.attention_dropout, m.feed_forward_dropout
        self.attention_norm = (
            None if is_first else LayerNorm(f"{name}attn_norm", s.hidden, s.epsilon, key, bias=m.norm_bias)
        )
        self.qkv = Linear(f"{name}attn.Wqkv", s.hidden, 3 * s.hidden, inwards, key, bias=m.attention_bias)
        self.output = Linear(f"{name}attn.Wo", s.hidden, s.hidden, outwards, key, bias=m.attention_bias)
        self.norm = LayerNorm(f"{name}mlp_norm", s.hidden, s.epsilon, key, bias=m.norm_bias)
        self.up = Linear(f"{name}mlp.Wi", s.hidden, 2 * s.intermediate, inwards, key, bias=m.feed_forward_bias)
        self.down = Linear(f"{name}mlp.Wo", s.intermediate, s.hidden, outwards, key, bias=m.feed_forward_bias)

    def __call__(
        self,
        hidden_BSH: jax.Array,
        visible: Visibility,
        tables: tuple[jax.Array, jax.Array],
        dtype: Any,
        *,
        variant: jax.Array,
        dropout_key: jax.Array | None = None,
    ) -> jax.Array:
        """float32 ``[B, S, H] -> [B, S, H]``. ``tables`` have the types of layers as first dimension."""
        keys = [None] * 3 if dropout_key is None else list(jax.random.split(dropout_key, 3))
        normed_BSH = hidden_BSH if self.attention_norm is None else self.attention_norm(hidden_BSH)
        qkv_BS3ND = self.qkv(normed_BSH.astype(dtype)).reshape(*hidden_BSH.shape[:2], 3, self.heads, -1)
        rotary = (tables[0][variant], tables[1][variant])
        attended_BSND = dot_product_attention(
            rotate(qkv_BS3ND[:, :, 0], rotary),
            rotate(qkv_BS3ND[:, :, 1], rotary),
            qkv_BS3ND[:, :, 2],
            visible.for_layer(variant),
            dropout_rate=self.attention_dropout,
            dropout_key=keys[0],
        )
        mixed_BSH = self.output(attended_BSND.reshape(hidden_BSH.shape), output=jnp.float32)
        hidden_BSH = hidden_BSH + dropout(mixed_BSH, self.attention_dropout, keys[1])
        up_BSI, gate_BSI = jnp.split(self.up(self.norm(hidden_BSH).astype(dtype)), 2, axis=-1)
        wide_BSI = dropout(ACTIVATIONS[self.activation](up_BSI) * gate_BSI, self.feed_forward_dropout, keys[2])
        return hidden_BSH + self.down(wide_BSI, output=jnp.float32)


class ModernBert(Encoder):
    """The encoder, with the tables of both types of layers."""

    def __init__(self, prefix: str, m: ModernBertSettings, key: jax.Array, head: Any) -> None:
        s = m.common
        super().__init__(
            ModernBertEmbeddings(prefix, m, key),
            Stack(
                lambda block_key, is_first: ModernBertBlock(prefix, m, block_key, is_first),
                s.layers,
                key,
                kinds=[layer == 0 for layer in range(s.layers)],
                variants=m.variants,
            ),
            head=head,
            final_norm=LayerNorm(f"{prefix}final_norm", s.hidden, s.epsilon, key, bias=m.norm_bias),
            max_positions=UNLIMITED,
        )
        # In the order of the types of layers.
        self.windows = (None, m.window)
        self.frequencies = tuple(tuple(map(float, row)) for row in m.frequencies)

    def block_arguments(self, visible: Visibility, mask_BS: jax.Array, dtype: Any) -> tuple[Any, ...]:
        """Who may look at whom and rotary tables ``[2, 1, S, D]``, both by type of layer, and the dtype."""
        positions_1S = jnp.arange(mask_BS.shape[1])[None]
        tables = [rotary_tables(positions_1S, np.asarray(row, np.float32)) for row in self.frequencies]
        cosines, sines = zip(*tables, strict=True)
        return visible, (jnp.stack(cosines), jnp.stack(sines)), dtype


class _Transform(nnx.Module):
    """What every head begins with: dense, activation, norm."""

    def __init__(self, m: ModernBertSettings, key: jax.Array) -> None:
        s = m.common
        self.dense = Linear("head.dense", s.hidden, s.hidden, m.initializer("out"), key, bias=m.classifier_bias)
        self.norm = LayerNorm("head.norm", s.hidden, s.epsilon, key, bias=m.norm_bias)
        self.activation = m.classifier_activation

    def __call__(self, hidden: jax.Array, dtype: Any) -> jax.Array:
        """float32 ``[..., H] -> [..., H]``."""
        return self.norm(ACTIVATIONS[self.activation](self.dense(hidden.astype(dtype), output=jnp.float32)))


class ModernBertClassifier(nnx.Module):
    """Scores of classes: for every token, or for the text from its first token or the mean of its tokens."""

    needs_pooler = False

    def __init__(self, m: ModernBertSettings, key: jax.Array, pooling: str | None) -> None:
        s = m.common
        self.head = _Transform(m, key)
        self.classifier = Linear("classifier", s.hidden, s.labels, m.initializer("final"), key)
        self.rate, self.pooling = s.classifier_dropout, pooling

    def __call__(self, output: ModelOutput, inputs: HeadInputs) -> jax.Array:
        """``[B, C]``, or ``[B, S, C]`` for tokens; float32."""
        hidden = output.last_hidden_state
        assert hidden is not None
        dtype = inputs.dtype if self.pooling is None else jnp.dtype(jnp.float32)
        if self.pooling == "cls":
            hidden = hidden[:, 0]
        elif self.pooling == "mean":
            mask_BS1 = inputs.mask[..., None].astype(jnp.float32)
            hidden = (hidden * mask_BS1).sum(axis=1) / jnp.maximum(mask_BS1.sum(axis=1), 1.0)
        return self.classifier(dropout(self.head(hidden, dtype), self.rate, inputs.key).astype(dtype), jnp.float32)


class ModernBertMaskedLM(nnx.Module):
    """Scores of words, by the word table or one of its own."""

    needs_pooler = False

    def __init__(self, m: ModernBertSettings, key: jax.Array) -> None:
        s = m.common
        self.head = _Transform(m, key)
        self.bias = parameter("decoder.bias", (s.vocabulary,), zeros, key) if m.decoder_bias else None
        out = m.initializer("out")
        self.decoder = None if s.tied else Linear("decoder", s.hidden, s.vocabulary, out, key, bias=False)

    def __call__(self, output: ModelOutput, inputs: HeadInputs) -> jax.Array:
        """``[B, S, V]``, or ``[B, M, V]`` at the gathered positions; float32."""
        hidden = self.head(gathered(output, inputs), inputs.dtype).astype(inputs.dtype)
        scores = inputs.words.attend(hidden) if self.decoder is None else self.decoder(hidden)
        return scores.astype(jnp.float32) + (0.0 if self.bias is None else self.bias[...].astype(jnp.float32))


def build(config: Mapping[str, Any], task: str | None, key: jax.Array) -> ModernBert:
    """The backbone (task None), or with the head of a task."""
    settings = ModernBertSettings.from_config(config)
    head: Any = None
    if task == "masked-lm":
        head = ModernBertMaskedLM(settings, key)
    elif task is not None:
        pooling = settings.classifier_pooling if task == "sequence-classification" else None
        head = ModernBertClassifier(settings, key, pooling)
    return ModernBert("" if task is None else "model.", settings, key, head)


FAMILY = Family(
    model_types=("modernbert",),
    prefix="model.",
    architectures={
        None: {"modernbert": "ModernBertModel"},
        "sequence-classification": {"modernbert": "ModernBertForSequenceClassification"},
        "masked-lm": {"modernbert": "ModernBertForMaskedLM"},
        "token-classification": {"modernbert": "ModernBertForTokenClassification"},
    },
    build=build,
    sharding_rules=(
        (r".*tok_embeddings\.weight", ("tensor", "fsdp")),
        (r".*\.(Wqkv|Wi)\.weight", ("tensor", "fsdp")),
        (r".*\.(Wqkv|Wi)\.bias", ("tensor",)),
        (r".*\.Wo\.weight", ("fsdp", "tensor")),
        (r"decoder\.weight", ("tensor", "fsdp")),
        (r"decoder\.bias", ("tensor",)),
        (r"head\.dense\.weight", (None, "fsdp")),
    ),
    optional=(r"head\..*", r"decoder\..*", r"classifier\..*"),
    droppable=(r"head\..*", r"decoder\..*", r"classifier\..*"),
    classifier=r"classifier\..*",
    class_rows=r"classifier\.(weight|bias)",
    query_value=("Wqkv",),
    dropout_keys=("embedding_dropout", "attention_dropout", "mlp_dropout", "classifier_dropout"),
    word_table="embeddings.tok_embeddings.weight",
    tied_tables=(TiedTable("decoder.weight", is_output=True),),
)
