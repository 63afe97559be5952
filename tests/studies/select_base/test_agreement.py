"""When a score counts as having foretold what fine-tuning gave."""

from __future__ import annotations

from amharic_tl.studies.select_base.agreement import agreement
from amharic_tl.studies.select_base.fine_tuning import chosen

UP = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


def outcomes(values: list[float]) -> list[list[float]]:
    return [[value - 0.01, value + 0.01] for value in values]


def test_an_order_that_came_true_is_informative() -> None:
    found = agreement(UP, [0.0] * 6, outcomes(UP))
    assert found["verdict"] == "informative"
    assert found["tau"] == 1.0 and found["low"] > 0 and found["p"] <= 1 / 700


def test_the_order_reversed_misleads() -> None:
    assert agreement(UP, [0.0] * 6, outcomes(UP[::-1]))["verdict"] == "misleading"


def test_three_bases_are_too_few_whatever_their_order() -> None:
    found = agreement(UP[:3], [0.0] * 3, outcomes(UP[:3]))
    assert found["verdict"] == "uninformative" and found["tau"] == 1.0
    assert "uninformative here" in found["sentence"]


def test_four_bases_must_agree_wholly() -> None:
    assert agreement(UP[:4], [0.0] * 4, outcomes(UP[:4]))["verdict"] == "informative"
    assert agreement(UP[:4], [0.0] * 4, outcomes([0.2, 0.1, 0.3, 0.4]))["verdict"] == "uninformative"


def test_an_order_within_the_scores_own_uncertainty_is_uninformative() -> None:
    found = agreement(UP, [1.0] * 6, outcomes(UP))
    assert found["verdict"] == "uninformative" and found["low"] <= 0


def test_an_order_within_the_spread_of_seeds_is_uninformative() -> None:
    noisy = [[value - 0.8, value + 0.8] for value in UP]
    assert agreement(UP, [0.0] * 6, noisy)["verdict"] == "uninformative"


def test_bases_that_tie_say_nothing() -> None:
    found = agreement([0.5] * 5, [0.0] * 5, outcomes(UP[:5]))
    assert found["tau"] is None and found["verdict"] == "uninformative"


def test_the_lower_base_is_drawn_from_those_below_and_does_not_change() -> None:
    top, lower = chosen(["a", "b", "c", "d", "e"], 2, seed=3)
    assert top == ["a", "b"] and lower in ("c", "d", "e")
    assert chosen(["a", "b", "c", "d", "e"], 2, seed=3) == (top, lower)
    assert {chosen(["a", "b", "c", "d", "e"], 2, seed)[1] for seed in range(20)} == {"c", "d", "e"}
    assert chosen(["a", "b"], 2, seed=3) == (["a", "b"], None)
