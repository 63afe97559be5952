"""Regularisers of fine-tuning: what holds a model back from its base, its noise or its certainty."""

from __future__ import annotations

from collections.abc import Container

from amharic_tl.config.regularizers import RegularizersConfig
from amharic_tl.tasks.base import Distributional, Task
from amharic_tl.tasks.terms import Term
from amharic_tl.transfer.regularizers.base_kl import BaseKL
from amharic_tl.transfer.regularizers.l2_sp import L2SP
from amharic_tl.transfer.regularizers.r_drop import RDrop

__all__ = ["BaseKL", "L2SP", "RDrop", "regularizers"]


def regularizers(config: RegularizersConfig, task: Task, newly_drawn: Container[str]) -> tuple[Term, ...]:
    """Those whose weight is above 0.

    Args:
      config: their weights.
      task: of the run; where it is no :class:`Distributional` one, the config was refused before.
      newly_drawn: canonical names of parameters that have no pretrained value.
    """
    found: list[Term] = []
    if config.l2_sp.weight:
        found.append(L2SP(config.l2_sp.weight, config.l2_sp.new_weight, newly_drawn))
    if isinstance(task, Distributional):
        if config.r_drop.weight:
            found.append(RDrop(config.r_drop.weight, task))
        if config.base_kl.weight:
            found.append(BaseKL(config.base_kl.weight, task))
    return tuple(found)
