"""Nuance retention: accuracy and what was lost, from made-up scores."""

from __future__ import annotations

import pytest

from amharic_tl.culture.nuance import NuanceItem, family_of
from amharic_tl.culture.pack import open_pack
from amharic_tl.language.authored import Authorship
from amharic_tl.records.signals import SafetySignal
from amharic_tl.safety.nuance import AnswerScores, Scores, nuance_signals

KNOWN = AnswerScores(-1.0, (-2.0, -3.0))
UNKNOWN = AnswerScores(-3.0, (-2.0, -4.0))


def items(families: int, each: int = 1, topic: str = "food", status: str = "reviewed") -> list[NuanceItem]:
    written = Authorship("person", "a test", ("a reader",) if status == "reviewed" else (), status)
    return [
        NuanceItem(
            f"{topic}.f{family}.n{number}", topic, "{answer} ነው።", "ጤፍ", ("ምስር", "ገብስ"), ("a book",), "monitor", written
        )
        for family in range(families)
        for number in range(each)
    ]


def scores_of(of: list[NuanceItem], unknown: int = 0) -> Scores:
    """The first ``unknown`` items are not known."""
    return {item.id: UNKNOWN if place < unknown else KNOWN for place, item in enumerate(of)}


def signals(of: list[NuanceItem], scores: Scores, base: Scores | None = None) -> dict[tuple[str, str], SafetySignal]:
    found = nuance_signals(of, scores, split="monitor", step=3, threshold=0.05, base=base)
    assert len({signal.key for signal in found}) == len(found)
    return {(signal.name, signal.group): signal for signal in found}


def test_a_tie_is_not_known_and_one_wrong_answer_is_enough_to_be_wrong() -> None:
    assert AnswerScores(1.0, (0.5, 0.9)).known
    assert not AnswerScores(1.0, (0.5, 1.0)).known
    assert not AnswerScores(1.0, (0.5, 1.5)).known
    with pytest.raises(ValueError, match="expected a score"):
        AnswerScores(float("nan"), (0.5,))
    with pytest.raises(ValueError, match="expected a score"):
        AnswerScores(1.0, ())


def test_accuracy_stands_beside_chance_by_topic_and_counts_families() -> None:
    of = items(10, each=3) + items(9, topic="places")
    found = signals(of, scores_of(of, unknown=6))
    every, food = found["nuance_accuracy", "all"], found["nuance_accuracy", "food"]
    assert (food.value, food.n, food.detail["items"], food.detail["known"]) == (0.8, 10, 30, 24)
    assert every.value == pytest.approx((0.8 * 10 + 9) / 19) and every.n == 19
    assert every.null_value == pytest.approx(1 / 3) and every.p_value is None
    assert found["nuance_accuracy", "places"].value == 1.0
    assert set(food.evidence_ids) == {item.id for item in of[:6]}
    assert ("nuance_retention", "all") not in found


def test_the_t_interval_of_few_families_is_that_of_their_means() -> None:
    of = items(10, each=3)
    food = signals(of, scores_of(of, unknown=6))["nuance_accuracy", "food"]
    # Two families at 0 and eight at 1: mean 0.8, s 0.4216, t(9) 2.2622.
    assert food.ci_low == pytest.approx(0.8 - 2.2622 * 0.4216 / 10**0.5, abs=1e-3)
    assert food.ci_high == 1.0
    assert "t interval" in food.estimator
    many = items(25)
    assert "bootstrap" in signals(many, scores_of(many, 3))["nuance_accuracy", "food"].estimator


def test_what_was_lost_is_paired_with_the_base_model() -> None:
    of = items(24)
    base, now = scores_of(of), scores_of(of, unknown=8)
    lost = signals(of, now, base)["nuance_retention", "all"]
    assert lost.value == pytest.approx(8 / 24)
    # McNemar's exact test, one-sided: eight moved, all the same way.
    assert lost.p_value == pytest.approx(0.5**8)
    assert lost.ci_low is not None and lost.ci_low > 0 and lost.direction == "greater"
    assert (lost.detail["lost"], lost.detail["gained"], lost.threshold) == (8, 0, 0.05)
    assert set(lost.evidence_ids) == {item.id for item in of[:8]}
    gained = signals(of, base, now)["nuance_retention", "all"]
    assert gained.value == pytest.approx(-8 / 24) and gained.p_value == 1.0 and not gained.evidence_ids


def test_a_model_compared_with_itself_has_lost_nothing_and_is_not_certain_of_it() -> None:
    of = items(24)
    same = signals(of, scores_of(of, 5), scores_of(of, 5))["nuance_retention", "all"]
    assert (same.value, same.p_value, same.state) == (0.0, 1.0, "ok")
    assert same.ci_low is not None and same.ci_high is not None and same.ci_low < 0 < same.ci_high


def test_items_of_one_family_are_not_independent_evidence() -> None:
    of = items(8, each=5)
    # Five of forty items are lost, all in one family: one family moved.
    lost = signals(of, scores_of(of, unknown=5), scores_of(of))["nuance_retention", "all"]
    assert (lost.n, lost.value, lost.p_value) == (8, 1 / 8, 0.5)


def test_under_eight_families_nothing_is_claimed() -> None:
    of = items(7, each=20)
    for signal in signals(of, scores_of(of, unknown=140), scores_of(of)).values():
        assert signal.state == "insufficient" and "7 families" in signal.reason
        assert signal.ci_low is None and signal.p_value is None and signal.value is not None


def test_drafts_are_marked_and_scores_must_fit_the_items() -> None:
    of = items(8) + items(8, topic="places", status="draft")
    found = signals(of, scores_of(of))
    assert [found["nuance_accuracy", topic].unreviewed for topic in ("all", "food", "places")] == [True, False, True]
    with pytest.raises(ValueError, match=r"food\.f0\.n0 needs scores of 1 right and 2 wrong"):
        signals(of, {**scores_of(of), of[0].id: AnswerScores(1.0, (0.0,))})
    with pytest.raises(ValueError, match="needs scores"):
        signals(of, scores_of(of), {})
    with pytest.raises(ValueError, match="no nuance item"):
        signals([], {})


def test_the_amharic_items_cover_every_topic_and_divide_by_family() -> None:
    of = open_pack("am").nuance
    counts = {topic: sum(item.topic == topic for item in of) for topic in {item.topic for item in of}}
    assert counts["calendar"] + counts["clock"] >= 30 and counts["holidays"] >= 25 and counts["proverbs"] >= 21
    assert min(counts[topic] for topic in ("honorifics", "kinship", "food", "places")) >= 12
    shares = {split: sum(item.split == split for item in of) / len(of) for split in ("monitor", "penalty", "held-out")}
    assert shares["monitor"] == pytest.approx(0.6, abs=0.05) and min(shares.values()) == pytest.approx(0.2, abs=0.05)
    splits: dict[str, set[str]] = {}
    for item in of:
        splits.setdefault(family_of(item), set()).add(item.split)
        assert 2 <= len(item.wrong) <= 3
        longest, shortest = (f(map(len, (item.right, *item.wrong))) for f in (max, min))
        assert longest <= 2 * shortest + 6, item.id
    assert all(len(of_family) == 1 for of_family in splits.values())
    assert len(splits) >= 60
    found = signals(list(of), {item.id: AnswerScores(1.0, (0.0,) * len(item.wrong)) for item in of})
    assert found["nuance_accuracy", "all"].value == 1.0 and found["nuance_accuracy", "all"].unreviewed
