"""Retention: predictions are to stay near those of the model that training began with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import jax

from amharic_tl.tasks.base import Batch, Distributional
from amharic_tl.tasks.terms import Need, Part


@dataclass(frozen=True)
class BaseKL:
    """Mean ``KL(P_base || P)`` over the items of the rows: learning without forgetting (Li & Hoiem 2016) at
    temperature 1. ``transfer.regularizers.base_kl`` and ``safety.penalties.retention`` are both of this kind.

    The base is the model as training began, without dropout and without gradient; the divergence in this direction
    keeps mass wherever the base has some. For language models it is the pretrained model with its own head. For
    classifiers whose head was drawn anew the base predicts nearly the same for every text, so that the term then
    only discourages certainty; it retains something where the head was trained before.
    One more forward pass, and a second copy of the trainable parameters. On other rows than those that are trained on
    two more passes, without dropout.

    Attributes:
      weight: its factor.
      task: whose distributions are compared.
      name: as in the config.
      rows_of: finds the rows that it is measured on among what the batch carries; None: those that are trained on.
    """

    weight: float
    task: Distributional
    name: str = "base_kl"
    rows_of: Callable[[Batch], Batch] | None = None
    needs: ClassVar[frozenset[Need]] = frozenset({"initial"})

    def item_weights(self, batch: Batch) -> jax.Array:
        """Those of the loss."""
        return self.task.loss_weights(batch if self.rows_of is None else self.rows_of(batch))

    def value(self, part: Part) -> jax.Array:
        """The summed divergence."""
        if self.rows_of is None:
            return self.task.divergence(part.base, part.outputs, part.batch)
        rows = self.rows_of(part.batch)
        return self.task.divergence(part.outputs_of(rows, initial=True), part.outputs_of(rows), rows)
