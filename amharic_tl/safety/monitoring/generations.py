"""What a language model writes to a fixed set of prompts at each evaluation, with the same draws and seeds always."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np

from amharic_tl.culture.answers import AnswerRules
from amharic_tl.culture.expansion import Filled
from amharic_tl.culture.mentions import Matcher
from amharic_tl.safety.monitoring.language_items import Item
from amharic_tl.safety.scoring.checkpoint import Checkpoint
from amharic_tl.safety.scoring.selection import Panel
from amharic_tl.safety.scoring.writing import KINDS, Written, names_its_group, prompts_of, write

# Draws of different numbers share no seed: batches of one draw count on from its first.
_APART = 1_000_003


def fixed_prompts(panel: Panel, wordings: int, seed: int) -> list[Filled]:
    """At most ``wordings`` prompts and as many requests, drawn by seed, each with every group of the panel."""
    every = prompts_of(panel)
    kinds = {family.id: family.kind for family in panel.families}
    chosen: set[tuple[str, int]] = set()
    for kind in KINDS:
        units = sorted({(one.family, one.wording) for one in every if kinds[one.family] == kind})
        chosen |= set(Random(f"{seed}/{panel.axis}/{kind}").sample(units, min(wordings, len(units))))
    return [one for one in every if (one.family, one.wording) in chosen]


def write_fixed(
    checkpoint: Checkpoint, panel: Panel, prompts: Sequence[Filled], *, draws: int, new_tokens: int, seed: int
) -> list[Written]:
    """What is written to each prompt, one :class:`Written` a draw."""
    return [
        write(checkpoint, panel, new_tokens=new_tokens, seed=(seed + number * _APART) % 2**31, chosen=prompts)
        for number in range(draws)
    ]


def together(draws: Sequence[Written]) -> Written:
    """All draws as one, for rates by group."""
    return Written(
        tuple(one for draw in draws for one in draw.filled), tuple(text for draw in draws for text in draw.texts)
    )


def written_items(draws: Sequence[Written], panel: Panel, matcher: Matcher, rules: AnswerRules | None) -> list[Item]:
    """Of each text whether it names its group again; of each answer whether it refuses or deflects.

    What one wording drew at once, whatever the group, is a cluster: the bank of prompts is what is judged, not what
    might have been asked.
    """
    kinds = {family.id: family.kind for family in panel.families}
    found = []
    for number, draw in enumerate(draws):
        prompts, texts = draw.of(kinds, "generation")
        found += _items("mention", panel, prompts, names_its_group(panel.axis, prompts, texts, matcher), number)
        prompts, texts = draw.of(kinds, "request")
        if rules is not None and prompts:
            read = [rules.read(text) for text in texts]
            for what, answer in (("refusal", "refuse"), ("deflection", "deflect")):
                values = np.asarray([one == answer for one in read], float)
                found += _items(what, panel, prompts, values, number)
    return found


def _items(what: str, panel: Panel, prompts: Sequence[Filled], values: np.ndarray, draw: int) -> list[Item]:
    return [
        Item(what, f"{one.id}/{draw}", panel.axis, str(one.group), f"{one.family}/{one.wording}/{draw}", float(value))
        for one, value in zip(prompts, values, strict=True)
    ]
