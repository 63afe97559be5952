"""The post-norm bidirectional encoder of BERT and RoBERTa (Devlin et al. 2019; Liu et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from amharic_tl.models.attention import Visibility, dot_product_attention
from amharic_tl.models.encoder_settings import EncoderSettings
from amharic_tl.models.heads import HeadInputs, Pooler
from amharic_tl.models.layers import ACTIVATIONS, Embedding, LayerNorm, Linear, dropout, normal, together
from amharic_tl.models.output import ModelOutput
from amharic_tl.models.positions import refuse_longer
from amharic_tl.models.stack import Stack


class EncoderBlock(nnx.Module):
    """Self-attention and a feed-forward layer, each with a residual and a norm: after the sum (Devlin et al. 2019), or
    with ``pre_norm`` before the layer (Xiong et al. 2020).
    """

    def __init__(self, prefix: str, s: EncoderSettings, key: jax.Array) -> None:
        init, names = normal(s.deviation), s.names
        name = f"{prefix}{names.layer}."
        self.heads, self.activation, self.pre_norm = s.heads, s.activation, s.pre_norm
        self.hidden_dropout, self.attention_dropout = s.hidden_dropout, s.attention_dropout
        self.feed_forward_dropout = s.feed_forward_dropout
        self.query = Linear(name + names.query, s.hidden, s.hidden, init, key)
        self.key = Linear(name + names.key, s.hidden, s.hidden, init, key)
        self.value = Linear(name + names.value, s.hidden, s.hidden, init, key)
        self.output = Linear(name + names.attended, s.hidden, s.hidden, init, key)
        self.attention_norm = LayerNorm(name + names.attention_norm, s.hidden, s.epsilon, key)
        self.up = Linear(name + names.up, s.hidden, s.intermediate, init, key)
        self.down = Linear(name + names.down, s.intermediate, s.hidden, init, key)
        self.output_norm = LayerNorm(name + names.output_norm, s.hidden, s.epsilon, key)

    def __call__(
        self, hidden_BSH: jax.Array, context: Any, dtype: Any, *, dropout_key: jax.Array | None = None
    ) -> jax.Array:
        """float32 ``[B, S, H] -> [B, S, H]``.

        ``context`` is what :meth:`attend` needs, ``dtype`` is that of the products. The residual stream and the norms
        stay in float32: what is rounded there is rounded again at every layer.
        """
        keys = [None] * 3 if dropout_key is None else list(jax.random.split(dropout_key, 3))
        mixed_BSH = self._attention(
            self.attention_norm(hidden_BSH) if self.pre_norm else hidden_BSH, context, dtype, keys[0]
        )
        hidden_BSH = hidden_BSH + dropout(mixed_BSH, self.hidden_dropout, keys[1])
        if not self.pre_norm:
            hidden_BSH = self.attention_norm(hidden_BSH)
        mixed_BSH = self._feed_forward(self.output_norm(hidden_BSH) if self.pre_norm else hidden_BSH, dtype)
        hidden_BSH = hidden_BSH + dropout(mixed_BSH, self.feed_forward_dropout, keys[2])
        return hidden_BSH if self.pre_norm else self.output_norm(hidden_BSH)

    def _attention(self, x_BSH: jax.Array, context: Any, dtype: Any, key: jax.Array | None) -> jax.Array:
        narrow_BSH = x_BSH.astype(dtype)
        query_BSND, key_BSND, value_BSND = (
            projected.reshape(*x_BSH.shape[:2], self.heads, -1)
            for projected in together(narrow_BSH, self.query, self.key, self.value)
        )
        attended_BSND = self.attend(query_BSND, key_BSND, value_BSND, context, key)
        return self.output(attended_BSND.reshape(x_BSH.shape), output=jnp.float32)

    def attend(
        self,
        query_BSND: jax.Array,
        key_BSND: jax.Array,
        value_BSND: jax.Array,
        context: Any,
        dropout_key: jax.Array | None,
    ) -> jax.Array:
        """``[B, S, N, D]``; ``context`` is who may look at whom."""
        return dot_product_attention(
            query_BSND,
            key_BSND,
            value_BSND,
            context,
            dropout_rate=self.attention_dropout,
            dropout_key=dropout_key,
        )

    def _feed_forward(self, x_BSH: jax.Array, dtype: Any) -> jax.Array:
        wide_BSI = ACTIVATIONS[self.activation](self.up(x_BSH.astype(dtype)))
        return self.down(wide_BSI, output=jnp.float32)


class EncoderEmbeddings(nnx.Module):
    """Word, position and type tables, summed, normed and dropped."""

    def __init__(self, prefix: str, s: EncoderSettings, key: jax.Array) -> None:
        name = f"{prefix}embeddings"
        init, size = normal(s.deviation), s.embedding
        self.word = Embedding(f"{name}.word_embeddings", s.vocabulary, size, init, key)
        self.position = (
            Embedding(f"{name}.position_embeddings", s.positions, size, init, key) if s.position_table else None
        )
        self.type = Embedding(f"{name}.token_type_embeddings", s.types, size, init, key) if s.types else None
        self.norm = LayerNorm(f"{name}.LayerNorm", size, s.epsilon, key) if s.embedding_norm else None
        self.rate, self.pad_id, self.positions_from_ids = s.hidden_dropout, s.pad_id, s.positions_from_ids

    def __call__(
        self, input_ids_BS: jax.Array, token_type_ids_BS: jax.Array | None, key: jax.Array | None
    ) -> jax.Array:
        """``[B, S] -> [B, S, H]`` in float32."""
        summed_BSH = self.summed(input_ids_BS, token_type_ids_BS)
        return dropout(summed_BSH if self.norm is None else self.norm(summed_BSH), self.rate, key)

    def summed(self, input_ids_BS: jax.Array, token_type_ids_BS: jax.Array | None) -> jax.Array:
        """The sum of the tables' rows, float32 ``[B, S, E]``."""
        summed_BSE = self.word(input_ids_BS).astype(jnp.float32)
        if self.position is not None:
            summed_BSE = summed_BSE + self.position(self._positions(input_ids_BS)).astype(jnp.float32)
        if self.type is not None:
            types_BS = jnp.zeros_like(input_ids_BS) if token_type_ids_BS is None else token_type_ids_BS
            summed_BSE = summed_BSE + self.type(types_BS).astype(jnp.float32)
        return summed_BSE

    def _positions(self, input_ids_BS: jax.Array) -> jax.Array:
        if self.positions_from_ids:
            # RoBERTa: real tokens count from pad + 1, padding takes the row of pad; from the ids, not from the mask.
            real_BS = (input_ids_BS != self.pad_id).astype(jnp.int32)
            return jnp.cumsum(real_BS, axis=1) * real_BS + self.pad_id
        return jnp.broadcast_to(jnp.arange(input_ids_BS.shape[1]), input_ids_BS.shape)


class Encoder(nnx.Module):
    """Embeddings, blocks, and perhaps a final norm, a pooler and a head."""

    def __init__(
        self,
        embeddings: Any,
        encoder: Stack,
        *,
        head: Any,
        pooler: Pooler | None = None,
        final_norm: LayerNorm | None = None,
        max_positions: int,
    ) -> None:
        self.embeddings, self.encoder, self.final_norm = embeddings, encoder, final_norm
        self.head, self.pooler = head, pooler
        self.compute_dtype = "float32"
        self.attention_path = "auto"
        self.windows: tuple[int | None, ...] = (None,)
        self.max_positions = max_positions

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
          token_type_ids: int ``[B, S]``; None: zeros. Families without type tables take no notice.
          dropout_key: a JAX key, None for no dropout.
          output_hidden_states: whether to return each layer's output.
          masked_positions: int ``[B, M]``: where the masked-LM head is wanted; None for everywhere.

        Raises:
          BadInputError: the input is longer than the position table.
        """
        keys = [None] * 3 if dropout_key is None else list(jax.random.split(dropout_key, 3))
        refuse_longer("input_ids", input_ids.shape[1], self.max_positions)
        dtype = jnp.dtype(self.compute_dtype)
        mask_BS = jnp.ones_like(input_ids) if attention_mask is None else attention_mask
        length = input_ids.shape[1]
        visible = Visibility.of(
            length, length, key_mask_BT=attention_mask, windows=self.windows, path=self.attention_path
        )
        embedded = self.embeddings(input_ids, token_type_ids, keys[0])
        last, between = self.encoder(
            embedded,
            *self.block_arguments(visible, mask_BS, dtype),
            dropout_key=keys[1],
            output_hidden_states=output_hidden_states,
        )
        if self.final_norm is not None:
            last = self.final_norm(last)
            between = (*between[:-1], last)
        output = self._finish(last, mask_BS, masked_positions, keys[2])
        output.hidden_states = (embedded, *between) if output_hidden_states else None
        return output

    def from_hidden(
        self, last_hidden_state: jax.Array, input_ids: jax.Array, attention_mask: jax.Array | None = None
    ) -> ModelOutput:
        """The output of a call without dropout, from the last hidden state ``[B, S, H]`` that it would come to."""
        mask_BS = jnp.ones_like(input_ids) if attention_mask is None else attention_mask
        return self._finish(last_hidden_state, mask_BS, None, None)

    def token_logits(self, hidden_BSH: jax.Array) -> jax.Array:
        """The masked-LM head's float32 logits ``[B, S, V]`` of last hidden states, or of some of them."""
        mask_BS = jnp.ones(hidden_BSH.shape[:2], jnp.int32)
        inputs = HeadInputs(self.embeddings.word, None, jnp.dtype(self.compute_dtype), None, mask_BS)
        logits: jax.Array = self.head(ModelOutput(last_hidden_state=hidden_BSH), inputs)
        return logits

    def _finish(
        self, last: jax.Array, mask_BS: jax.Array, masked_positions: jax.Array | None, key: jax.Array | None
    ) -> ModelOutput:
        output = ModelOutput(last_hidden_state=last, pooler_output=None if self.pooler is None else self.pooler(last))
        if self.head is not None:
            dtype = jnp.dtype(self.compute_dtype)
            output.logits = self.head(output, HeadInputs(self.embeddings.word, masked_positions, dtype, key, mask_BS))
        return output

    def block_arguments(self, visible: Visibility, mask_BS: jax.Array, dtype: Any) -> tuple[Any, ...]:
        """What every block is called with beside the hidden states."""
        del mask_BS
        return visible, dtype


def bert_encoder(
    prefix: str,
    s: EncoderSettings,
    key: jax.Array,
    head: Callable[[EncoderSettings, jax.Array], Any] | None,
    *,
    embeddings: type[EncoderEmbeddings] = EncoderEmbeddings,
) -> Encoder:
    """The encoder of BERT and those built like it, with the head of a task (None: the backbone)."""
    made = None if head is None else head(s, key)
    pooled = s.pooler if made is None else made.needs_pooler
    return Encoder(
        embeddings(prefix, s, key),
        Stack(lambda block_key: EncoderBlock(prefix, s, block_key), s.layers, key),
        head=made,
        pooler=Pooler(prefix, s, key) if pooled else None,
        final_norm=LayerNorm(f"{prefix}encoder.LayerNorm", s.hidden, s.epsilon, key) if s.pre_norm else None,
        max_positions=s.usable_positions,
    )


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
