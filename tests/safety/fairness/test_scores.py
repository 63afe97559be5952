"""Rankings, calibration, counterfactuals and means over families."""

from __future__ import annotations

import numpy as np
import pytest

from amharic_tl.evaluation.multiplicity import benjamini_hochberg
from amharic_tl.safety.fairness.calibration import calibration
from amharic_tl.safety.fairness.counterfactual import counterfactual
from amharic_tl.safety.fairness.over_families import mean_over_families
from amharic_tl.safety.fairness.ranking import auc, bias_aware_auc, generalised_mean, rank_group


def test_the_toy_example_of_unintended_bias_is_reproduced() -> None:
    scores = np.asarray([0.1, 0.2, 0.3, 0.21, 0.31, 0.55, 0.5, 0.8, 0.9, 0.4, 0.6, 0.71])
    positive = np.arange(12) >= 6
    inside = np.arange(12) // 3 % 2 == 1
    found = rank_group(scores, positive, inside)
    overall = auc(scores[positive], scores[~positive])
    assert found.subgroup and found.bpsn and found.bnsp and overall
    assert (found.subgroup.value, found.bpsn.value, found.bnsp.value) == pytest.approx((8 / 9, 8 / 9, 1), abs=1e-12)
    assert round(overall.value, 5) == 0.94444
    assert (round(found.negative_gap or 0, 5), round(found.positive_gap or 0, 5)) == (0.38889, -0.27778)
    assert 0 < found.bnsp.low < 0.5 and found.bnsp.high == 1.0  # three rows a side: an AUC of 1 is no certainty
    final = bias_aware_auc(overall.value, [found])
    assert final == pytest.approx((17 / 18 + 8 / 9 + 8 / 9 + 1) / 4, abs=1e-12)


def test_an_auc_is_none_without_rows_and_half_for_ties() -> None:
    assert auc(np.ones(3), np.zeros(0)) is None
    tied = auc(np.full(30, 0.5), np.full(40, 0.5))
    assert tied and tied.value == 0.5 and tied.low < 0.4 < 0.6 < tied.high
    alone = rank_group(np.ones(3), np.ones(3, bool), np.ones(3, bool))
    assert (alone.subgroup, alone.bpsn, alone.bnsp, alone.negative_gap) == (None, None, None, None)


def test_the_generalised_mean_leans_towards_the_worst() -> None:
    assert generalised_mean([0.5, 0.9], 1) == pytest.approx(0.7)
    assert generalised_mean([0.5, 0.9]) == pytest.approx(((0.5**-5 + 0.9**-5) / 2) ** -0.2)
    assert generalised_mean([0.0, 0.9]) == 0.0 and generalised_mean([]) is None
    with pytest.raises(ValueError, match="power"):
        generalised_mean([0.5], 0)


def test_delong_covers_the_auc_it_should() -> None:
    generator = np.random.default_rng(1)
    inside = 0
    for _ in range(200):
        found = auc(generator.normal(1.0, 1, 40), generator.normal(0, 1, 40))
        assert found
        inside += found.low <= 0.76025 <= found.high  # Phi(1 / sqrt 2)
    assert 0.90 <= inside / 200 <= 0.99


def test_calibration_takes_off_what_sampling_adds() -> None:
    generator = np.random.default_rng(2)
    right, wrong = [], []
    for _ in range(60):
        scores = generator.random(300)
        right.append(calibration(scores, generator.random(300) < scores))
        wrong.append(calibration(scores, generator.random(300) < scores**2))
    plain, debiased, null = (np.mean([getattr(one, name) for one in right]) for name in ("error", "debiased", "null"))
    assert plain == pytest.approx(null, abs=0.005) and debiased < 0.6 * plain
    assert np.mean([one.debiased for one in wrong]) == pytest.approx(1 / 6, abs=0.01)  # E|p - p^2|
    assert calibration(np.zeros(0), np.zeros(0, bool)) is None


def test_calibration_does_not_depend_on_the_order_of_rows_and_knows_simple_cases() -> None:
    scores, labels = np.repeat([0.2, 0.8], 50), np.arange(100) % 5 == 0
    there, back = calibration(scores, labels), calibration(scores[::-1], labels[::-1])
    assert there and back and there.error == pytest.approx(0.5 * abs(0.8 - 0.2)) and vars(there) == vars(back)
    assert there.brier == pytest.approx(np.mean((scores - labels) ** 2))


def test_each_text_counts_once_and_asymmetric_counterfactuals_do_not() -> None:
    scores, found = np.asarray([0.4, 0.6, 0.2]), np.asarray([False, True, False])
    swapped = np.asarray([[0.6, 0.4], [0.3, 0.9], [0.9, 0.9]])
    valid = np.asarray([[True, True], [True, False], [False, False]])
    seen = counterfactual(scores, swapped, found, swapped >= 0.5, valid)
    assert seen and seen.n == 2
    assert seen.gap == pytest.approx((0.1 + 0.3) / 2) and seen.signed_gap == pytest.approx((0.1 - 0.3) / 2)
    assert (seen.to_positive, seen.from_positive, seen.flips) == pytest.approx((0.25, 0.5, 0.75))
    assert np.isnan(seen.by_text[2])
    assert counterfactual(scores, swapped, found, swapped >= 0.5, valid & False) is None


def test_few_families_have_a_t_interval_and_fewer_have_none() -> None:
    items = np.tile([0.0, 1.0], 100)
    four = mean_over_families(items, np.repeat(np.arange(4), 50))
    assert four.value == 0.5 and four.low is None and "4 families" in four.reason
    generator = np.random.default_rng(0)
    held = []
    for _ in range(300):
        values = np.repeat(generator.normal(0, 1, 8), 5) + generator.normal(0, 0.1, 40)
        found = mean_over_families(values, np.repeat(np.arange(8), 5))
        assert found.method.startswith("Student") and found.low is not None and found.high is not None
        held.append(found.low <= 0 <= found.high)
    assert 0.92 <= np.mean(held) <= 0.98
    many = mean_over_families(generator.normal(0, 1, 100), np.repeat(np.arange(25), 4))
    assert many.n == 25 and many.method.startswith("BCa")
    # A family of many items weighs as much as one of few; an item without a figure is left out.
    uneven = mean_over_families(np.asarray([1.0] * 90 + [0.0, np.nan]), np.asarray([0] * 90 + [1, 2]))
    assert uneven.value == 0.5 and uneven.n == 2
    equal = mean_over_families(np.zeros(30), np.arange(30))
    assert equal.low is not None and equal.high is not None and equal.low < 0 < equal.high


def test_a_screen_controls_the_share_of_false_findings() -> None:
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
    assert benjamini_hochberg([]) == []
