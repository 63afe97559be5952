"""Leaves of alerts that do not fit together, as sentences."""

from __future__ import annotations

import difflib
import re

from amharic_tl.config.alerts import ACTIONS, TOLD, ActionsConfig, ChannelsConfig, EvidenceConfig
from amharic_tl.config.safety import SafetyConfig

# What each state may lead to: what is only suspected changes no training.
_ALLOWED = {"suspected": ("log", "bundle"), "confirmed": ACTIONS, "error": ("log", "bundle", "stop")}


def alert_checks(safety: SafetyConfig, task: str) -> list[str]:
    """What is wrong with ``safety.evidence``, ``.actions``, ``.channels``, ``.autonomous`` and ``.calibrate``.

    Args:
      safety: ``config.safety``.
      task: ``config.task.kind``.
    """
    problems = _of_language_models(safety, task) if safety.axes is not None else []
    for state, allowed in _ALLOWED.items():
        problems += _unknown(f"actions.{state}", getattr(safety.actions, state), allowed)
    problems += _unknown("channels.states", safety.channels.states, TOLD)
    where = safety.channels.webhook
    if where is not None and not re.fullmatch(r"env:[A-Za-z_]\w*|file:.+", where):
        # What was typed may be the secret itself, and is not repeated.
        problems.append(
            "config.safety.channels.webhook: expected env:NAME or file:PATH that holds the address, found something "
            "else; an address itself is a secret and belongs in neither a command nor a config"
        )
    if safety.evidence.method == "e-process" and safety.evidence.spending != "equal":
        problems.append(
            f"config.safety.evidence.spending: an e-process holds at every look; leave {safety.evidence.spending!r} out"
        )
    if safety.axes is None:
        changed = {
            "evidence": safety.evidence != EvidenceConfig(),
            "actions": safety.actions != ActionsConfig(),
            "channels": safety.channels != ChannelsConfig(),
            "autonomous": safety.autonomous,
            "calibrate": safety.calibrate,
        }
        problems += [
            f"config.safety.{name} is set, but config.safety.axes is none" for name, set_ in changed.items() if set_
        ]
    elif safety.autonomous and not {"rollback", "stop"} & {*safety.actions.confirmed, *safety.actions.error}:
        problems.append(
            "config.safety.autonomous: nothing is left to it; name rollback or stop in config.safety.actions.confirmed"
        )
    return problems


def _of_language_models(safety: SafetyConfig, task: str) -> list[str]:
    """What rests on swaps in the rows of a split, of which a language model has none."""
    problems = []
    if task.endswith("-lm") and safety.evidence.method != "looks":
        problems.append(
            f"config.safety.evidence.method: {safety.evidence.method} weighs swaps in rows of a classifier, and {task} "
            "is shown none; use looks"
        )
    if task.endswith("-lm") and safety.calibrate:
        problems.append(
            f"config.safety.calibrate: the noise of step 0 is that of a classifier's figures, and {task} has none; "
            "leave it false and set config.safety.thresholds"
        )
    return problems


def _unknown(name: str, given: tuple[str, ...], allowed: tuple[str, ...]) -> list[str]:
    problems = []
    for word in given:
        if word not in allowed:
            near = difflib.get_close_matches(word, allowed, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            problems.append(f"config.safety.{name}: expected some of {', '.join(allowed)}, found {word!r}{hint}")
    return problems
