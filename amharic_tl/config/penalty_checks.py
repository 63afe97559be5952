"""Leaves of penalties that do not fit the rest, as sentences."""

from __future__ import annotations

import difflib

from amharic_tl.config.schema import Config


def penalty_checks(config: Config) -> list[str]:
    """Sentences, none where all fits."""
    settings, constraints = config.safety.penalties, config.safety.constraints
    if config.safety.axes is None:
        asked = [f"penalties.{name}.weight" for name in settings.on()]
        asked += [f"constraints.{name}" for name in constraints.bounds()]
        asked += [f"limits.{name}" for name in config.safety.limits.bounds()]
        return [f"config.safety.{name} needs config.safety.axes, such as ethnicity" for name in asked]
    parts = config.train.batch_size // (config.train.microbatch or config.train.batch_size)
    counted = {"logit_pairing.pairs": settings.logit_pairing.pairs}
    return _constraint_checks(config) + [
        f"config.safety.penalties.{name}: {count} cannot be divided over the {parts} microbatches of an update"
        for name, count in counted.items()
        if name.partition(".")[0] in config.safety.pushing() and count % parts
    ]


def _constraint_checks(config: Config) -> list[str]:
    constraints, weights = config.safety.constraints, config.safety.penalties.weights()
    if not constraints.bounds():
        return []
    if constraints.drives not in weights:
        near = difflib.get_close_matches(constraints.drives, list(weights), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the penalties are {', '.join(weights)}"
        return [f"config.safety.constraints.drives: there is no penalty {constraints.drives!r}; {hint}"]
    first = weights[constraints.drives]
    if first > constraints.maximum:
        return [
            f"config.safety.penalties.{constraints.drives}.weight: {first:g} is more than "
            f"config.safety.constraints.maximum ({constraints.maximum:g}), the most it may become"
        ]
    return []
