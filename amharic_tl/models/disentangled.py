"""Disentangled attention (He et al. 2021a, 2021b): beside what two tokens say, a score of what one says and how far
away the other stands."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from amharic_tl.models.attention import Visibility


class Relative(NamedTuple):
    """What the blocks of a DeBERTa share.

    Attributes:
      visible: who may look at whom.
      mask_BS: int, 0 for padding.
      table_RH: float32, an embedding of each bucket of distances; None without relative attention.
      rows_ST: int32, the table's row for each query and key.
    """

    visible: Visibility
    mask_BS: jax.Array
    table_RH: jax.Array | None
    rows_ST: jax.Array | None


def relative_rows(length: int, span: int, buckets: int, farthest: int) -> np.ndarray:
    """The row of the table for a query at s and a key at t, from their distance s - t.

    Args:
      length: S, of the input.
      span: half the rows of the table; more distant tokens share the first or last row.
      buckets: up to half of these, every distance has a row of its own, from there on logarithmically wider ranges
        have one; 0: every distance has one.
      farthest: the distance at which the ranges end.

    Returns:
      int32 ``[S, S]``.
    """
    distances_S = np.arange(length)
    if buckets:
        middle = buckets // 2
        # In float32, as the weights were trained: a distance at the edge of a range rounds the same way.
        ratio_S = np.log(np.maximum(distances_S, 1).astype(np.float32) / np.float32(middle))
        end = np.log(np.asarray([(farthest - 1) / middle], np.float32))
        wide_S = np.ceil(ratio_S / end * np.float32(middle - 1)).astype(np.int64) + middle
        distances_S = np.where(distances_S <= middle, distances_S, wide_S)
    signed_ST = np.arange(length)[:, None] - np.arange(length)[None, :]
    buckets_ST = np.sign(signed_ST) * distances_S[np.abs(signed_ST)]
    return np.clip(buckets_ST + span, 0, 2 * span - 1).astype(np.int32)


def relative_scores(
    query_BSND: jax.Array,
    key_BTND: jax.Array,
    position_key_RND: jax.Array | None,
    position_query_RND: jax.Array | None,
    rows_ST: jax.Array,
) -> jax.Array:
    """Content to position, and position to content: the unscaled float32 sum of both, ``[B, N, S, T]``.

    Args:
      query_BSND: of the tokens.
      key_BTND: of the tokens.
      position_key_RND: keys of the rows of the table; None without content-to-position scores.
      position_query_RND: queries of the rows; None without position-to-content scores.
      rows_ST: as :func:`relative_rows` gives them.
    """
    batch, length, heads, _ = query_BSND.shape
    scores_BNST = jnp.zeros((batch, heads, length, key_BTND.shape[1]), jnp.float32)
    if position_key_RND is not None:
        by_row_BNSR = jnp.einsum("bsnd,rnd->bnsr", query_BSND, position_key_RND, preferred_element_type=jnp.float32)
        scores_BNST += jnp.take_along_axis(by_row_BNSR, rows_ST[None, None], axis=-1)
    if position_query_RND is not None:
        # Seen from the key, the query stands at minus its distance from the key: the same row.
        by_row_BNTR = jnp.einsum("btnd,rnd->bntr", key_BTND, position_query_RND, preferred_element_type=jnp.float32)
        scores_BNST += jnp.take_along_axis(by_row_BNTR, rows_ST.T[None, None], axis=-1).swapaxes(-1, -2)
    return scores_BNST


def score_scale(size: int, terms: int) -> float:
    """What scores are multiplied by: ``(size * (1 + terms)) ** -0.5``, where ``terms`` are added to the content's."""
    return 1.0 / math.sqrt(size * (1 + terms))
