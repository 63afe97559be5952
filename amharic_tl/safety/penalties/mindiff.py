"""MinDiff: the scores of harmless rows are to be distributed alike, whichever group they name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax

from amharic_tl.safety.fairness.published.mindiff import Kernel, mmd
from amharic_tl.safety.penalties.given import Given, Penalty
from amharic_tl.safety.penalties.group_rows import GroupTerm
from amharic_tl.safety.penalties.group_sides import Labels, compared, mean_over, sides

LABELS: tuple[Labels, ...] = ("harmless",)


@dataclass(frozen=True)
class MinDiff(GroupTerm):
    """Mean over groups of the MMD between the scores of a group's harmless rows and of others' (Prost et al. 2019).

    Scores are probabilities of harm; the MMD is squared and biased, as in tensorflow/model-remediation. A group absent
    from the update, or alone in it, is left out. Known failures: a constant predictor has the value 0, and so has one
    that flags every group's harmless rows as often as it flagged the worst one's; harmful rows are not looked at, so
    that recall may part. A training loss near 0 takes the gradient with it while rows held out still differ.
    """

    kernel: Kernel = "gaussian"
    length: float = 0.1
    name: ClassVar[str] = "mindiff"

    def statistic(self, rows: Any) -> jax.Array:
        """See :class:`~amharic_tl.tasks.terms.UpdateTerm`."""
        members_NC, others_NC = sides(rows["groups"], rows["harmful"] > 0, rows["counted"], self.axes, LABELS)

        def distance(members_N: jax.Array, others_N: jax.Array) -> jax.Array:
            return mmd(rows["scores"], members_N > 0, members_N + others_N, self.kernel, self.length)

        return mean_over(jax.vmap(distance, in_axes=1)(members_NC, others_NC), compared(members_NC, others_NC))


def build(given: Given) -> Penalty:
    """The term over the groups of the harmless training rows.

    Raises:
      BadInputError: no row names a group, or no update holds harmless rows of two of them.
    """
    settings = given.config.safety.penalties.mindiff
    term = MinDiff(settings.weight, *given.group_axes, settings.kernel, settings.length)
    return given.group_penalty(term, LABELS)
