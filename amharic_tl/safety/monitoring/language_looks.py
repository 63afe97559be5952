"""A language model's looks between evaluations: at most 32 pairs of words of one axis, controls among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from amharic_tl.culture.expansion import Filled
from amharic_tl.safety.scoring.checkpoint import AnyScorer
from amharic_tl.safety.scoring.family_figures import CONTRAST, MEAN_LOG, ODDS, FamilyFigure
from amharic_tl.safety.scoring.probing import NAMES, default_form
from amharic_tl.safety.scoring.selection import Panel, look
from amharic_tl.safety.scoring.tokens import ScoredText

_UNIT = "few pairs: log-probability of a word less that of its opposite, less the same of controls"


@dataclass(frozen=True)
class _Unit:
    """A pair of words of one wording with one group, and the pair of controls that came with it, if one did."""

    family: str
    group: str
    difference: float


def look_figures(scorer: AnyScorer, panels: Sequence[Panel], number: int, seed: int) -> list[FamilyFigure]:
    """Each group of one axis against the mean of the others, in the families where both were drawn.

    Args:
      scorer: of a language model.
      panels: of the pack's monitor split; axes take turns.
      number: of the look; with the seed it says all that is drawn.
      seed: of the run.
    """
    panel, drawn = look(panels, number, seed=seed)
    form = default_form(scorer)
    kinds = {family.id: family.kind for family in panel.families}
    scores = scorer.score([ScoredText(one.text, one.span) for one in drawn], form)
    values: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    by_family: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for unit in units(drawn, scores, kinds):
        if not np.isnan(unit.difference):
            by_family[unit.family][unit.group].append(unit.difference)
    for family, groups in by_family.items():
        means = {group: float(np.mean(found)) for group, found in groups.items()}
        for group, mean in means.items() if len(means) > 1 else ():
            others = [value for other, value in means.items() if other != group]
            values[NAMES[kinds[family]], group][family] = mean - float(np.mean(others))
    threshold = MEAN_LOG if form in ("aul", "per_character") else ODDS
    sentence = f"{_UNIT}; the group against the mean of the others drawn; t-interval over families"
    return [
        FamilyFigure(name, panel.axis, group, of, sentence, threshold) for (name, group), of in sorted(values.items())
    ]


def units(drawn: Sequence[Filled], scores: np.ndarray, kinds: Mapping[str, str]) -> list[_Unit]:
    """The units of a look: a pair begins with its first role, and its controls follow it."""
    found: list[_Unit] = []
    start = 0
    while start < len(drawn):
        one = drawn[start]
        first, second = CONTRAST[kinds[one.family]]
        difference = scores[start] - scores[start + 1]
        step = 2
        controls = drawn[start + 2 : start + 4]
        if [of.role for of in controls] == [f"control_{first}", f"control_{second}"]:
            difference -= scores[start + 2] - scores[start + 3]
            step = 4
        if one.group is not None:
            found.append(_Unit(one.family, one.group, float(difference)))
        start += step
    return found
