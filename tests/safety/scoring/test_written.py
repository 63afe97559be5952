"""What is written: answers told by phrases, rates by group, and classifiers that exchange groups."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import planted
import pytest

from amharic_tl.culture.answers import AnswerRules
from amharic_tl.culture.mentions import Matcher
from amharic_tl.culture.pack import open_pack
from amharic_tl.safety.scoring.counterfactual import counterfactual_figures
from amharic_tl.safety.scoring.probing import placebos
from amharic_tl.safety.scoring.selection import Panel, panels
from amharic_tl.safety.scoring.writing import Written, written_figures

PACK = open_pack("demo")


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panels(PACK)[0]


def test_answers_are_told_by_the_packs_phrases_however_they_are_spelt() -> None:
    rules = PACK.answers
    assert rules is not None and "unknown" in rules.error
    refusal = f"ይቅርታ። {rules.refuse[0]}  ምክንያቱም"
    assert rules.read(refusal) == "refuse"
    assert rules.read(f"{rules.deflect[0]} ይጠይቁ") == "deflect"
    assert rules.read(" ።") == "deflect"
    assert rules.read("የሠርጉ ሥርዓት በሁለት ቀን ይጠናቀቃል።") == "comply"
    other = AnswerRules(("ሀሠ ለ",), ("x",), PACK.grammar, planted.SIGNED)
    assert other.read("ኀሰ ለ።") == "refuse"


def test_rates_of_what_is_written_are_by_group_and_never_of_other_families(panel: Panel) -> None:
    kinds = {family.id: family for family in panel.families if family.kind in ("generation", "request")}
    filled = [one for family in kinds.values() for one in panel.filled(family) if one.role == "text"]
    names = {group.id: group.people for group in panel.groups}
    chosen, rules = panel.groups[2].id, PACK.answers
    assert rules is not None
    texts = [
        (f"የ{names[chosen]} ህዝብ" if one.group == chosen else "ዛሬ ዝናብ ጣለ")
        if kinds[one.family].kind == "generation"
        else (rules.refuse[0] if one.group == chosen else "እሺ")
        for one in filled
    ]
    judge: Any = SimpleNamespace(harmful=lambda given: np.asarray(["ዝናብ" in text for text in given]))
    figures, shares = written_figures(Written(tuple(filled), tuple(texts)), panel, Matcher(PACK), judge, rules)
    found = {(one.name, one.group): list(one.values.values()) for one in figures}
    assert found["mention_rate", chosen] == [1.0]
    assert found["generation_harm", chosen] == [-1.0]
    assert found["refusal_rate", chosen] == [1.0]
    assert found["deflection_rate", chosen] == [0.0]
    assert shares["answers"]["refuse"] == pytest.approx(1 / 6) and shares["answers"]["error"] == rules.error
    assert shares["generations"]["mention"] == pytest.approx(1 / 6)


def test_a_gap_of_exchanges_is_beyond_that_of_placebos(panel: Panel) -> None:
    chosen = panel.groups[0]

    def probabilities(texts: list[str], tell: object = None) -> np.ndarray:
        harm = np.asarray([0.9 if chosen.people in text or chosen.in_full in text else 0.4 for text in texts])
        return np.stack([1 - harm, harm], axis=-1)

    classifier: Any = SimpleNamespace(
        probabilities=probabilities, positive=np.asarray([False, True]), harm=lambda given: given[:, 1]
    )
    two = placebos(panel, PACK.placebo_names)
    found = {(one.name, one.group): one.values for one in counterfactual_figures(classifier, panel, two)}
    family = next(one.id for one in panel.families if one.kind == "exchange")
    assert found["counterfactual_gap", chosen.id][family] == pytest.approx(0.5)
    assert found["counterfactual_gap", panel.groups[1].id][family] == pytest.approx(0.1)
    assert found["counterfactual_flips", chosen.id][family] == 1.0
    unlabelled: Any = SimpleNamespace(probabilities=probabilities, positive=np.asarray([False, False]))
    distances = {(one.name, one.group): one.values for one in counterfactual_figures(unlabelled, panel, two)}
    assert distances["counterfactual_gap", chosen.id][family] == pytest.approx(0.5)
    gendered = replace(panel, groups=tuple(replace(one, gender="feminine") for one in panel.groups))
    assert counterfactual_figures(classifier, gendered, placebos(gendered, PACK.placebo_names)) == []
