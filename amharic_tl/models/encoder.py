"""The post-norm bidirectional encoder of BERT and RoBERTa (Devlin et al. 2019; Liu et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from amharic_tl.errors import BadInputError
from amharic_tl.models.attention import dot_product_attention, padding_bias
from amharic_tl.models.encoder_settings import EncoderSettings
from amharic_tl.models.heads import HeadInputs, Pooler
from amharic_tl.models.layers import ACTIVATIONS, Embedding, LayerNorm, Linear, dropout, normal
from amharic_tl.models.output import ModelOutput
from amharic_tl.models.stack import Stack


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

    def __call__(
        self, hidden_BSH: jax.Array, bias: jax.Array, dtype: Any, *, dropout_key: jax.Array | None = None
    ) -> jax.Array:
        """float32 ``[B, S, H] -> [B, S, H]``.

        ``bias`` is added to the attention scores, ``dtype`` is that of the products. The residual stream and the norms
        stay in float32: what is rounded there is rounded again at every layer.
        """
        keys = [None] * 3 if dropout_key is None else list(jax.random.split(dropout_key, 3))
        narrow_BSH = hidden_BSH.astype(dtype)
        split = (*hidden_BSH.shape[:2], self.heads, -1)
        attended_BSND = dot_product_attention(
            self.query(narrow_BSH).reshape(split),
            self.key(narrow_BSH).reshape(split),
            self.value(narrow_BSH).reshape(split),
            bias,
            dropout_rate=self.attention_dropout,
            dropout_key=keys[0],
        )
        mixed_BSH = self.output(attended_BSND.reshape(hidden_BSH.shape), output=jnp.float32)
        hidden_BSH = self.attention_norm(hidden_BSH + dropout(mixed_BSH, self.hidden_dropout, keys[1]))
        wide_BSI = ACTIVATIONS[self.activation](self.up(hidden_BSH.astype(dtype)))
        mixed_BSH = self.down(wide_BSI, output=jnp.float32)
        return self.output_norm(hidden_BSH + dropout(mixed_BSH, self.hidden_dropout, keys[2]))


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

    def __call__(
        self, input_ids_BS: jax.Array, token_type_ids_BS: jax.Array | None, key: jax.Array | None
    ) -> jax.Array:
        """``[B, S] -> [B, S, H]`` in float32."""
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
        return dropout(self.norm(summed_BSH), self.rate, key)


class Encoder(nnx.Module):
    """Embeddings, blocks, and perhaps a pooler and a head."""

    def __init__(
        self,
        prefix: str,
        s: EncoderSettings,
        key: jax.Array,
        *,
        positions_from_ids: bool,
        head: Callable[[EncoderSettings, jax.Array], Any] | None,
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

        Raises:
          BadInputError: the input is longer than the position table.
        """
        keys = [None] * 3 if dropout_key is None else list(jax.random.split(dropout_key, 3))
        if input_ids.shape[1] > self.max_positions:
            raise BadInputError(
                f"input_ids are {input_ids.shape[1]} tokens wide, but the model has {self.max_positions} positions; "
                "cut the texts shorter"
            )
        dtype = jnp.dtype(self.compute_dtype)
        mask = jnp.ones_like(input_ids) if attention_mask is None else attention_mask
        embedded = self.embeddings(input_ids, token_type_ids, keys[0])
        last, between = self.encoder(
            embedded, padding_bias(mask), dtype, dropout_key=keys[1], output_hidden_states=output_hidden_states
        )
        output = ModelOutput(
            last_hidden_state=last,
            hidden_states=(embedded, *between) if output_hidden_states else None,
            pooler_output=None if self.pooler is None else self.pooler(last),
        )
        if self.head is not None:
            output.logits = self.head(output, HeadInputs(self.embeddings.word, masked_positions, dtype, keys[2]))
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
