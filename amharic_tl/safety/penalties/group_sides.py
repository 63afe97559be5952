"""Whom a penalty on groups compares with whom: the rows that name a group, and those that name others of its axis.

A row may name several groups. What it is compared with is what the monitor compares it with: rows that name other
groups of the axis and not this one. Rows that name nobody are compared with nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

Labels = Literal["any", "harmless", "harmful"]


def sides(
    groups_NG: jax.Array, harmful_N: jax.Array, counted_N: jax.Array, axes: Sequence[str], labels: Sequence[Labels]
) -> tuple[jax.Array, jax.Array]:
    """Both sides of every comparison, float32 ``[N, C]`` of 0 and 1: a comparison for each of ``labels`` and group.

    Args:
      groups_NG: 1 where a row names a group.
      harmful_N: bool, rows whose label is harm.
      counted_N: 0 for filler.
      axes: the axis of each group.
      labels: the rows that are compared: whatever their label, or those of one kind alone.

    Returns:
      The rows that name the group, and those that name others of its axis.
    """
    named_NG = groups_NG > 0
    same_axis_GG = np.asarray(axes)[:, None] == np.asarray(axes)[None]
    others_of_GG = (same_axis_GG & ~np.eye(len(axes), dtype=bool)).astype(np.float32)
    others_NG = (named_NG.astype(jnp.float32) @ others_of_GG > 0) & ~named_NG
    of_label = {"any": jnp.ones_like(harmful_N), "harmless": ~harmful_N, "harmful": harmful_N}
    kept = [(of_label[label] & (counted_N > 0))[:, None] for label in labels]

    def of(rows_NG: jax.Array) -> jax.Array:
        return jnp.concatenate([rows_NG & rows_N1 for rows_N1 in kept], axis=1).astype(jnp.float32)

    return of(named_NG), of(others_NG)


def compared(members_NC: jax.Array, others_NC: jax.Array) -> jax.Array:
    """bool ``[C]``: comparisons with rows on both sides."""
    return (members_NC.sum(axis=0) > 0) & (others_NC.sum(axis=0) > 0)


def mean_over(values_C: jax.Array, there_C: jax.Array) -> jax.Array:
    """The mean of the values that are there, 0 where none is; the others have no gradient, whatever they are."""
    count = jnp.sum(there_C)
    return jnp.sum(jnp.where(there_C, values_C, 0.0)) / jnp.maximum(count, 1)


def means(values_N: jax.Array, rows_NC: jax.Array) -> jax.Array:
    """Mean value ``[C]`` of the rows of each column; 0 for a column without rows."""
    return values_N @ rows_NC / jnp.maximum(rows_NC.sum(axis=0), 1.0)


def squared_differences(
    scores_N: jax.Array,
    groups_NG: jax.Array,
    harmful_N: jax.Array,
    counted_N: jax.Array,
    axes: Sequence[str],
    labels: Sequence[Labels],
) -> jax.Array:
    """Mean over comparisons of ``(mean score of the group - mean score of the others)^2``, float32.

    Comparisons that lack a side are left out; without any the value is 0. Arguments as of :func:`sides`.
    """
    members_NC, others_NC = sides(groups_NG, harmful_N, counted_N, axes, labels)
    difference_C = means(scores_N, members_NC) - means(scores_N, others_NC)
    return mean_over(jnp.square(difference_C), compared(members_NC, others_NC))
