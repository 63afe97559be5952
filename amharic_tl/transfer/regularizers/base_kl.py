"""Retention: predictions are to stay near those of the model that training began with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax

from amharic_tl.tasks.base import Batch, Distributional
from amharic_tl.tasks.terms import Need, Part


@dataclass(frozen=True)
class BaseKL:
    """Mean ``KL(P_base || P)`` over the items of the batch: learning without forgetting (Li & Hoiem 2016) at
    temperature 1, on the rows that are trained on.

    The base is the model as training began, without dropout and without gradient; the divergence in this direction
    keeps mass wherever the base has some. For language models it is the pretrained model with its own head. For
    classifiers whose head was drawn anew the base predicts nearly the same for every text, so that the term then
    only discourages certainty; it retains something where the head was trained before.
    One more forward pass, and a second copy of the trainable parameters.
    """

    weight: float
    task: Distributional
    name: ClassVar[str] = "base_kl"
    needs: ClassVar[frozenset[Need]] = frozenset({"initial"})

    def item_weights(self, batch: Batch) -> jax.Array:
        """Those of the loss."""
        return self.task.loss_weights(batch)

    def value(self, part: Part) -> jax.Array:
        """The summed divergence."""
        return self.task.divergence(part.base, part.outputs, part.batch)
