"""A plan that the user writes as rules."""

from __future__ import annotations

from amharic_tl.config.rule_texts import parse_rule
from amharic_tl.errors import ConfigError
from amharic_tl.transfer.methods.recipe import Recipe, Request
from amharic_tl.transfer.rules import Rule


def written(request: Request) -> Recipe:
    """The rules of ``transfer.rules``; each moment at which one of them begins is a stage.

    Raises:
      ConfigError: nothing trains at the start.
    """
    typed = [parse_rule(text) for text in request.transfer.rules or ()]
    begins = tuple(dict.fromkeys(rule.begins for rule in typed if rule.trains))
    if not any(moment.value == 0 for moment in begins):
        raise ConfigError(
            "config.transfer.rules: nothing trains at the start; let a rule that trains begin without from="
        )
    stage = {moment: number for number, moment in enumerate(begins)}
    rules = [
        Rule(
            f"rule {number}: {rule.pattern}",
            rule.pattern,
            rule.trains,
            rate=rule.rate,
            decay=rule.decay,
            stage=stage[rule.begins] if rule.trains else 0,
        )
        for number, rule in enumerate(typed, 1)
    ]
    return Recipe(rules, f"{len(rules)} rules of the user say what trains (transfer.method=rules)", begins)
