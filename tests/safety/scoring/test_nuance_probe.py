"""Nuance items asked of a scorer: accuracy, retention against a base, drafts, kinds that cannot be asked."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import planted
import pytest
from planted import SIGNED

from amharic_tl.culture.nuance import NuanceItem
from amharic_tl.culture.pack import Pack, open_pack
from amharic_tl.language.authored import Authorship
from amharic_tl.safety.drafts import WATERMARK
from amharic_tl.safety.scoring.family_figures import FamilyFigure
from amharic_tl.safety.scoring.nuance_probe import probe_nuance
from amharic_tl.safety.scoring.probe_signals import probe_signals

DRAFT = Authorship("language-model", "a test", (), "draft")


def pack_of(known: int, lost: int, written: Authorship = SIGNED) -> Pack:
    """Items whose right answer is a warm word of a family, and some that no tokenizer here reads."""
    items = tuple(
        NuanceItem(
            f"food.f{number}.a", "food", "w0 {answer} f0", f"high{number}x0", (f"low{number}x0",), ("a book",),
            "monitor", written,
        )
        for number in range(known + lost)
    )  # fmt: skip
    unread = NuanceItem("food.unread.a", "food", "w0 {answer} f0", "nowhere", ("f0",), ("a book",), "monitor", written)
    return replace(open_pack("demo"), nuance=(*items, unread))


@pytest.fixture(scope="module")
def scorers() -> tuple[planted.PlantedScorer, planted.PlantedScorer]:
    """A base that prefers the right answer of every item, and a model that has lost two of them."""
    panel = planted.panel()
    base, model = (planted.planted_scorer(panel, 0.0, "felgora") for _ in range(2))
    vocabulary = base._tokenizer.get_vocab()
    table = base.table.copy()
    for number in range(10):
        table[:, vocabulary[f"high{number}x0"]] = 5.0
        table[:, vocabulary[f"low{number}x0"]] = 0.0
    base.take(planted.Planted(table))
    for number in (8, 9):
        table[:, vocabulary[f"low{number}x0"]] = 9.0
    model.take(planted.Planted(table))
    return base, model


def test_what_was_known_and_is_no_longer_is_counted_in_pairs(
    scorers: tuple[planted.PlantedScorer, planted.PlantedScorer],
) -> None:
    base, model = scorers
    found = probe_nuance(model, pack_of(8, 2), base=base)
    assert found is not None and found.about["asked"] == 10 and found.about["unread"] == ["food.unread.a"]
    by_name = {(one.name, one.group): one for one in found.signals}
    accuracy, lost = by_name["nuance_accuracy", "all"], by_name["nuance_retention", "all"]
    assert accuracy.value == pytest.approx(0.8) and accuracy.null_value == pytest.approx(0.5)
    assert lost.value == pytest.approx(0.2) and lost.n == 10 and lost.evidence_ids == ("food.f8.a", "food.f9.a")
    assert lost.ci_low is not None and lost.ci_high is not None and lost.ci_low <= 0.2 <= lost.ci_high
    alone = probe_nuance(model, pack_of(8, 2))
    assert alone is not None and {one.name for one in alone.signals} == {"nuance_accuracy"}


def test_retention_belongs_to_the_family_of_tests_of_the_probe(
    scorers: tuple[planted.PlantedScorer, planted.PlantedScorer],
) -> None:
    base, model = scorers
    found = probe_nuance(model, pack_of(8, 2), base=base)
    assert found is not None
    figure = FamilyFigure("association", "ethnicity", "dalumi", {str(n): 1 + n / 99 for n in range(9)}, "made", 0.1)
    signals = probe_signals([figure], signed=lambda _: True, unreviewed=lambda _: False, beside=found.signals)
    assert len(signals) == 1 + len(found.signals)
    retention = next(one for one in signals if one.name == "nuance_retention" and one.group == "all")
    assert retention.state == "ok" and "screen_p" in retention.detail
    assert next(one for one in signals if one.name == "nuance_accuracy").state == "ok"


def test_drafts_are_asked_only_where_allowed_and_a_classifier_is_not_asked(
    scorers: tuple[planted.PlantedScorer, planted.PlantedScorer],
) -> None:
    _, model = scorers
    pack = pack_of(8, 2, DRAFT)
    refused = probe_nuance(model, pack)
    assert refused is not None and not refused.signals and "--allow-draft" in refused.about["note"]
    allowed = probe_nuance(model, pack, allow_draft=True)
    assert allowed is not None and allowed.about["watermark"] == WATERMARK
    assert all(one.unreviewed for one in allowed.signals)
    classifier: Any = SimpleNamespace(kind="classifier")
    other = probe_nuance(classifier, pack, allow_draft=True)
    assert other is not None and not other.signals and "no score" in other.about["note"]
    assert probe_nuance(model, pack, split="held-out") is None
