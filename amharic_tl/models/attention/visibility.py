"""Who may look at whom, kept in its parts: each implementation of attention takes the form that it understands."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp


def _static(default: Any) -> Any:
    return field(default=default, metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Visibility:
    """Which of T keys each of S queries may look at. Without arguments: all of them.

    Attributes:
      allowed: bool, broadcastable to ``[B, 1, S, T]``, all that follows in one mask; None: nothing is hidden. Where
        layers differ in their windows there is one for each of ``windows``, along a first axis, until
        :meth:`for_layer` has picked one.
      query_segments_BS: int32 ``[B, S]``, the document of each query; None: one document, and no key is hidden.
      key_segments_BT: int32 ``[B, T]``, the document of each key, 0 for keys that nobody may look at.
      layer: int32 scalar, which of the ``windows`` is this layer's; None where all layers have the same.
      causal: whether a query sees itself and what came before only.
      windows: what narrows the sight of a layer; a causal query sees the ``window`` newest keys, itself among them, any
        other the keys within ``window // 2`` places on either side; None: no window.
      whole: whether queries and keys stand at places 0, 1, 2, ...; not so in decoding, where the keys are a cache.
      path: what the user asked for, one of :data:`~amharic_tl.models.attention.paths.CHOICES`.
    """

    allowed: jax.Array | None = None
    query_segments_BS: jax.Array | None = None
    key_segments_BT: jax.Array | None = None
    layer: jax.Array | None = None
    causal: bool = _static(False)
    windows: tuple[int | None, ...] = _static((None,))
    whole: bool = _static(True)
    path: str = _static("auto")

    @staticmethod
    def of(
        queries: int,
        keys: int,
        *,
        key_mask_BT: jax.Array | None = None,
        segments_BS: jax.Array | None = None,
        causal: bool = False,
        windows: Sequence[int | None] = (None,),
        path: str = "auto",
    ) -> Visibility:
        """Of whole sequences.

        Args:
          queries: S.
          keys: T; equal to S where ``causal``, ``windows`` or ``segments_BS`` are given.
          key_mask_BT: ``[B, T]``, 0 for padding; None: all keys count.
          segments_BS: int ``[B, S]``, the document of each token; None: one document.
          causal: as the attribute.
          windows: as the attribute.
          path: as the attribute.
        """
        query_segments_BS = key_segments_BT = None
        if segments_BS is not None:
            query_segments_BS = key_segments_BT = segments_BS.astype(jnp.int32)
        elif key_mask_BT is not None:
            query_segments_BS = jnp.ones((key_mask_BT.shape[0], queries), jnp.int32)
            key_segments_BT = jnp.ones_like(key_mask_BT, jnp.int32)
        if key_mask_BT is not None and key_segments_BT is not None:
            key_segments_BT = jnp.where(key_mask_BT > 0, key_segments_BT, 0)
        places_S, places_T = jnp.arange(queries, dtype=jnp.int32), jnp.arange(keys, dtype=jnp.int32)
        masks = [
            _mask(places_S, places_T, key_mask_BT, segments_BS, causal, window) for window in dict.fromkeys(windows)
        ]
        return Visibility(
            _stacked(masks, windows), query_segments_BS, key_segments_BT, None, causal, tuple(windows), True, path
        )

    @staticmethod
    def cached(start: Any, queries: int, key_mask_BT: jax.Array, windows: Sequence[int | None] = (None,)) -> Visibility:
        """Of queries in the slots ``start`` (int32 scalar, may be traced) to ``start + queries`` of a cache.

        A query sees the slots up to its own whose mask is 1, of these the newest ones where there is a window.
        """
        slots_S = start + jnp.arange(queries, dtype=jnp.int32)
        slots_T = jnp.arange(key_mask_BT.shape[1], dtype=jnp.int32)
        masks = [_mask(slots_S, slots_T, key_mask_BT, None, True, window) for window in dict.fromkeys(windows)]
        return Visibility(_stacked(masks, windows), causal=True, windows=tuple(windows), whole=False)

    def for_layer(self, number: jax.Array | None) -> Visibility:
        """What holds for a layer with window ``number`` (int32 scalar, may be traced; None: all layers are alike)."""
        if len(set(self.windows)) == 1 or number is None or self.allowed is None:
            return self
        return dataclasses.replace(self, allowed=self.allowed[number], layer=number)

    @property
    def hides_keys(self) -> bool:
        """Whether there is padding or more than one document, as far as a program that is not yet run can know."""
        return self.key_segments_BT is not None


def _mask(
    query_places_S: jax.Array,
    key_places_T: jax.Array,
    key_mask_BT: jax.Array | None,
    segments_BS: jax.Array | None,
    causal: bool,
    window: int | None,
) -> jax.Array | None:
    """bool, broadcastable to ``[B, 1, S, T]``; None where nothing is hidden."""
    distance_11ST = (query_places_S[:, None] - key_places_T[None, :])[None, None]
    parts = []
    if causal:
        parts.append(distance_11ST >= 0)
    if window is not None:
        parts.append(distance_11ST < window if causal else jnp.abs(distance_11ST) <= window // 2)
    if key_mask_BT is not None:
        parts.append(key_mask_BT[:, None, None, :] > 0)
    if segments_BS is not None:
        parts.append(segments_BS[:, None, :, None] == segments_BS[:, None, None, :])
    allowed = None
    for part in parts:
        allowed = part if allowed is None else allowed & part
    return allowed


def _stacked(masks: Sequence[jax.Array | None], windows: Sequence[int | None]) -> jax.Array | None:
    """One mask for each of ``windows``; ``masks`` are those of the distinct ones. A single one is not stacked."""
    distinct = list(dict.fromkeys(windows))
    if len(distinct) == 1:
        return masks[0]
    filled = [jnp.ones((1, 1, 1, 1), bool) if mask is None else mask for mask in masks]
    broadcast = jnp.broadcast_arrays(*filled)
    return jnp.stack([broadcast[distinct.index(window)] for window in windows])
