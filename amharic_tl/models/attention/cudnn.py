"""cuDNN's flash attention, through ``jax.nn.dot_product_attention``."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from amharic_tl.models.attention.visibility import Visibility


def cudnn_attention(
    query_BSND: jax.Array,
    key_BTKD: jax.Array,
    value_BTKD: jax.Array,
    visible: Visibility,
    *,
    scale: float,
    softcap: float | None = None,
    implementation: Any = "cudnn",
) -> jax.Array:
    """``[B, S, N, D]``; arguments as of :func:`~amharic_tl.models.attention.dispatch.dot_product_attention`.

    ``implementation`` is that of ``jax.nn.dot_product_attention``: with ``xla`` the same call runs anywhere.
    """
    assert softcap is None
    return jax.nn.dot_product_attention(
        query_BSND,
        key_BTKD,
        value_BTKD,
        scale=scale,
        implementation=implementation,
        **mask_arguments(visible, query_BSND.shape[1], key_BTKD.shape[1]),
    )


def mask_arguments(visible: Visibility, queries: int, keys: int) -> dict[str, Any]:
    """How ``jax.nn.dot_product_attention`` is told who may look at whom.

    The kernel itself knows the causal order and a causal window, and skips what they hide. Anything else is a mask, and
    then the window is part of the mask too.
    """
    window = visible.windows[0] if len(set(visible.windows)) == 1 else None
    told_by_flags = not visible.hides_keys and len(set(visible.windows)) == 1 and (visible.causal or window is None)
    if told_by_flags:
        # jax counts the keys before the query's own.
        return {"is_causal": visible.causal, "local_window_size": None if window is None else (window - 1, 0)}
    allowed = visible.allowed
    assert allowed is not None
    # A row that sees nothing (padding) looks everywhere: cuDNN's backward pass can make NaN of a row whose scores are
    # all very negative, and nobody reads what such a row gives.
    allowed = allowed | ~allowed.any(axis=-1, keepdims=True)
    return {"is_causal": visible.causal, "mask": jnp.broadcast_to(allowed, (*allowed.shape[:2], queries, keys))}
