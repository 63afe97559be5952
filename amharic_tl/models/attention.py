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


def allowed_bias(
    query_positions_BS: jax.Array,
    key_positions_BT: jax.Array,
    key_mask_BT: jax.Array | None,
    *,
    causal: bool,
    window: int | None = None,
    query_segments_BS: jax.Array | None = None,
    key_segments_BT: jax.Array | None = None,
) -> jax.Array:
    """An additive float32 bias ``[B, 1, S, T]``: 0 where a query may look at a key, a very negative number elsewhere.

    Args:
      query_positions_BS: int, the place of each query in its sequence.
      key_positions_BT: int, the place of each key.
      key_mask_BT: int, 0 for keys that nobody may look at (padding, empty places of a cache); None: all count.
      causal: whether a query sees itself and what came before only.
      window: a causal query sees the ``window`` newest keys, itself among them; otherwise, keys within ``window // 2``
        places on either side.
      query_segments_BS: int, the document of each query; None: one document.
      key_segments_BT: int, the document of each key.
    """
    distance_BST = query_positions_BS[:, :, None] - key_positions_BT[:, None, :]
    allowed_BST = jnp.ones_like(distance_BST, bool)
    if causal:
        allowed_BST &= distance_BST >= 0
    if window is not None:
        allowed_BST &= distance_BST < window if causal else jnp.abs(distance_BST) <= window // 2
    if key_mask_BT is not None:
        allowed_BST &= key_mask_BT[:, None, :] > 0
    if query_segments_BS is not None and key_segments_BT is not None:
        allowed_BST &= query_segments_BS[:, :, None] == key_segments_BT[:, None, :]
    return jnp.where(allowed_BST[:, None], 0.0, jnp.finfo(jnp.float32).min).astype(jnp.float32)


def dot_product_attention(
    query_BSND: jax.Array,
    key_BTKD: jax.Array,
    value_BTKD: jax.Array,
    bias: jax.Array | None,
    *,
    dropout_rate: float = 0.0,
    dropout_key: jax.Array | None = None,
    scale: float | None = None,
    softcap: float | None = None,
) -> jax.Array:
    """Attention of S queries over T keys with N heads of size D.

    Args:
      query_BSND: ``[B, S, N, D]``.
      key_BTKD: ``[B, T, K, D]``; K divides N, and N / K neighbouring heads of the queries share a head of the keys
        (grouped-query attention, Ainslie et al. 2023).
      value_BTKD: ``[B, T, K, D]``.
      bias: added to the float32 scores, broadcastable to ``[B, N, S, T]``; None for none.
      dropout_rate: of the attention probabilities.
      dropout_key: None for no dropout.
      scale: of the scores, default ``D ** -0.5``.
      softcap: scores are squeezed to ``softcap * tanh(scores / softcap)`` before the bias (Gemma 2); None: not.

    Returns:
      ``[B, S, N, D]`` in the dtype of the values.
    """
    scale = 1.0 / math.sqrt(query_BSND.shape[-1]) if scale is None else scale
    batch, queries, heads, size = query_BSND.shape
    keys, shared = key_BTKD.shape[1:3]
    query_BSKGD = query_BSND.reshape(batch, queries, shared, heads // shared, size)
    scores_BKGST = jnp.einsum("bskgd,btkd->bkgst", query_BSKGD, key_BTKD, preferred_element_type=jnp.float32)
    scores_BNST = scores_BKGST.reshape(batch, heads, queries, keys) * scale
    if softcap is not None:
        scores_BNST = softcap * jnp.tanh(scores_BNST / softcap)
    if bias is not None:
        scores_BNST = scores_BNST + bias
    probabilities_BNST = jax.nn.softmax(scores_BNST, axis=-1).astype(value_BTKD.dtype)
    probabilities_BNST = dropout(probabilities_BNST, dropout_rate, dropout_key)
    probabilities_BKGST = probabilities_BNST.reshape(scores_BKGST.shape)
    return jnp.einsum("bkgst,btkd->bskgd", probabilities_BKGST, value_BTKD).reshape(query_BSND.shape)
