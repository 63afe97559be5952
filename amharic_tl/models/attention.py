"""Multi-head attention (Vaswani et al. 2017). Scores and softmax in float32."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from amharic_tl.models.layers import dropout


def padding_bias(attention_mask_BS: jax.Array) -> jax.Array:
    """An additive float32 bias ``[B, 1, 1, S]``: 0 for a key that counts, a very negative number for padding.

    The number is finite, so that a row of padding alone gives a mean and not NaN.
    """
    return jnp.where(attention_mask_BS[:, None, None, :] > 0, 0.0, jnp.finfo(jnp.float32).min).astype(jnp.float32)


def dot_product_attention(
    query_BSND: jax.Array,
    key_BTND: jax.Array,
    value_BTND: jax.Array,
    bias: jax.Array | None,
    *,
    dropout_rate: float = 0.0,
    dropout_key: jax.Array | None = None,
    scale: float | None = None,
) -> jax.Array:
    """Attention of S queries over T keys with N heads of size D.

    Args:
      query_BSND: ``[B, S, N, D]``.
      key_BTND: ``[B, T, N, D]``.
      value_BTND: ``[B, T, N, D]``.
      bias: added to the float32 scores, broadcastable to ``[B, N, S, T]``; None for none.
      dropout_rate: of the attention probabilities.
      dropout_key: None for no dropout.
      scale: of the scores, default ``D ** -0.5``.

    Returns:
      ``[B, S, N, D]`` in the dtype of the values.
    """
    scale = 1.0 / math.sqrt(query_BSND.shape[-1]) if scale is None else scale
    scores_BNST = jnp.einsum("bsnd,btnd->bnst", query_BSND, key_BTND, preferred_element_type=jnp.float32) * scale
    if bias is not None:
        scores_BNST = scores_BNST + bias
    probabilities_BNST = jax.nn.softmax(scores_BNST, axis=-1).astype(value_BTND.dtype)
    probabilities_BNST = dropout(probabilities_BNST, dropout_rate, dropout_key)
    return jnp.einsum("bnst,btnd->bsnd", probabilities_BNST, value_BTND)
