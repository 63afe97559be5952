"""Distances between the features of an update's training rows and those of unlabelled target rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from amharic_tl.tasks.terms import Need, Part

# Of source features [n, d] and weights [n] (1, 0 for filler), then of target features [m, d] and weights [m].
Distance = Callable[[jax.Array, jax.Array, jax.Array, jax.Array], jax.Array]


@dataclass(frozen=True)
class Alignment:
    """A distance between two sets of features, each a text's mean last hidden state over its tokens.

    The batch carries ``target_input_ids target_attention_mask [R, T]`` and ``target_weights [R]``. Both sets pass with
    dropout, whose noise would otherwise be a difference of domains. It costs a pass over the target rows; under
    accumulation also one more forward pass over both, so that the distance is that of the whole update.
    Known failure: where the labels of the domains are distributed otherwise, equal features raise the error on the
    target (Zhao et al. 2019).

    Attributes:
      name: of the distance.
      weight: its factor in the objective.
      distance: of the two sets.
    """

    name: str
    weight: float
    distance: Distance
    needs: ClassVar[frozenset[Need]] = frozenset()

    def rows(self, part: Part) -> dict[str, Any]:
        """Features and weights of the part's rows."""
        batch = part.batch
        inputs = {name: batch[f"target_{name}"] for name in ("input_ids", "attention_mask")}
        target = part.run(inputs, dropout="target")
        return {
            "source": mean_hidden_state(part.outputs.last_hidden_state, batch["attention_mask"]),
            "source_weights": batch["weights"].astype(jnp.float32),
            "target": mean_hidden_state(target.last_hidden_state, batch["target_attention_mask"]),
            "target_weights": batch["target_weights"].astype(jnp.float32),
        }

    def statistic(self, rows: Any) -> jax.Array:
        """The distance; 0 where either set has fewer than two rows."""
        enough = jnp.minimum(rows["source_weights"].sum(), rows["target_weights"].sum()) > 1
        found = self.distance(rows["source"], rows["source_weights"], rows["target"], rows["target_weights"])
        return jnp.where(enough, found, 0.0)


def mean_hidden_state(hidden_BSH: jax.Array, mask_BS: jax.Array) -> jax.Array:
    """The mean over each text's tokens, special ones included: float32 ``[B, H]``."""
    mask_BS1 = mask_BS[..., None].astype(jnp.float32)
    return jnp.sum(hidden_BSH.astype(jnp.float32) * mask_BS1, axis=1) / jnp.maximum(mask_BS1.sum(axis=1), 1.0)
