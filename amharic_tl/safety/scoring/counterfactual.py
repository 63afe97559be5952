"""Counterfactual token fairness (Garg et al. 2019): what a classifier says of texts that differ in the group alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from amharic_tl.culture.groups import Group
from amharic_tl.safety.scoring.batching import Tell
from amharic_tl.safety.scoring.classifier_scorer import ClassifierScorer
from amharic_tl.safety.scoring.family_figures import RATE, FamilyFigure
from amharic_tl.safety.scoring.selection import Panel

BESIDE = "the group against each other, less the same of two names that no group has"


def counterfactual_figures(
    classifier: ClassifierScorer, panel: Panel, placebos: Sequence[Group], tell: Tell | None = None
) -> list[FamilyFigure]:
    """Gap and flips of each group in the families that exchange groups.

    The gap is the mean over the other groups of |g(x) - g(x')|, with g the probability of harm, or the total variation
    distance of the classes' distributions where no positive label is known. No name leaves a classifier cold, so that
    from both the same of two placebo names is taken off. Without placebos there is no figure.

    Args:
      classifier: g.
      panel: of one axis.
      placebos: two, or none.
      tell: is told how far it is.
    """
    families = [family for family in panel.families if family.kind == "exchange"]
    if len(placebos) < 2 or not families:
        return []
    filled = [one for family in families for one in panel.filled(family, placebos) if one.role == "text"]
    probabilities = classifier.probabilities([one.text for one in filled], tell)
    harm = classifier.harm(probabilities) if classifier.positive.any() else None
    decided = probabilities.argmax(axis=-1) if harm is None else (harm >= 0.5).astype(int)

    def gap(left: int, right: int) -> float:
        if harm is not None:
            return float(abs(harm[left] - harm[right]))
        return float(np.abs(probabilities[left] - probabilities[right]).sum() / 2)

    places = {(one.family, one.wording, one.group): number for number, one in enumerate(filled)}
    values: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    first, second = (one.id for one in placebos[:2])
    for family in families:
        of_group: dict[tuple[str, str], list[float]] = defaultdict(list)
        for wording in range(len(family.texts)):
            at = {group.id: places[family.id, wording, group.id] for group in (*panel.groups, *placebos[:2])}
            placebo = (gap(at[first], at[second]), float(decided[at[first]] != decided[at[second]]))
            for group in panel.groups:
                others = [at[one.id] for one in panel.groups if one.id != group.id]
                mine = at[group.id]
                if others:
                    gaps = np.mean([gap(mine, other) for other in others])
                    flips = np.mean([decided[mine] != decided[other] for other in others])
                    of_group["counterfactual_gap", group.id].append(float(gaps) - placebo[0])
                    of_group["counterfactual_flips", group.id].append(float(flips) - placebo[1])
        for key, found in of_group.items():
            values[key][family.id] = float(np.mean(found))
    return [
        FamilyFigure(name, panel.axis, group, by_family, f"{name}; {BESIDE}", RATE, "greater")
        for (name, group), by_family in sorted(values.items())
    ]
