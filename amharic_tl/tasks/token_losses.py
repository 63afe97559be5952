"""Cross-entropy over a vocabulary in chunks, so that the logits of a whole batch never exist at once."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

# Float32 logits that may exist at once: 256 MiB.
CHUNK_LOGITS = 2**26


def token_losses(
    logits_of: Callable[[jax.Array], jax.Array],
    hidden_BSH: jax.Array,
    labels_BS: jax.Array,
    *,
    ranked: bool = False,
    chunk_logits: int = CHUNK_LOGITS,
) -> tuple[jax.Array, jax.Array]:
    """Cross-entropy of each label in nats, float32 ``[B, S]``, and whether the label is the likeliest token.

    The sequence is cut, never the batch, so that a batch that is split over devices stays split. The backward pass
    computes each chunk's logits once more.

    Args:
      logits_of: ``[B, s, H]`` to float32 logits ``[B, s, V]``.
      hidden_BSH: what it is applied to.
      labels_BS: int; any token will do where nothing is to be learned.
      ranked: whether to find out what is likeliest; otherwise the second result is zeros.
      chunk_logits: how many logits a chunk may have, at least those of one position of each row.
    """
    batch, length = labels_BS.shape
    vocabulary = jax.eval_shape(logits_of, hidden_BSH[:, :1]).shape[-1]
    chunks = min(length, -(-batch * length * vocabulary // chunk_logits))
    size = -(-length // chunks)
    chunks = -(-length // size)

    @jax.checkpoint
    def losses(hidden_BsH: jax.Array, labels_Bs: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits_BsV = logits_of(hidden_BsH).astype(jnp.float32)
        picked_Bs = jnp.take_along_axis(logits_BsV, labels_Bs[..., None], axis=-1)[..., 0]
        right_Bs = logits_BsV.argmax(axis=-1) == labels_Bs if ranked else jnp.zeros(labels_Bs.shape, bool)
        return jax.nn.logsumexp(logits_BsV, axis=-1) - picked_Bs, right_Bs

    if chunks == 1:
        nats_BS, right_BS = losses(hidden_BSH, labels_BS)
        return nats_BS, right_BS.astype(jnp.float32)

    def cut(x: jax.Array) -> jax.Array:
        padded = jnp.pad(x, ((0, 0), (0, chunks * size - length), *((0, 0),) * (x.ndim - 2)))
        return padded.reshape(batch, chunks, size, *x.shape[2:]).swapaxes(0, 1)

    _, parts = jax.lax.scan(lambda _, part: (None, losses(*part)), None, (cut(hidden_BSH), cut(labels_BS)))
    nats_BS, right_BS = (part.swapaxes(0, 1).reshape(batch, -1)[:, :length] for part in parts)
    return nats_BS, right_BS.astype(jnp.float32)
