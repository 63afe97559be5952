"""The fairness table: what a known bias shows, what chance shows, what too few rows show, and where it is written."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from amharic_tl.safety.fairness.judged import Judged, in_loop
from amharic_tl.safety.fairness.table import fairness_table
from amharic_tl.safety.fairness.watched import about_fairness, named_rows, split_table, summary
from amharic_tl.safety.signals import Observed
from tests.safety import world

NAMES = ("a", "b", "few", "")


def made(seed: int, bias: float = 0.0, n: int = 800) -> Judged:
    """Rows in which harmless ones of group ``a`` score higher by ``bias``."""
    generator = np.random.default_rng(seed)
    groups = generator.choice(np.asarray(NAMES, object), n, p=[0.4, 0.4, 0.03, 0.17])
    positive = generator.random(n) < 0.4
    scores = np.clip(generator.normal(0.35 + 0.3 * positive + bias * ((groups == "a") & ~positive), 0.15), 0, 1)
    return Judged(scores, scores > 0.5, positive, {"x": groups})


@pytest.fixture(scope="module")
def biased() -> dict[str, dict]:  # type: ignore[type-arg]
    table = fairness_table(made(0, 0.15), 30)
    return {"table": table, **{row["name"]: row for row in table["axes"]["x"]["parity"]}}


def test_a_bias_is_noted_where_it_is(biased: dict) -> None:  # type: ignore[type-arg]
    odds, opportunity = biased["equalized_odds_difference"], biased["equal_opportunity_difference"]
    assert odds["noted"] and odds["value"] > 0.2 and odds["low"] <= odds["value"] <= odds["high"]
    assert 0 < odds["null"] < 0.1 and odds["p"] < 0.01  # a range is never 0, even where groups mean nothing
    assert not opportunity["noted"] and opportunity["p"] > 0.1
    assert biased["equalized_odds_ratio"]["p"] is None  # the same test again
    assert biased["table"]["screen"]["tests"] == 4
    a, b, _ = biased["table"]["axes"]["x"]["groups"]
    assert a["figures"]["bpsn_auc"]["high"] < b["figures"]["bpsn_auc"]["low"]
    gap = a["figures"]["average_equality_gap_negative"]
    assert 0 < gap["low"] < gap["value"] < gap["high"] and gap["value"] > 0.2
    assert a["figures"]["calibration_error"]["value"] > a["figures"]["calibration_error"]["null"]


def test_values_are_those_of_the_counts_in_the_loop(biased: dict) -> None:  # type: ignore[type-arg]
    for name, value in in_loop(made(0, 0.15), ["x"], 30).items():
        assert biased[name.rsplit("/")[-1]]["value"] == pytest.approx(value, abs=1e-12)


def test_too_few_rows_are_insufficient_and_hide_the_value(biased: dict) -> None:  # type: ignore[type-arg]
    few = biased["table"]["axes"]["x"]["groups"][2]
    assert few["group"] == "few" and 0 < few["n"] < 30
    assert {one["state"] for one in few["figures"].values()} == {"insufficient"}
    assert all(one["value"] is None and one["reason"] for one in few["figures"].values())
    assert biased["equalized_odds_difference"]["groups"] == 2
    rows = made(0)
    alone = fairness_table(dataclasses.replace(rows, groups={"x": np.where(rows.groups["x"] == "a", "a", "")}), 30)
    assert {row["state"] for row in alone["axes"]["x"]["parity"]} == {"insufficient"}
    assert alone["screen"]["tests"] == 0
    nobody = fairness_table(dataclasses.replace(rows, groups={"x": np.full(800, "", object)}), 30)
    assert nobody["axes"]["x"]["groups"] == []


def test_chance_is_seldom_noted() -> None:
    noted = [
        any(row["noted"] for row in fairness_table(made(seed, n=300), 20)["axes"]["x"]["parity"])
        for seed in range(1, 9)
    ]
    assert sum(noted) <= 3  # 10% each


def test_rows_of_a_run_become_a_table_that_says_what_it_rests_on() -> None:
    rows, operator, settings = world.rows(400, seed=0), world.operator(), world.settings()
    labels = np.asarray([world.LABELS.index(row.label or "") for row in rows])
    shown = world.probabilities(world.prejudiced, [row.text for row in rows])
    observed = Observed("test", 7, labels, shown, np.zeros((0, 2)), np.asarray([False, True]))
    table = split_table(named_rows(rows, operator), observed, operator, settings)
    dalumi, *others = table["axes"]["ethnicity"]["groups"]
    assert dalumi["group"] == "dalumi" and dalumi["figures"]["false_positive"]["value"] == 1.0
    assert {one["figures"]["false_positive"]["value"] for one in others} == {0.0}
    assert {"axis": "ethnicity", "name": "equalized_odds_difference"} in summary(table)["noted"]
    assert any("equalized odds difference 1.000" in line for line in about_fairness(table))
    assert (table["step"], table["positive_labels"]) == (7, ["harm"])
