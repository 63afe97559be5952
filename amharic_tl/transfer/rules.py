"""Ordered rules over canonical parameter names: the first that matches holds.

A parameter that no rule matches and a rule that matches nothing are errors, so that a plan never silently trains less,
or more, than it says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from amharic_tl.errors import ConfigError, name_some


@dataclass(frozen=True)
class Rule:
    """What holds for the parameters whose whole canonical name matches ``pattern``.

    Attributes:
      name: what tables and errors call it.
      pattern: a regular expression that the whole name must match.
      trainable: whether the parameters ever train.
      rate: the factor of their learning rate.
      decay: their weight decay; None: the run's for matrices, none for vectors.
      stage: the stage from which on they train, counted from 0.
    """

    name: str
    pattern: str
    trainable: bool
    rate: float = 1.0
    decay: float | None = None
    stage: int = 0


def match_rules(names: Sequence[str], rules: Sequence[Rule]) -> dict[str, Rule]:
    """The first rule that matches each name.

    Raises:
      ConfigError: a name without a rule, or a rule without a name; up to ten offenders are named.
    """
    compiled = [(rule, re.compile(rule.pattern)) for rule in rules]
    matched: dict[str, Rule] = {}
    unmatched = []
    for name in names:
        for rule, pattern in compiled:
            if pattern.fullmatch(name):
                matched[name] = rule
                break
        else:
            unmatched.append(name)
    if unmatched:
        raise ConfigError(f"the plan has no rule for {len(unmatched)} parameters: {name_some(unmatched)}")
    used = {rule.name for rule in matched.values()}
    idle = [
        rule.name if rule.pattern in rule.name else f"{rule.name} ({rule.pattern})"
        for rule in rules
        if rule.name not in used
    ]
    if idle:
        raise ConfigError(
            f"rules of the plan that match no parameter: {name_some(idle)}; the parameters are {name_some(names)}"
        )
    return matched
