"""R-Drop: two passes over the same rows, with different dropout, are to predict the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax

from amharic_tl.tasks.base import Batch, Distributional
from amharic_tl.tasks.terms import Need, Part


@dataclass(frozen=True)
class RDrop:
    """``CE_1 + CE_2 + alpha * (KL(P_1 || P_2) + KL(P_2 || P_1)) / 2`` (Liang et al. 2021), per item.

    The step minimises half of it, so that the loss keeps its scale: the mean of both cross-entropies, plus alpha/2
    times the value, which is the mean of both divergences. The second pass doubles the cost of an update. Without
    dropout, or with the same dropout twice, the value is 0 and nothing is regularised.

    Attributes:
      alpha: as in the paper.
      task: whose distributions are compared; items weigh what they weigh in its loss.
    """

    alpha: float
    task: Distributional
    name: ClassVar[str] = "r_drop"
    needs: ClassVar[frozenset[Need]] = frozenset({"again"})

    @property
    def weight(self) -> float:
        """Half of alpha: the cross-entropies are averaged where the paper adds them."""
        return self.alpha / 2

    def item_weights(self, batch: Batch) -> jax.Array:
        """Those of the loss."""
        return self.task.loss_weights(batch)

    def value(self, part: Part) -> jax.Array:
        """The summed mean of both divergences."""
        there = self.task.divergence(part.outputs, part.again, part.batch)
        back = self.task.divergence(part.again, part.outputs, part.batch)
        return 0.5 * (there + back)
