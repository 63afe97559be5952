"""The probe families that penalties may be made of: those of the split ``penalty``, without held-out groups."""

from __future__ import annotations

from dataclasses import replace

from amharic_tl.errors import BadInputError
from amharic_tl.safety.penalties.given import Given
from amharic_tl.safety.scoring.selection import Panel, panels


def penalty_panels(given: Given, leaf: str) -> list[Panel]:
    """By watched axis. What a probe judges by is in other splits, so that no penalty is trained on it.

    Args:
      given: the run.
      leaf: the penalty's section of the config, for the sentence of a refusal.

    Raises:
      BadInputError: the pack has no such family that may be used.
    """
    operator, settings = given.operator, given.config.safety
    try:
        found = panels(operator.pack, operator.axes, allow_draft=settings.allow_draft, split="penalty")
    except BadInputError as error:
        raise BadInputError(f"config.{leaf}: {error} (here config.safety.allow_draft=true)") from None
    allowed = {group.id for axis in operator.axes for group in operator.penalised_groups(axis)}
    return [replace(one, groups=tuple(group for group in one.groups if group.id in allowed)) for one in found]
