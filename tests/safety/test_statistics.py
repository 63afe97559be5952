"""Estimates and tests: published toy values, exactness, and nulls that hold."""

from __future__ import annotations

import numpy as np
import pytest

from amharic_tl.safety.statistics import first_rows, holm, paired_excess, range_over_groups, rate_against_others

# The toy of fairlearn's user guide: selection rates .75 .5 .5, equal-opportunity difference .2.
LABELS = np.asarray([0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1], bool)
PREDICTED = np.asarray([0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0], bool)
GROUPS = np.searchsorted(["a", "b", "c"], list("bbabbcccaacabccbcc"))


def test_ranges_equal_the_published_toy_values() -> None:
    assert range_over_groups(PREDICTED, GROUPS, 0, 1000).value == pytest.approx(0.25)
    assert range_over_groups(PREDICTED[LABELS], GROUPS[LABELS], 0, 1000).value == pytest.approx(0.2)
    right = PREDICTED == LABELS
    worst = range_over_groups(right, GROUPS, 0, 1000, "worst")
    accuracies = [right[np.equal(GROUPS, one)].mean() for one in range(3)]
    assert worst.value == pytest.approx(np.mean(right) - min(accuracies))


def test_the_null_of_a_range_is_that_of_shuffled_groups() -> None:
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(4), 40)
    events = generator.random(160) < 0.3
    shuffled = []
    for _ in range(4000):
        drawn = generator.permutation(groups)
        shuffled.append(np.ptp([events[drawn == group].mean() for group in range(4)]))
    assert range_over_groups(events, groups, 1, 20_000).null == pytest.approx(np.mean(shuffled), abs=0.005)


def test_unbiased_groups_are_rejected_at_no_more_than_the_level() -> None:
    generator = np.random.default_rng(1)
    groups = np.repeat(np.arange(5), 35)
    p = [range_over_groups(generator.random(175) < 0.4, groups, seed, 999).p for seed in range(400)]
    assert np.mean(np.asarray(p) <= 0.05) <= 0.08
    p = []
    for seed in range(400):
        inside = generator.random(120) < 0.3
        events = generator.random(120) < 0.5
        p.append(rate_against_others(events, inside, np.arange(120), seed, 1).p)
    assert np.mean(np.asarray(p) <= 0.05) <= 0.08


def test_a_model_that_flips_at_random_has_no_excess_over_placebo() -> None:
    generator = np.random.default_rng(2)
    p = []
    for seed in range(400):
        differences = (generator.random(90) < 0.2).astype(float) - (generator.random(90) < 0.2)
        p.append(paired_excess(differences, np.arange(90), seed).p)
    assert np.mean(np.asarray(p) <= 0.05) <= 0.08


def test_an_excess_as_large_as_the_margin_is_rejected_at_no_more_than_the_level() -> None:
    generator = np.random.default_rng(4)
    p = {0.02: [], 0.0: []}
    for seed in range(400):
        # Flips .20 against .18: an excess of exactly .02, in rows that come in clusters of one to three.
        clusters = np.repeat(np.arange(900), generator.integers(1, 4, 900))
        differences = (generator.random(len(clusters)) < 0.20).astype(float) - (generator.random(len(clusters)) < 0.18)
        for margin, of in p.items():
            of.append(paired_excess(differences, clusters, seed, margin).p)
    assert 0.02 <= np.mean(np.asarray(p[0.02]) <= 0.05) <= 0.08
    assert np.mean(np.asarray(p[0.0]) <= 0.05) > 0.3  # without the margin the same excess counts


def test_a_margin_leaves_large_excesses_and_small_samples_as_they_were() -> None:
    large = np.repeat([1.0, 0.0], [60, 40])
    assert paired_excess(large, np.arange(100), 0, 0.02).p < 1e-9
    few = np.repeat([1.0, 0.0], [3, 40])  # three flips more: McNemar's exact p is the larger of the two
    assert paired_excess(few, np.arange(43), 0, 0.02).p == paired_excess(few, np.arange(43), 0).p
    assert paired_excess(np.ones(1), np.zeros(1, int), 0, 0.02).p == 1.0
    assert paired_excess(np.ones(50), np.arange(50), 0, 0.02).p < 1e-9


def test_paired_excess_is_mcnemar_for_flips_and_signed_rank_for_scores() -> None:
    from scipy.stats import binomtest, wilcoxon

    flips = np.asarray([1.0] * 14 + [-1.0] * 3 + [0.0] * 60)
    estimate = paired_excess(flips, np.arange(len(flips)), 0)
    assert estimate.p == pytest.approx(binomtest(14, 17, alternative="greater").pvalue)
    assert estimate.value == pytest.approx(11 / 77)
    assert estimate.low < estimate.value < estimate.high
    scores = np.random.default_rng(0).normal(0.1, 0.2, 50)
    assert paired_excess(scores, np.arange(50), 0).p == pytest.approx(wilcoxon(scores, alternative="greater").pvalue)


def test_clusters_count_once() -> None:
    flips = np.repeat([1.0, 0.0, 1.0, 0.0], 25)
    estimate = paired_excess(flips, np.repeat(np.arange(4), 25), 0)
    assert estimate.n == 4
    assert estimate.p > 0.05  # two clusters moved, not fifty rows
    assert estimate.high - estimate.low > 0.5
    assert first_rows(np.asarray([3, 3, 1, 3, 1, 2])).tolist() == [True, False, True, False, False, True]


def test_an_interval_is_never_a_point() -> None:
    nothing = paired_excess(np.zeros(60), np.arange(60), 0)
    assert (nothing.low, nothing.high, nothing.p) == (-3 / 60, 3 / 60, 1.0)
    same = range_over_groups(np.ones(60, bool), np.repeat([0, 1], 30), 0, 99)
    assert same.low < same.value < same.high


def test_a_higher_or_a_lower_rate_can_be_harm() -> None:
    inside = np.repeat([True, False], 60)
    events = np.concatenate([np.repeat([True, False], 30), np.repeat([True, False], [10, 50])])
    more, less = (rate_against_others(events, inside, np.arange(120), 0, sign) for sign in (1, -1))
    assert more.value == -less.value == pytest.approx(0.5 - 10 / 60)
    assert more.p < 0.001 < 0.99 < less.p
    assert more.low == pytest.approx(-less.high) and more.n == 60


def test_holm_on_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005], 0.05) == [True, False, False, True]
    assert holm([0.2, 0.001], 0.05) == [False, True]
    assert holm([], 0.05) == []
