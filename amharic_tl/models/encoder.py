"""The post-norm bidirectional encoder of BERT and RoBERTa (Devlin et al. 2019; Liu et al. 2019), and its heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from amharic_tl.errors import BadInputError
from amharic_tl.models.attention import dot_product_attention, padding_bias
from amharic_tl.models.layers import ACTIVATIONS, Embedding, LayerNorm, Linear, dropout, normal, parameter, zeros
from amharic_tl.models.output import ModelOutput
from amharic_tl.models.stack import Stack


@dataclass(frozen=True)
class EncoderSettings:
    """What of a config.json shapes the encoder."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    intermediate: int
    activation: str
    positions: int
    types: int
    epsilon: float
    deviation: float
    hidden_dropout: float
    attention_dropout: float
    classifier_dropout: float
    pad_id: int
    labels: int
    tied: bool

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> EncoderSettings:
        """Reads a Hugging Face config.

        Raises:
          BadInputError: a key is absent, or names something this family does not have here.
        """
        kind = config["model_type"]
        needed = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
        missing = [key for key in (*needed, "max_position_embeddings") if not isinstance(config.get(key), int)]
        if missing:
            raise BadInputError(f"config.json of this {kind} model lacks whole numbers for {', '.join(missing)}")
        position_kind = config.get("position_embedding_type", "absolute")
        if position_kind != "absolute":
            raise BadInputError(f"config.json: position_embedding_type {position_kind!r} is not supported, only 'absolute'")
        if config.get("is_decoder"):
            raise BadInputError(f"config.json: is_decoder=true; {kind} is supported as an encoder only")
        activation = config.get("hidden_act", "gelu")
        if activation not in ACTIVATIONS:
            raise BadInputError(f"config.json: hidden_act {activation!r} is not one of {', '.join(ACTIVATIONS)}")
        hidden, heads = config["hidden_size"], config["num_attention_heads"]
        if hidden % heads:
            raise BadInputError(f"config.json: num_attention_heads {heads} does not divide hidden_size {hidden}")
        hidden_dropout = float(config.get("hidden_dropout_prob", 0.1))
        classifier_dropout = config.get("classifier_dropout")
        return EncoderSettings(
            vocabulary=config["vocab_size"],
            hidden=hidden,
            layers=config["num_hidden_layers"],
            heads=heads,
            intermediate=config["intermediate_size"],
            activation=activation,
            positions=config["max_position_embeddings"],
            types=config.get("type_vocab_size", 2),
            epsilon=float(config.get("layer_norm_eps", 1e-12)),
            deviation=float(config.get("initializer_range", 0.02)),
            hidden_dropout=hidden_dropout,
            attention_dropout=float(config.get("attention_probs_dropout_prob", 0.1)),
            classifier_dropout=hidden_dropout if classifier_dropout is None else float(classifier_dropout),
            pad_id=config.get("pad_token_id") or 0,
            labels=number_of_labels(config),
            tied=bool(config.get("tie_word_embeddings", True)),
        )


def number_of_labels(config: Mapping[str, Any]) -> int:
    """How many classes a config's head has (2 where nothing is said, as in Hugging Face)."""
    if config.get("id2label"):
        return len(config["id2label"])
    return int(config.get("num_labels", 2))


class EncoderBlock(nnx.Module):
    """Self-attention and a feed-forward layer, each followed by residual and norm. Names hold ``{}`` for the layer."""

    def __init__(self, prefix: str, s: EncoderSettings, key: jax.Array) -> None:
        name = f"{prefix}encoder.layer.{{}}"
        init = normal(s.deviation)
        self.heads, self.activation = s.heads, s.activation
        self.hidden_dropout, self.attention_dropout = s.hidden_dropout, s.attention_dropout
        self.query = Linear(f"{name}.attention.self.query", s.hidden, s.hidden, init, key)
        self.key = Linear(f"{name}.attention.self.key", s.hidden, s.hidden, init, key)
        self.value = Linear(f"{name}.attention.self.value", s.hidden, s.hidden, init, key)
        self.output = Linear(f"{name}.attention.output.dense", s.hidden, s.hidden, init, key)
        self.attention_norm = LayerNorm(f"{name}.attention.output.LayerNorm", s.hidden, s.epsilon, key)
        self.up = Linear(f"{name}.intermediate.dense", s.hidden, s.intermediate, init, key)
        self.down = Linear(f"{name}.output.dense", s.intermediate, s.hidden, init, key)
        self.output_norm = LayerNorm(f"{name}.output.LayerNorm", s.hidden, s.epsilon, key)

    def __call__(self, hidden_BSH: jax.Array, bias: jax.Array, *, dropout_key: jax.Array | None = None) -> jax.Array:
        """``[B, S, H] -> [B, S, H]``; ``bias`` is added to the attention scores."""
        keys = [None] * 3 if dropout_key is None else list(jax.random.split(dropout_key, 3))
        split = (*hidden_BSH.shape[:2], self.heads, -1)
        attended_BSND = dot_product_attention(
            self.query(hidden_BSH).reshape(split),
            self.key(hidden_BSH).reshape(split),
            self.value(hidden_BSH).reshape(split),
            bias,
            dropout_rate=self.attention_dropout,
            dropout_key=keys[0],
        )
        mixed_BSH = dropout(self.output(attended_BSND.reshape(hidden_BSH.shape)), self.hidden_dropout, keys[1])
        hidden_BSH = self.attention_norm(hidden_BSH + mixed_BSH)
        wide_BSI = ACTIVATIONS[self.activation](self.up(hidden_BSH))
        return self.output_norm(hidden_BSH + dropout(self.down(wide_BSI), self.hidden_dropout, keys[2]))


class EncoderEmbeddings(nnx.Module):
    """Word, position and type tables, summed, normed and dropped."""

    def __init__(self, prefix: str, s: EncoderSettings, key: jax.Array, positions_from_ids: bool) -> None:
        name = f"{prefix}embeddings"
        init = normal(s.deviation)
        self.word = Embedding(f"{name}.word_embeddings", s.vocabulary, s.hidden, init, key)
        self.position = Embedding(f"{name}.position_embeddings", s.positions, s.hidden, init, key)
        self.type = Embedding(f"{name}.token_type_embeddings", s.types, s.hidden, init, key) if s.types else None
        self.norm = LayerNorm(f"{name}.LayerNorm", s.hidden, s.epsilon, key)
        self.rate, self.pad_id, self.positions_from_ids = s.hidden_dropout, s.pad_id, positions_from_ids

    def __call__(self, input_ids_BS: jax.Array, token_type_ids_BS: jax.Array | None, dtype: Any, key: jax.Array | None) -> jax.Array:
        """``[B, S] -> [B, S, H]`` in ``dtype``."""
        if self.positions_from_ids:
            # RoBERTa: real tokens count from pad + 1, padding takes the row of pad; from the ids, not from the mask.
            real_BS = (input_ids_BS != self.pad_id).astype(jnp.int32)
            positions_BS = jnp.cumsum(real_BS, axis=1) * real_BS + self.pad_id
        else:
            positions_BS = jnp.broadcast_to(jnp.arange(input_ids_BS.shape[1]), input_ids_BS.shape)
        summed_BSH = self.word(input_ids_BS).astype(jnp.float32) + self.position(positions_BS).astype(jnp.float32)
        if self.type is not None:
            types_BS = jnp.zeros_like(input_ids_BS) if token_type_ids_BS is None else token_type_ids_BS
            summed_BSH = summed_BSH + self.type(types_BS).astype(jnp.float32)
        return dropout(self.norm(summed_BSH).astype(dtype), self.rate, key)


class Pooler(nnx.Module):
    """A dense layer and tanh over the first token."""

    def __init__(self, prefix: str, s: EncoderSettings, key: jax.Array) -> None:
        self.dense = Linear(f"{prefix}pooler.dense", s.hidden, s.hidden, normal(s.deviation), key)

    def __call__(self, hidden_BSH: jax.Array) -> jax.Array:
        """``[B, S, H] -> [B, H]``."""
        return jnp.tanh(self.dense(hidden_BSH[:, 0]))


class PooledClassifier(nnx.Module):
    """BERT's classification head: the pooled output, dropout and one linear layer."""

    needs_pooler = True

    def __init__(self, s: EncoderSettings, key: jax.Array) -> None:
        self.classifier = Linear("classifier", s.hidden, s.labels, normal(s.deviation), key)
        self.rate = s.classifier_dropout

    def __call__(self, output: ModelOutput, words: Embedding, positions: jax.Array | None, key: jax.Array | None) -> jax.Array:
        """``[B, C]``."""
        del words, positions
        assert output.pooler_output is not None
        return self.classifier(dropout(output.pooler_output, self.rate, key))


class FirstTokenClassifier(nnx.Module):
    """RoBERTa's classification head: two layers over the first token."""

    needs_pooler = False

    def __init__(self, s: EncoderSettings, key: jax.Array) -> None:
        init = normal(s.deviation)
        self.dense = Linear("classifier.dense", s.hidden, s.hidden, init, key)
        self.out = Linear("classifier.out_proj", s.hidden, s.labels, init, key)
        self.rate = s.classifier_dropout

    def __call__(self, output: ModelOutput, words: Embedding, positions: jax.Array | None, key: jax.Array | None) -> jax.Array:
        """``[B, C]``."""
        del words, positions
        assert output.last_hidden_state is not None
        keys = [None, None] if key is None else list(jax.random.split(key))
        first_BH = dropout(output.last_hidden_state[:, 0], self.rate, keys[0])
        return self.out(dropout(jnp.tanh(self.dense(first_BH)), self.rate, keys[1]))


class MaskedLMHead(nnx.Module):
    """Dense, activation, norm, then the word table (or a table of its own) and a bias."""

    needs_pooler = False

    def __init__(self, dense: str, norm: str, decoder: str, bias: str, activation: str, s: EncoderSettings, key: jax.Array) -> None:
        init = normal(s.deviation)
        self.dense = Linear(dense, s.hidden, s.hidden, init, key)
        self.norm = LayerNorm(norm, s.hidden, s.epsilon, key)
        self.bias = parameter(bias, (s.vocabulary,), zeros, key)
        self.decoder = None if s.tied else Linear(decoder, s.hidden, s.vocabulary, init, key, bias=False)
        self.activation = activation

    def __call__(self, output: ModelOutput, words: Embedding, positions: jax.Array | None, key: jax.Array | None) -> jax.Array:
        """``[B, S, V]``, or ``[B, M, V]`` for the gathered ``positions [B, M]``."""
        del key
        hidden = output.last_hidden_state
        assert hidden is not None
        if positions is not None:
            # Only masked positions reach the vocabulary-wide product: about a seventh of its work.
            hidden = jnp.take_along_axis(hidden, positions[..., None], axis=1)
        hidden = self.norm(ACTIVATIONS[self.activation](self.dense(hidden)))
        scores = words.attend(hidden) if self.decoder is None else self.decoder(hidden)
        return scores + self.bias[...].astype(scores.dtype)


class Encoder(nnx.Module):
    """Embeddings, blocks, and perhaps a pooler and a head."""

    def __init__(
        self,
        prefix: str,
        s: EncoderSettings,
        key: jax.Array,
        *,
        positions_from_ids: bool,
        head: Callable[[EncoderSettings, jax.Array], nnx.Module] | None,
    ) -> None:
        self.embeddings = EncoderEmbeddings(prefix, s, key, positions_from_ids)
        self.encoder = Stack(lambda block_key: EncoderBlock(prefix, s, block_key), s.layers, key)
        self.head = None if head is None else head(s, key)
        self.pooler = Pooler(prefix, s, key) if self.head is None or self.head.needs_pooler else None
        self.compute_dtype = "float32"
        # Usable length: RoBERTa's table has pad + 1 rows that no real token takes.
        self.max_positions = s.positions - (s.pad_id + 1 if positions_from_ids else 0)

    def __call__(
        self,
        input_ids: jax.Array,
        *,
        attention_mask: jax.Array | None = None,
        token_type_ids: jax.Array | None = None,
        dropout_key: jax.Array | None = None,
        output_hidden_states: bool = False,
        masked_positions: jax.Array | None = None,
    ) -> ModelOutput:
        """Runs the model.

        Args:
          input_ids: int ``[B, S]``.
          attention_mask: int ``[B, S]``, 0 for padding; None: nothing is padding.
          token_type_ids: int ``[B, S]``; None: zeros.
          dropout_key: a JAX key, None for no dropout.
          output_hidden_states: whether to return each layer's output.
          masked_positions: int ``[B, M]``: where the masked-LM head is wanted; None for everywhere.
        """
        keys = [None] * 3 if dropout_key is None else list(jax.random.split(dropout_key, 3))
        mask = jnp.ones_like(input_ids) if attention_mask is None else attention_mask
        embedded = self.embeddings(input_ids, token_type_ids, jnp.dtype(self.compute_dtype), keys[0])
        last, between = self.encoder(
            embedded, padding_bias(mask), dropout_key=keys[1], output_hidden_states=output_hidden_states
        )
        output = ModelOutput(
            last_hidden_state=last,
            hidden_states=(embedded, *between) if output_hidden_states else None,
            pooler_output=None if self.pooler is None else self.pooler(last),
        )
        if self.head is not None:
            output.logits = self.head(output, self.embeddings.word, masked_positions, keys[2])
        return output


# Rows of the word table and the outputs of the wide products over "tensor", the other dimension over "fsdp".
SHARDING_RULES: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    (r".*word_embeddings\.weight", ("tensor", "fsdp")),
    (r".*(position|token_type)_embeddings\.weight", (None, "fsdp")),
    (r".*attention\.self\.(query|key|value)\.weight", ("tensor", "fsdp")),
    (r".*attention\.self\.(query|key|value)\.bias", ("tensor",)),
    (r".*attention\.output\.dense\.weight", ("fsdp", "tensor")),
    (r".*intermediate\.dense\.weight", ("tensor", "fsdp")),
    (r".*intermediate\.dense\.bias", ("tensor",)),
    (r".*\.output\.dense\.weight", ("fsdp", "tensor")),
    (r".*decoder\.weight", ("tensor", "fsdp")),
    (r".*(predictions|lm_head)\.bias", ("tensor",)),
    (r".*(dense|out_proj)\.weight", (None, "fsdp")),
)
