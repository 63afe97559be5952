"""Attention in plain JAX, as XLA compiles it for any machine. Scores and softmax in float32."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from amharic_tl.models.layers import dropout


def xla_attention(
    query_BSND: jax.Array,
    key_BTKD: jax.Array,
    value_BTKD: jax.Array,
    allowed_B1ST: jax.Array | None,
    bias_BNST: jax.Array | None,
    *,
    dropout_rate: float = 0.0,
    dropout_key: jax.Array | None = None,
    scale: float,
    softcap: float | None = None,
) -> jax.Array:
    """``[B, S, N, D]`` in the dtype of the values; arguments as of
    :func:`~amharic_tl.models.attention.dispatch.dot_product_attention`, and ``allowed_B1ST``, bool, where a query may
    look at a key (None: everywhere). A query that may look at nothing gets a mean of all values, and not NaN.
    """
    batch, queries, heads, size = query_BSND.shape
    keys, shared = key_BTKD.shape[1:3]
    query_BSKGD = query_BSND.reshape(batch, queries, shared, heads // shared, size)
    scores_BKGST = jnp.einsum("bskgd,btkd->bkgst", query_BSKGD, key_BTKD, preferred_element_type=jnp.float32)
    scores_BNST = scores_BKGST.reshape(batch, heads, queries, keys) * scale
    if softcap is not None:
        scores_BNST = softcap * jnp.tanh(scores_BNST / softcap)
    if bias_BNST is not None:
        scores_BNST = scores_BNST + bias_BNST
    if allowed_B1ST is not None:
        # Added, not selected: the number is finite, and so the sum needs nothing kept for the gradient.
        scores_BNST = scores_BNST + jnp.where(allowed_B1ST, 0.0, jnp.finfo(jnp.float32).min).astype(jnp.float32)
    probabilities_BNST = jax.nn.softmax(scores_BNST, axis=-1).astype(value_BTKD.dtype)
    probabilities_BNST = dropout(probabilities_BNST, dropout_rate, dropout_key)
    probabilities_BKGST = probabilities_BNST.reshape(scores_BKGST.shape)
    return jnp.einsum("bkgst,btkd->bskgd", probabilities_BKGST, value_BTKD).reshape(query_BSND.shape)
