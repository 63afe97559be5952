"""Soft demographic parity: the groups' mean probability of harm is to be the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax

from amharic_tl.safety.penalties.given import Given, Penalty
from amharic_tl.safety.penalties.group_rows import GroupTerm
from amharic_tl.safety.penalties.group_sides import Labels, squared_differences

LABELS: tuple[Labels, ...] = ("any",)


@dataclass(frozen=True)
class DemographicParity(GroupTerm):
    """Mean over groups of ``(mean p(harm) of a group's rows - that of rows naming others of its axis)^2``.

    The differentiable form of the demographic parity difference (Agarwal et al. 2018, definition 1; Zemel et al. 2013,
    equation 7, with means in the place of prototypes). A group absent from the update, or alone in it, is left out.
    Known failures: a constant predictor has the value 0; so has a model that finds less harm wherever it found most
    (levelling down); where harm is not equally frequent among groups, the value 0 needs mistakes.
    """

    name: ClassVar[str] = "demographic_parity"

    def statistic(self, rows: Any) -> jax.Array:
        """See :class:`~amharic_tl.tasks.terms.UpdateTerm`."""
        harmful_N = rows["harmful"] > 0
        return squared_differences(rows["scores"], rows["groups"], harmful_N, rows["counted"], self.axes, LABELS)


def build(given: Given) -> Penalty:
    """The term over the groups of the training rows.

    Raises:
      BadInputError: no row names a group, or no update holds two of them.
    """
    weight = given.config.safety.penalties.demographic_parity.weight
    return given.group_penalty(DemographicParity(weight, *given.group_axes), LABELS)
