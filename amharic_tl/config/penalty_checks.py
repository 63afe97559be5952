"""Leaves of penalties that do not fit the rest, as sentences."""

from __future__ import annotations

import difflib

from amharic_tl.config.figures import called
from amharic_tl.config.schema import Config

LANGUAGE_MODELS = ("masked-lm", "causal-lm", "seq2seq-lm")
# Penalties that compare the groups of labelled rows.
ON_GROUPS = ("mindiff", "demographic_parity", "equalised_odds", "group_dro")
# What an update has of a penalty's items, where it has a number of its own.
_COUNTED = {
    "logit_pairing": "pairs",
    "js_pairing": "pairs",
    "unlikelihood": "items",
    "retention": "rows",
}


def penalty_checks(config: Config) -> list[str]:
    """Sentences, none where all fits."""
    settings, constraints = config.safety.penalties, config.safety.constraints
    if config.safety.axes is None:
        asked = [f"penalties.{name}.weight" for name in settings.on()]
        asked += [f"constraints.{name}" for name in constraints.bounds()]
        asked += [f"limits.{name}" for name in config.safety.limits.bounds()]
        return [f"config.safety.{name} needs config.safety.axes, such as ethnicity" for name in asked]
    problems = [*_kind_checks(config), *_retention_checks(config), *_constraint_checks(config)]
    parts = config.train.batch_size // (config.train.microbatch or config.train.batch_size)
    # Retention on the training rows has none of its own.
    for name in config.safety.made_of_the_pack():
        leaf = _COUNTED.get(name)
        count = parts if leaf is None else getattr(getattr(settings, name), leaf)
        if count % parts:
            problems.append(
                f"config.safety.penalties.{name}.{leaf}: {count} cannot be divided over the {parts} microbatches of an "
                "update"
            )
    return problems


def _kind_checks(config: Config) -> list[str]:
    """Penalties that do not fit the kind of task."""
    task, problems = config.task, []
    writes = task.kind == "seq2seq-lm" and task.objective == "text-to-text"
    pushing = config.safety.pushing()
    for name in ("js_pairing", "unlikelihood"):
        if name not in pushing:
            continue
        if task.kind not in LANGUAGE_MODELS:
            hint = "; classifiers have logit_pairing" if name == "js_pairing" else ""
            problems.append(
                f"config.safety.penalties.{name}.weight: {task.kind} predicts no tokens; it is for "
                f"{', '.join(LANGUAGE_MODELS)}{hint}"
            )
        elif writes:
            problems.append(
                f"config.safety.penalties.{name}.weight: the text to write may name the group that was exchanged, as a "
                "translation does; it fits config.task.objective=span-corruption"
            )
    if "logit_pairing" in pushing and task.kind in LANGUAGE_MODELS:
        problems.append(
            f"config.safety.penalties.logit_pairing.weight: {task.kind} has no classes to compare; language models "
            "have js_pairing"
        )
    if task.kind != "sequence-classification":
        problems += [
            f"config.safety.penalties.{name}.weight: {task.kind} has no labelled rows of groups to compare"
            for name in ON_GROUPS
            if name in pushing
        ]
    return problems


def _retention_checks(config: Config) -> list[str]:
    retention, leaf, problems = config.safety.penalties.retention, "config.safety.penalties.retention", []
    if not retention.weight:
        return []
    if called(config.task) == "regression":
        problems.append(f"{leaf}.weight: regression predicts no distribution to keep; use 0")
    if config.model.initialise == "random":
        problems.append(f"{leaf}.weight: a model drawn at random (config.model.initialise) has no base; use 0")
    if retention.on == "rows" and config.transfer.regularizers.base_kl.weight:
        problems.append(
            f"{leaf}.on: on the training rows this is config.transfer.regularizers.base_kl over again; set one of both"
        )
    if retention.on == "benign" and config.task.kind == "seq2seq-lm" and config.task.objective == "text-to-text":
        problems.append(f"{leaf}.on: a benign sentence has no text to write beside it; use {leaf}.on=rows")
    return problems


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
