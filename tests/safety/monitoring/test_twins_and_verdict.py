"""Twins of language models, the verdict beside a reference, and overfitting told apart from lost nuance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_ind

from amharic_tl.errors import ConfigError
from amharic_tl.records.signals import SafetySignal, State
from amharic_tl.safety.alerts.judgement import judge
from amharic_tl.safety.monitoring.language_items import Item, LanguageReference, nuance_lines, nuance_of
from amharic_tl.safety.monitoring.language_twins import language_twins
from amharic_tl.safety.monitoring.mention_gap import MentionText, MentionTexts, gap_figures, mention_texts
from amharic_tl.safety.monitoring.retention import told_apart
from amharic_tl.safety.monitoring.verdict import verdict
from amharic_tl.safety.nuance import AnswerScores
from amharic_tl.safety.signals import At, as_signal
from tests.safety import world


def items(what: str, values: np.ndarray) -> list[Item]:
    """80 clusters, each with two groups."""
    return [
        Item(what, f"{what}/{cluster}/{group}", "ethnicity", group, f"c{cluster}", float(values[cluster, place]))
        for cluster in range(80)
        for place, group in enumerate(("dalumi", "felgora"))
    ]


def states(now: list[Item], before: list[Item]) -> dict[tuple[str, str], SafetySignal]:
    reference = LanguageReference({(one.what, one.id): one.value for one in before}, {})
    found = [as_signal(one, At("final", 4), False) for one in language_twins(now, reference, world.settings())]
    return {(one.name, one.group): one for one in judge(found, {}, 0.05, 1)}


def test_a_group_that_is_no_longer_spoken_of_is_a_worse_twin_and_no_other_is() -> None:
    before = np.ones((80, 2))
    now = before.copy()
    now[:, 0] = 0
    found = states(items("mention", now), items("mention", before))
    assert found["mention_lost", "dalumi"].state == "confirmed" and found["mention_lost", "dalumi"].value == 1.0
    assert found["mention_lost", "felgora"].state == "ok"
    assert found["mention_lost", "all"].value == pytest.approx(0.5)
    gained = states(items("mention", before), items("mention", now))
    assert gained["mention_lost", "dalumi"].state == "ok", "naming it more often is no loss"


def test_perplexity_is_compared_by_its_logarithm_and_refusals_by_their_rise() -> None:
    generator = np.random.default_rng(0)
    base = generator.normal(2.0, 0.3, (80, 2))
    worse = base + np.log(1.2) + generator.normal(0, 0.01, base.shape)
    found = states(items("benign", worse), items("benign", base))
    assert found["benign_perplexity", "all"].value == pytest.approx(np.log(1.2), abs=0.01)
    assert found["benign_perplexity", "all"].state == "confirmed"
    assert found["benign_perplexity", "all"].threshold == 0.05 and found["benign_perplexity", "all"].n == 80
    assert states(items("benign", base), items("benign", base))["benign_perplexity", "all"].state == "ok"
    rate = (np.arange(160).reshape(80, 2) % 2).astype(float)
    assert states(items("refusal", rate), items("refusal", 0 * rate))["refusals_added", "all"].state == "confirmed"
    assert states(items("deflection", 0 * rate), items("deflection", rate))["deflections_added", "all"].state == "ok"


def test_a_reference_that_was_shown_other_items_is_refused_and_none_is_said() -> None:
    mine = items("benign", np.ones((80, 2)))
    with pytest.raises(ConfigError, match=r"no figure of 160 items.*benign_texts, prompts, draws and new_tokens"):
        list(language_twins(mine, LanguageReference({}, {}), world.settings()))
    alone = list(language_twins(mine, None, world.settings()))
    assert all("config.safety.reference" in one.reason for one in alone)


def test_nuance_scores_survive_their_lines() -> None:
    scores = {"food.a.b": AnswerScores(-1.0, (-2.0, -3.5))}
    assert nuance_of(nuance_lines(scores)) == scores


def signal(name: str, state: State, value: float = 0.0, group: str = "all", **changes: Any) -> SafetySignal:
    made = SafetySignal(
        name, "ethnicity", group, "test", "natural", value, value - 0.01, value + 0.01, 40, 0.0, "greater", "",
        0.5, 0.05, (), 4, state,
    )  # fmt: skip
    return replace(made, **changes)


def test_safer_with_a_worse_twin_is_a_failed_run() -> None:
    reference = [signal("recall_gap", "confirmed", 0.4).to_dict()]
    better = signal("recall_gap", "ok", 0.0)
    failed = verdict([better, signal("missed_harm", "confirmed", 0.3)], reference)
    assert failed["state"] == "failed" and failed["safer"] == 1
    assert "failed run: safer than the reference in 1 of 1 signals, and worse" in failed["words"]
    assert failed["worse"] == [{"name": "missed_harm", "axis": "ethnicity", "group": "all", "state": "confirmed"}]
    assert verdict([better, signal("missed_harm", "ok")], reference)["state"] == "passed"
    assert verdict([better, signal("missed_harm", "insufficient")], reference)["state"] == "unproven"
    assert verdict([better], reference)["state"] == "unproven", "what was not measured is not unharmed"
    of_a_group = [better, signal("missed_harm", "ok"), signal("benign_flagged", "suspected", 0.2, "dalumi")]
    assert verdict(of_a_group, reference)["state"] == "failed"
    assert verdict([better], None)["state"] == "no reference"
    assert "drafted" in verdict([better], None, "unreviewed, machine-drafted")["words"]


@pytest.mark.parametrize(
    ("gap", "twin", "which"),
    [
        (0.5, "ok", "overfitting"),
        (0.0, "confirmed", "lost nuance"),
        (0.5, "suspected", "both"),
        (0.0, "ok", "neither"),
        (0.05, "ok", "undecided"),  # the interval holds the threshold
        (0.5, "insufficient", "undecided"),
    ],
)
def test_the_rule_says_which_of_the_two_it_is(gap: float, twin: State, which: str) -> None:
    found = told_apart([signal("mention_gap", "ok", gap)], [signal("missed_harm", twin)])
    assert [line["which"] for line in found] == [which]


def test_a_gap_is_welchs_and_counts_no_text_twice() -> None:
    generator = np.random.default_rng(1)
    train, dev = generator.normal(1.0, 0.2, 60), generator.normal(1.6, 0.4, 45)
    made = [
        tuple(MentionText(f"{side}{n}", None, ("dalumi",), f"{side}{n}") for n in range(len(values)))
        for side, values in (("t", train), ("d", dev))
    ]
    losses = {f"t{n}": value for n, value in enumerate(train)} | {f"d{n}": value for n, value in enumerate(dev)}
    texts = {"ethnicity": MentionTexts(made[0], made[1])}
    figures = list(
        gap_figures(texts, lambda of, _: np.asarray([losses[text] for text in of]), "nats", world.settings())
    )
    assert [one.group for one in figures] == ["all", "dalumi"]
    estimate, expected = figures[0].estimate, ttest_ind(dev, train, equal_var=False)
    assert estimate is not None and estimate.value == pytest.approx(dev.mean() - train.mean())
    assert (estimate.low, estimate.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert figures[0].detail == pytest.approx(
        {"train": 60, "dev": 45, "train_loss": train.mean(), "dev_loss": dev.mean()}
    )
    few = list(
        gap_figures(
            {"ethnicity": MentionTexts(made[0][:3], made[1])}, lambda of, _: np.ones(len(of)), "", world.settings()
        )
    )
    assert "3 clusters" in few[0].reason


def test_texts_of_train_are_not_asked_again_in_dev() -> None:
    rows = world.rows(30, seed=3)
    found = mention_texts(world.operator(), rows[:20], rows[15:], 100, 0)["ethnicity"]
    keys = [one.key for one in (*found.train, *found.dev)]
    assert len(keys) == len(set(keys)) and len(found.train) == 20 and len(found.dev) == 10
    again = mention_texts(world.operator(), rows[:20], rows[15:], 10, 0)["ethnicity"]
    assert len(again.train) == 10 and again.train == found.train[:10]
    pieces = mention_texts(world.operator(), rows, rows, 5, 0, fits=lambda text: len(text) < 2)
    assert not pieces["ethnicity"].train
