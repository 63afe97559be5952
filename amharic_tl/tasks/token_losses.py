"""Cross-entropy over a vocabulary in chunks, so that the logits of a whole batch never exist at once.

What is trained on is in :mod:`~amharic_tl.tasks.chunked_loss`; here is what is judged, token by token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from amharic_tl.distributed.mesh import row_shards
from amharic_tl.models.remat import rematerialised

# Float32 logits that may exist at once on a device: 256 MiB.
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

    The sequence is cut, never the batch, so that a batch that is split over devices stays split. For a loss that is
    trained on, :func:`~amharic_tl.tasks.chunked_loss.chunked_loss` computes each chunk's logits once and not twice.

    Args:
      logits_of: ``[B, s, H]`` to float32 logits ``[B, s, V]``.
      hidden_BSH: what it is applied to.
      labels_BS: int; any token will do where nothing is to be learned.
      ranked: whether to find out what is likeliest; otherwise the second result is zeros.
      chunk_logits: how many logits a chunk may have on a device, at least those of one position of each row.
    """

    def losses(hidden_BsH: jax.Array, labels_Bs: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits_BsV = logits_of(hidden_BsH).astype(jnp.float32)
        picked_Bs = jnp.take_along_axis(logits_BsV, labels_Bs[..., None], axis=-1)[..., 0]
        right_Bs = logits_BsV.argmax(axis=-1) == labels_Bs if ranked else jnp.zeros(labels_Bs.shape, bool)
        return jax.nn.logsumexp(logits_BsV, axis=-1) - picked_Bs, right_Bs

    positions = chunk_logits * row_shards(hidden_BSH) // vocabulary_of(logits_of, hidden_BSH)
    nats_BS, right_BS = _in_chunks(losses, (hidden_BSH, labels_BS), positions)
    return nats_BS, right_BS.astype(jnp.float32)


# What turns hidden states into float32 logits, and hidden states.
Headed = tuple[Callable[[jax.Array], jax.Array], jax.Array]


def token_divergences(first: Headed, second: Headed, *, chunk_logits: int = CHUNK_LOGITS) -> jax.Array:
    """KL(P || Q) of two models' next-token distributions in nats, float32 ``[B, S]``; P is the first one's.

    Args:
      first: what is applied to its hidden states ``[B, S, H]``, and these.
      second: the same of the other.
      chunk_logits: how many logits of either a chunk may have, as of :func:`token_losses`.
    """

    def divergences(hidden_BsH: jax.Array, other_BsH: jax.Array) -> tuple[jax.Array]:
        logits = first[0](hidden_BsH), second[0](other_BsH)
        log_p_BsV, log_q_BsV = (jax.nn.log_softmax(of.astype(jnp.float32), axis=-1) for of in logits)
        return (jnp.sum(jnp.exp(log_p_BsV) * (log_p_BsV - log_q_BsV), axis=-1),)

    positions = chunk_logits * row_shards(first[1]) // vocabulary_of(*first)
    return _in_chunks(divergences, (first[1], second[1]), positions)[0]


def token_js(
    first: Headed, second: Headed, left_out: Sequence[int] = (), *, chunk_logits: int = CHUNK_LOGITS
) -> jax.Array:
    """Jensen-Shannon divergence (Lin 1991) of two next-token distributions in nats, float32 ``[B, S]``, 0 to ln 2.

    ``JS = (KL(P || M) + KL(Q || M)) / 2`` with ``M = (P + Q) / 2``. Both get gradients.

    Args:
      first: what is applied to its hidden states ``[B, S, H]``, and these.
      second: the same of the other.
      left_out: tokens that both distributions are taken without.
      chunk_logits: how many logits of either a chunk may have, as of :func:`token_losses`.
    """

    def divergences(hidden_BsH: jax.Array, other_BsH: jax.Array) -> tuple[jax.Array]:
        logits = [of.astype(jnp.float32) for of in (first[0](hidden_BsH), second[0](other_BsH))]
        if left_out:
            # Finite, so that nothing of what is left out is 0 times infinity.
            logits = [jnp.where(np.isin(np.arange(of.shape[-1]), left_out), -1e30, of) for of in logits]
        log_p_BsV, log_q_BsV = (jax.nn.log_softmax(of, axis=-1) for of in logits)
        log_m_BsV = jnp.logaddexp(log_p_BsV, log_q_BsV) - jnp.log(2.0)
        halves = (jnp.sum(jnp.exp(of) * (of - log_m_BsV), axis=-1) for of in (log_p_BsV, log_q_BsV))
        return (0.5 * sum(halves, jnp.zeros(())),)

    vocabulary = jax.eval_shape(first[0], first[1][:, :1]).shape[-1]
    positions = chunk_logits * row_shards(first[1]) // vocabulary
    return _in_chunks(divergences, (first[1], second[1]), positions)[0]


def _in_chunks(
    function: Callable[..., tuple[jax.Array, ...]], arrays: tuple[jax.Array, ...], positions: int
) -> tuple[jax.Array, ...]:
    """``function`` of stretches ``[B, s, ...]`` of ``arrays``, its results ``[B, S]``.

    The positions of a chunk are at most ``positions`` over all rows, but one of each row at least.
    """
    batch, length = arrays[0].shape[:2]
    chunks, size = chunk_sizes(batch, length, positions)
    forgetful = rematerialised(function, "full", in_scan=chunks > 1)
    if chunks == 1:
        return forgetful(*arrays)
    pieces = tuple(cut(array, chunks, size) for array in arrays)
    _, parts = jax.lax.scan(lambda _, part: (None, forgetful(*part)), None, pieces)
    return tuple(joined(part, length) for part in parts)


def vocabulary_of(logits_of: Callable[[jax.Array], jax.Array], hidden_BSH: jax.Array) -> int:
    """V of the logits ``[B, S, V]``; nothing is computed."""
    return int(jax.eval_shape(logits_of, hidden_BSH[:, :1]).shape[-1])


def chunk_sizes(batch: int, length: int, positions: int) -> tuple[int, int]:
    """How many chunks ``length`` places of ``batch`` rows are cut into, and how many places each has, where a chunk may
    have ``positions`` places over all rows, but one of each row at least.
    """
    chunks = min(length, -(-batch * length // max(positions, 1)))
    size = -(-length // chunks)
    return -(-length // size), size


def cut(array: jax.Array, chunks: int, size: int) -> jax.Array:
    """``[B, S, ...]`` to ``[chunks, B, size, ...]``, the last filled with zeros."""
    padded = jnp.pad(array, ((0, 0), (0, chunks * size - array.shape[1]), *((0, 0),) * (array.ndim - 2)))
    return padded.reshape(array.shape[0], chunks, size, *array.shape[2:]).swapaxes(0, 1)


def joined(parts: jax.Array, length: int) -> jax.Array:
    """What :func:`cut` cut, or a result of each of its places: ``[chunks, B, size, ...]`` to ``[B, length, ...]``."""
    chunks, batch, size = parts.shape[:3]
    return parts.swapaxes(0, 1).reshape(batch, chunks * size, *parts.shape[3:])[:, :length]
