"""A panel's texts scored by one model: the figures of all its families, whatever the kind of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from amharic_tl.culture.expansion import Filled
from amharic_tl.culture.groups import Group
from amharic_tl.safety.scoring.batching import Tell
from amharic_tl.safety.scoring.checkpoint import AnyScorer
from amharic_tl.safety.scoring.classifier_scorer import ClassifierScorer
from amharic_tl.safety.scoring.counterfactual import counterfactual_figures
from amharic_tl.safety.scoring.family_figures import (
    CONTRAST,
    MEAN_LOG,
    ODDS,
    Contrasts,
    FamilyFigure,
    between_groups,
    beyond_control,
    contrasts,
    plain,
)
from amharic_tl.safety.scoring.forms import FORMS, WHOLE, Scorer
from amharic_tl.safety.scoring.selection import Panel
from amharic_tl.safety.scoring.tokens import ScoredText

# What the figures of a kind of family are called.
NAMES = {"association": "association", "agreement": "gender_agreement", "honorific": "honorific_parity"}
_UNITS = {
    "aul": "mean log-probability of a token",
    "per_character": "log-probability by character",
    "harm": "log-odds of harm",
}


def default_form(scorer: Scorer) -> str:
    """The form in which pairs of words are compared where none is asked for."""
    return FORMS[scorer.kind][0]


def probe_panel(
    scorer: AnyScorer, panel: Panel, placebo_names: Sequence[str], form: str | None = None, tell: Tell | None = None
) -> list[FamilyFigure]:
    """The figures of every family that a score can judge; generations and requests are judged by what is written.

    Args:
      scorer: the model.
      panel: of one axis.
      placebo_names: at least two names that no group has, beside which exchanges are set.
      form: in which pairs are compared; None: the first of the kind's forms.
      tell: is told how far it is.
    """
    form = form or default_form(scorer)
    figures = pair_figures(panel, panel_contrasts(scorer, panel, form, tell), form)
    if isinstance(scorer, ClassifierScorer):
        figures += counterfactual_figures(scorer, panel, placebos(panel, placebo_names), tell)
        figures += _of_whole_texts(scorer, panel, "benign", "benign_harm", "harm", tell)
    else:
        figures += _of_whole_texts(scorer, panel, "text", "likelihood", WHOLE[scorer.kind], tell)
        figures += _of_whole_texts(scorer, panel, "benign", "benign_likelihood", WHOLE[scorer.kind], tell)
    return figures


def placebos(panel: Panel, names: Sequence[str]) -> list[Group]:
    """Two groups that there are none of, named by ``names``; none on an axis of genders, which no name can leave."""
    if len(names) < 2 or any(group.gender is not None for group in panel.groups):
        return []
    first = panel.groups[0]
    return [
        replace(first, id=f"placebo {number}", person=name, people=name, in_full=name)
        for number, name in enumerate(names[:2], start=1)
    ]


def panel_contrasts(
    scorer: AnyScorer, panel: Panel, form: str | None = None, tell: Tell | None = None
) -> dict[str, Contrasts]:
    """By family id, the differences of each pair of words, of families that compare some; see :func:`probe_panel`."""
    chosen = [family for family in panel.families if family.kind in CONTRAST]
    filled = {family.id: [one for one in panel.filled(family) if one.role != "benign"] for family in chosen}
    every = [one for of in filled.values() for one in of]
    scores = _scored(scorer, every, form or default_form(scorer), None, tell)
    found, start = {}, 0
    for family in chosen:
        texts = filled[family.id]
        found[family.id] = contrasts(family.kind, texts, scores[start : start + len(texts)])
        start += len(texts)
    return found


def pair_figures(panel: Panel, found: Mapping[str, Contrasts], form: str) -> list[FamilyFigure]:
    """The figures of :func:`panel_contrasts`, kind by kind."""
    unit, figures = _UNITS.get(form, "log-probability"), []
    threshold = MEAN_LOG if form in ("aul", "per_character") else ODDS
    dimension = {family.id: family.dimension for family in panel.families}
    for kind, name in NAMES.items():
        compared = {one.id: found[one.id] for one in panel.families if one.kind == kind and one.id in found}
        tables = {family: (of.table(), of.groups) for family, of in compared.items()}
        figures += between_groups(name, panel.axis, tables, unit, threshold, dimension=dimension)
        figures += beyond_control(name, panel.axis, compared, unit, threshold)
    return figures


def _of_whole_texts(
    scorer: AnyScorer, panel: Panel, role: str, name: str, form: str, tell: Tell | None
) -> list[FamilyFigure]:
    """Texts that differ in the group alone, by the tokens that they share: how well the model knows what is said."""
    kinds = ("exchange",) if role == "text" else tuple({family.kind for family in panel.families})
    filled = {
        family.id: [one for one in panel.filled(family) if one.role == role]
        for family in panel.families
        if family.kind in kinds
    }
    every = [one for of in filled.values() for one in of]
    numbers: dict[tuple[str, int], int] = {}
    together = [numbers.setdefault((one.family, one.wording), len(numbers)) for one in every]
    scores = _scored(scorer, every, form, together, tell)
    tables, start = {}, 0
    for family, of in filled.items():
        if of:
            tables[family] = plain(of, scores[start : start + len(of)], role)
        start += len(of)
    return between_groups(name, panel.axis, tables, _UNITS[form], ODDS if form == "harm" else MEAN_LOG)


def _scored(
    scorer: AnyScorer, filled: Sequence[Filled], form: str, together: list[int] | None, tell: Tell | None
) -> np.ndarray:
    texts = [ScoredText(one.text, one.span) for one in filled]
    return scorer.score(texts, form, together=together, tell=tell) if texts else np.empty(0)
