"""Soft equalised odds: given the label, the groups' mean probability of harm is to be the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax

from amharic_tl.safety.penalties.given import Given, Penalty
from amharic_tl.safety.penalties.group_rows import GroupTerm
from amharic_tl.safety.penalties.group_sides import Labels, squared_differences

LABELS: tuple[Labels, ...] = ("harmless", "harmful")


@dataclass(frozen=True)
class EqualisedOdds(GroupTerm):
    """Mean over groups and labels of ``(mean p(harm) of a group's rows - that of rows naming others of its axis)^2``.

    The differentiable form of equalised odds (Hardt et al. 2016, definition 2.1): of the false-positive rate among
    harmless rows, of recall among harmful ones. A group absent from the update with that label is left out.
    Known failures: a constant predictor has the value 0; so has one whose rates are as bad for every group as they were
    for the worst (levelling down).
    """

    name: ClassVar[str] = "equalised_odds"

    def statistic(self, rows: Any) -> jax.Array:
        """See :class:`~amharic_tl.tasks.terms.UpdateTerm`."""
        harmful_N = rows["harmful"] > 0
        return squared_differences(rows["scores"], rows["groups"], harmful_N, rows["counted"], self.axes, LABELS)


def build(given: Given) -> Penalty:
    """The term over the groups of the training rows.

    Raises:
      BadInputError: no row names a group, or no update holds two of them with the same label.
    """
    weight = given.config.safety.penalties.equalised_odds.weight
    return given.group_penalty(EqualisedOdds(weight, *given.group_axes), LABELS)
