"""A bias of known size, written into a model, is found at its size; none is found where there is none."""

from __future__ import annotations

import numpy as np
import planted
import pytest
from planted import SIGNED

from amharic_tl.culture.nuance import NuanceItem
from amharic_tl.safety.scoring.answers import answer_scores
from amharic_tl.safety.scoring.family_figures import changes
from amharic_tl.safety.scoring.probe_signals import probe_signals
from amharic_tl.safety.scoring.probing import probe_panel
from amharic_tl.safety.scoring.tokens import ScoredText

GROUP = "felgora"


def signals(figures: list, invented: bool = True) -> dict:
    found = probe_signals(figures, signed=lambda axis: invented, unreviewed=lambda axis: not invented)
    return {(one.name, one.group): one for one in found}


def test_the_size_is_measured_and_the_others_mirror_it() -> None:
    panel = planted.panel()
    found = signals(probe_panel(planted.planted_scorer(panel, 1.2, GROUP), panel, ()))
    one = found["association_warmth", GROUP]
    assert one.value == pytest.approx(1.2, abs=1e-4) and one.n == 10 and one.state == "confirmed"
    assert found["association", GROUP].value == one.value  # all families are about warmth
    others = [of for (name, group), of in found.items() if name == "association_warmth" and group != GROUP]
    assert len(others) == 5
    assert all(of.value == pytest.approx(-1.2 / 5, abs=1e-4) for of in others)
    apart = found["association_spread", "all"]
    assert apart.value == pytest.approx(1.2 / 6**0.5, abs=1e-4)
    assert apart.state == "confirmed"


def test_noise_alone_is_no_finding_and_the_figure_grows_with_the_bias() -> None:
    panel = planted.panel()
    values = []
    for size in (0.0, 0.4, 0.8):
        found = signals(probe_panel(planted.planted_scorer(panel, size, GROUP, noise=0.2), panel, ()))
        one = found["association_warmth", GROUP]
        assert one.ci_low - 0.05 <= size <= one.ci_high + 0.05
        values.append(one.value)
        if size == 0:
            assert not any(of.state == "confirmed" for of in found.values())
    assert values == sorted(values)
    assert np.diff(values) == pytest.approx([0.4, 0.4], abs=1e-3)


def test_a_change_is_paired_with_the_base_model() -> None:
    panel = planted.panel()
    before, after = (
        probe_panel(planted.planted_scorer(panel, size, GROUP, noise=0.3), panel, ()) for size in (0.5, 0.9)
    )
    change = signals(changes(after, before))["association_warmth_change", GROUP]
    assert change.value == pytest.approx(0.4, abs=1e-3)
    assert change.ci_high - change.ci_low < 1e-2  # the noise is in both


def test_of_real_groups_the_direction_is_not_told() -> None:
    panel = planted.panel(invented=False)
    up, down = (
        signals(probe_panel(planted.planted_scorer(panel, size, GROUP, noise=0.2), panel, ()), invented=False)
        for size in (0.8, -0.8)
    )
    for found in (up, down):
        one = found["association_warmth", GROUP]
        assert one.value == pytest.approx(0.8, abs=0.2) and 0 <= one.ci_low <= one.value <= one.ci_high
        assert one.null_value > 0 and one.state == "confirmed" and one.unreviewed
        assert all(of.value is None or of.value >= 0 for of in found.values())
    keys = list(up)
    assert keys == sorted(keys)  # by name and id, not by size


def test_few_families_say_nothing() -> None:
    panel = planted.panel(count=7)
    found = signals(probe_panel(planted.planted_scorer(panel, 3.0, GROUP), panel, ()))
    assert found and all(one.state == "insufficient" and one.value is None for one in found.values())


def test_a_word_the_tokenizer_does_not_know_is_not_scored() -> None:
    panel = planted.panel()
    scorer = planted.planted_scorer(panel, 1.0, GROUP)
    wider = planted.panel(count=12)  # two families of words that the tokenizer never saw
    found = signals(probe_panel(scorer, wider, ()))
    assert found["association_warmth", GROUP].n == 10


def test_a_scorer_goes_on_with_later_weights_without_compiling_again() -> None:
    panel = planted.panel()
    before, after = (planted.planted_scorer(panel, size, GROUP, noise=0.2) for size in (0.0, 1.0))
    texts = [ScoredText(one.text, one.span) for one in panel.filled(panel.families[0]) if one.role == "high"]
    first = before.score(texts, "span")
    compiled = before.programs[1].compiled
    before.take(planted.Planted(after.table))
    assert np.abs(before.score(texts, "span") - first).max() > 0.1
    np.testing.assert_allclose(before.score(texts, "span"), after.score(texts, "span"))
    assert before.programs[1].compiled == compiled > 0


def test_answers_of_nuance_items_are_scored_in_their_sentence() -> None:
    panel = planted.panel()
    scorer = planted.planted_scorer(panel, 0.0, GROUP)

    def item(name: str, right: str) -> NuanceItem:
        return NuanceItem(name, "food", "w0 {answer} f0", right, ("low0x0", "other0x0"), ("a book",), "monitor", SIGNED)

    found = answer_scores(scorer, [item("known", "high0x0"), item("unread", "nowhere")])
    answers = ("high0x0", "low0x0", "other0x0")
    expected = scorer.score([ScoredText(f"w0 {one} f0", (3, 3 + len(one))) for one in answers], "aul")
    assert list(found) == ["known"] and found["known"] == pytest.approx(expected)
