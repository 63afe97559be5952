"""Sums over rows by group, from which rates, AUCs and Brier scores follow.

They are made under ``jax.jit`` from arrays that may lie on many devices: every sum is over all rows of the global
array, never a mean of devices' means. Counts are integers, so that the number of devices and the order of batches
change nothing. Batches are joined with :meth:`GroupCounts.merge`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp

BINS = 200


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GroupCounts:
    """Sums by group; the last place of each, index ``G``, is over all rows whatever their group.

    Attributes:
      rows: int32 ``[G + 1]``.
      positives: int32 ``[G + 1]``, rows whose label is positive.
      found: int32 ``[G + 1]``, rows decided positive.
      true_positives: int32 ``[G + 1]``, those that are both.
      squared_error: float32 ``[G + 1]``, sum of (score - label)^2.
      histogram: int32 ``[G + 1, 2, B]``, rows by label (0, 1) and bin of the score.
    """

    rows: jax.Array
    positives: jax.Array
    found: jax.Array
    true_positives: jax.Array
    squared_error: jax.Array
    histogram: jax.Array

    def merge(self, other: GroupCounts) -> GroupCounts:
        """The counts of the rows of both.

        Raises:
          ValueError: they count other groups or bins.
        """
        if self.histogram.shape != other.histogram.shape:
            raise ValueError(f"counts of {self.histogram.shape} and {other.histogram.shape} do not merge")
        return jax.tree.map(lambda left, right: left + right, self, other)


@partial(jax.jit, static_argnames="bins")
def count_groups(
    scores_N: jax.Array,
    found_N: jax.Array,
    positive_N: jax.Array,
    groups_NG: jax.Array,
    counted_N: jax.Array,
    bins: int = BINS,
) -> GroupCounts:
    """Counts one batch.

    Args:
      scores_N: float in [0, 1].
      found_N: bool, rows decided positive.
      positive_N: bool, rows whose label is positive.
      groups_NG: bool, the groups of each row; a row may be in several or in none.
      counted_N: bool, False for filler and for rows without a known label.
      bins: of equal width, of the scores' histogram.
    """
    everyone_N1 = jnp.ones((len(scores_N), 1), bool)
    inside_NG = jnp.concatenate([groups_NG, everyone_N1], axis=1) & counted_N[:, None]

    def over(rows_N: jax.Array) -> jax.Array:
        return jnp.sum(inside_NG & rows_N[:, None], axis=0, dtype=jnp.int32)

    scores_N = scores_N.astype(jnp.float32)
    error_N = (scores_N - positive_N.astype(jnp.float32)) ** 2
    bin_N = jnp.clip((scores_N * bins).astype(jnp.int32), 0, bins - 1)
    place_N = positive_N.astype(jnp.int32) * bins + bin_N
    histogram = jax.vmap(
        lambda inside_N: jnp.zeros(2 * bins, jnp.int32).at[place_N].add(inside_N.astype(jnp.int32)), in_axes=1
    )(inside_NG)
    return GroupCounts(
        rows=over(jnp.ones_like(positive_N)),
        positives=over(positive_N),
        found=over(found_N),
        true_positives=over(positive_N & found_N),
        squared_error=jnp.sum(jnp.where(inside_NG, error_N[:, None], 0.0), axis=0),
        histogram=histogram.reshape(-1, 2, bins),
    )
