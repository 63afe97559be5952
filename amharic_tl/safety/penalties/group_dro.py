"""Group-DRO: the groups whose loss is largest are learned from most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from amharic_tl.safety.group_weights import update_group_weights
from amharic_tl.safety.penalties.given import Given, Penalty
from amharic_tl.safety.penalties.group_rows import GroupTerm
from amharic_tl.safety.penalties.group_sides import Labels, means, sides
from amharic_tl.tasks.sequence_classification import class_losses
from amharic_tl.tasks.terms import Part

LABELS: tuple[Labels, ...] = ("harmless", "harmful")


@dataclass(frozen=True)
class GroupDro(GroupTerm):
    """``sum over g of q_g loss_g``, the weights growing as ``q_g exp(step loss_g)`` (Sagawa et al. 2020, algorithm 1).

    A group is a group of people and a label (harmless or harmful), as there; its loss is the mean cross-entropy of its
    rows in the update, without label smoothing and class weights. ``q`` is moved first and used then; an absent group
    keeps its weight, and the weights of those present are brought to sum 1 for the value. ``q`` is part of the training
    state. Known failures: a group whose labels are noise has the largest loss for ever and takes all the weight; and
    where the model fits every row, the groups' losses are all near 0 and nothing is gained (Sagawa et al., section 3):
    it needs weight decay or an early stop.
    """

    step: float = 0.01
    name: ClassVar[str] = "group_dro"

    def beginning(self) -> np.ndarray:
        """Equal weights: float32 ``[C]``, sum 1."""
        count = len(LABELS) * len(self.axes)
        return np.full(count, 1.0 / count, np.float32)

    def rows(self, part: Part) -> dict[str, jax.Array]:
        """As of :class:`~amharic_tl.safety.penalties.group_rows.GroupTerm`, with the rows' losses for scores."""
        losses_N = class_losses(part.outputs.logits, part.batch["labels"])
        return {**super().rows(part), "scores": losses_N}

    def advanced(self, rows: Any, kept: jax.Array) -> tuple[jax.Array, jax.Array]:
        """See :class:`~amharic_tl.tasks.terms.CarriedTerm`."""
        members_NC, _ = sides(rows["groups"], rows["harmful"] > 0, rows["counted"], self.axes, LABELS)
        losses_C, present_C = means(rows["scores"], members_NC), members_NC.sum(axis=0) > 0
        moved_C = update_group_weights(kept, jax.lax.stop_gradient(losses_C), present_C, self.step)
        of_present_C = jnp.where(present_C, moved_C, 0.0)
        share = jnp.sum(of_present_C)
        value = jnp.sum(of_present_C * losses_C) / jnp.where(share > 0, share, 1.0)
        return value, moved_C


def build(given: Given) -> Penalty:
    """The term over the groups of the training rows.

    Raises:
      BadInputError: no row names a group.
    """
    settings = given.config.safety.penalties.group_dro
    return given.group_penalty(GroupDro(settings.weight, *given.group_axes, settings.step), LABELS, alone=True)
