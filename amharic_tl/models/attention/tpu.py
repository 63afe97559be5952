"""The flash attention that JAX ships for TPUs: the Pallas kernel "splash attention", which skips what a static mask
(causal order, windows) hides and compares segments in the kernel."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from amharic_tl.models.attention.visibility import Visibility

# Lengths are padded to a multiple of the lanes of a TPU; a block is the largest of these that divides them.
LANES = 128
_BLOCKS = (512, 256, LANES)


def tpu_flash_attention(
    query_BSND: jax.Array,
    key_BTKD: jax.Array,
    value_BTKD: jax.Array,
    visible: Visibility,
    *,
    scale: float,
    softcap: float | None = None,
    interpret: bool = False,
) -> jax.Array:
    """``[B, S, N, D]``; arguments as of :func:`~amharic_tl.models.attention.dispatch.dot_product_attention`.

    ``interpret`` runs the kernel step by step on any machine, slowly.
    """
    batch, queries, heads, _ = query_BSND.shape
    keys = key_BTKD.shape[1]
    # The kernel takes no scale.
    scaled_BSND = (query_BSND.astype(jnp.float32) * scale).astype(query_BSND.dtype)
    query_BNSD, key_BKTD, value_BKTD = (
        _padded(array, 1).swapaxes(1, 2) for array in (scaled_BSND, key_BTKD, value_BTKD)
    )
    segments = _segments(visible, batch, queries, keys)

    def with_window(window: int | None) -> Any:
        mask = _mask(visible.causal, window, query_BNSD.shape[2], key_BKTD.shape[2])
        kernel = _kernel(mask, heads, softcap, interpret)
        return lambda: jax.vmap(kernel)(query_BNSD, key_BKTD, value_BKTD, segments)

    distinct = list(dict.fromkeys(visible.windows))
    if len(distinct) == 1 or visible.layer is None:
        attended_BNSD = with_window(distinct[0])()
    else:
        number = jnp.asarray([distinct.index(window) for window in visible.windows], jnp.int32)[visible.layer]
        attended_BNSD = jax.lax.switch(number, [with_window(window) for window in distinct])
    return attended_BNSD.swapaxes(1, 2)[:, :queries].astype(value_BTKD.dtype)


def _padded(array: jax.Array, axis: int) -> jax.Array:
    """With zeros at the end, up to a multiple of the lanes."""
    missing = -array.shape[axis] % LANES
    return jnp.pad(array, [(0, missing if at == axis else 0) for at in range(array.ndim)])


def _segments(visible: Visibility, batch: int, queries: int, keys: int) -> Any:
    """The segments of queries and keys, padding in segment 0; None where every key counts."""
    from jax.experimental.pallas.ops.tpu.splash_attention import SegmentIds

    if not visible.hides_keys and queries % LANES == 0 and keys % LANES == 0:
        return None
    query_segments, key_segments = visible.query_segments_BS, visible.key_segments_BT
    if query_segments is None or key_segments is None:
        query_segments, key_segments = jnp.ones((1, queries), jnp.int32), jnp.ones((1, keys), jnp.int32)
    return SegmentIds(
        *(
            _padded(jnp.broadcast_to(ids, (batch, length)), 1)
            for ids, length in ((query_segments, queries), (key_segments, keys))
        )
    )


def _mask(causal: bool, window: int | None, queries: int, keys: int) -> Any:
    """The static mask of every head."""
    from jax.experimental.pallas.ops.tpu import splash_attention as splash

    shape = (queries, keys)
    if window is not None:
        return splash.LocalMask(shape, (window - 1, 0) if causal else (window // 2, window // 2), 0)
    return splash.CausalMask(shape) if causal else splash.FullMask(shape)


def _kernel(mask: Any, heads: int, softcap: float | None, interpret: bool) -> Any:
    from jax.experimental.pallas.ops.tpu import splash_attention as splash

    query_block, key_block = (next(block for block in _BLOCKS if length % block == 0) for length in mask.shape)
    return splash.make_splash_mha_single_device(
        splash.MultiHeadMask([mask] * heads),
        block_sizes=splash.BlockSizes(
            block_q=query_block,
            block_kv=key_block,
            block_kv_compute=key_block,
            block_q_dkv=query_block,
            block_kv_dkv=key_block,
            block_kv_dkv_compute=key_block,
            block_q_dq=query_block,
            block_kv_dq=key_block,
        ),
        attn_logits_soft_cap=softcap,
        interpret=interpret,
    )
