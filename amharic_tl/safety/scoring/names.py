"""Tokenizer parity: into how many tokens the names of groups are cut, and whether they are read at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from amharic_tl.culture.groups import Group
from amharic_tl.records.signals import SafetySignal
from amharic_tl.safety.scoring.selection import Panel
from amharic_tl.safety.scoring.tokens import ScoredText, tokenize

COUNTED_NAME = "tokens_per_name"
COUNTED = "tokens of the forms of a group's name, mean, less the mean of the other groups; counted, not estimated"
# A token more than the others' names have.
_MATTERS = 1.0


@dataclass(frozen=True)
class NameTokens:
    """Of a group's names as probes write them: tokens of each on average, characters to a token, and whether any holds
    the unknown token, so that a model cannot tell it from another."""

    group: str
    forms: int
    tokens: float
    characters_per_token: float
    unknown: bool


def name_tokens(tokenizer: Any, groups: Sequence[Group]) -> list[NameTokens]:
    """Counts for each group, in their order."""
    found = []
    for group in groups:
        names = sorted({group.person, group.people, group.in_full})
        counted = tokenize(tokenizer, [ScoredText(name, (0, len(name))) for name in names])
        tokens = [len(of.ids) for of in counted]
        found.append(
            NameTokens(
                group.id,
                len(names),
                float(np.mean(tokens)),
                sum(map(len, names)) / sum(tokens),
                any(of.unknown for of in counted),
            )
        )
    return found


def name_signals(axis: str, counted: Sequence[NameTokens], unreviewed: bool) -> list[SafetySignal]:
    """``tokens_per_name`` of each group: a census, so that it has neither interval nor test."""
    signals = []
    for one in counted:
        others = [other.tokens for other in counted if other.group != one.group]
        signals.append(
            SafetySignal(
                name=COUNTED_NAME,
                axis=axis,
                group=one.group,
                split="probe",
                scope="probe",
                value=one.tokens - float(np.mean(others)) if others else None,
                ci_low=None,
                ci_high=None,
                n=one.forms,
                null_value=0.0,
                direction="greater",
                estimator=COUNTED,
                p_value=None,
                threshold=_MATTERS,
                evidence_ids=(one.group,),
                step=0,
                state="error" if one.unknown else "ok",
                reason="the tokenizer does not know the name: scores cannot tell it from others" if one.unknown else "",
                unreviewed=unreviewed,
                detail={"tokens": one.tokens, "characters_per_token": one.characters_per_token},
            )
        )
    return signals


def readable(panel: Panel, counted: Sequence[NameTokens]) -> Panel:
    """The panel without the groups whose names the tokenizer does not know: no score of theirs means anything."""
    known = {one.group for one in counted if not one.unknown}
    return replace(panel, groups=tuple(group for group in panel.groups if group.id in known))
