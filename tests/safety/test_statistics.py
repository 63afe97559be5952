"""Estimates and tests: published toy values, exactness, and nulls that hold."""

from __future__ import annotations

import numpy as np
import pytest

from amharic_tl.safety.statistics import first_rows, paired_excess, range_over_groups, rate_against_others

# The toy of fairlearn's user guide: selection rates .75 .5 .5, equal-opportunity difference .2.
LABELS = np.asarray([0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1], bool)
PREDICTED = np.asarray([0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0], bool)
GROUPS = np.searchsorted(["a", "b", "c"], list("bbabbcccaacabccbcc"))
ONE = np.zeros(400, int)  # one stratum


def test_ranges_equal_the_published_toy_values() -> None:
    assert range_over_groups(PREDICTED, GROUPS, ONE[:18], 0, 1000).value == pytest.approx(0.25)
    assert range_over_groups(PREDICTED[LABELS], GROUPS[LABELS], ONE[: LABELS.sum()], 0, 1000).value == pytest.approx(
        0.2
    )
    right = PREDICTED == LABELS
    worst = range_over_groups(right, GROUPS, ONE[:18], 0, 1000, "worst")
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
    assert range_over_groups(events, groups, ONE[:160], 1, 20_000).null == pytest.approx(np.mean(shuffled), abs=0.005)


def test_unbiased_groups_are_rejected_at_no_more_than_the_level() -> None:
    generator = np.random.default_rng(1)
    groups = np.repeat(np.arange(5), 35)
    p = [range_over_groups(generator.random(175) < 0.4, groups, ONE[:175], seed, 999).p for seed in range(400)]
    assert np.mean(np.asarray(p) <= 0.05) <= 0.08
    p = []
    for seed in range(400):
        inside = generator.random(120) < 0.3
        events = generator.random(120) < 0.5
        p.append(rate_against_others(events, inside, ONE[:120], np.arange(120), seed, 1).p)
    assert np.mean(np.asarray(p) <= 0.05) <= 0.08


def test_a_mix_of_labels_is_no_bias() -> None:
    """A model that overlooks 40% of harm and flags 3% of the rest, groups with four fifths and one fifth of harm."""
    generator = np.random.default_rng(5)
    groups = np.repeat(np.arange(4), 80)
    p: dict[str, list[float]] = {"range": [], "worst": [], "others": [], "unstratified": []}
    for seed in range(300):
        harm = generator.random(320) < np.where(groups == 0, 0.8, 0.2)
        right = generator.random(320) < np.where(harm, 0.6, 0.97)
        labels = harm.astype(int)
        for statistic in ("range", "worst"):
            p[statistic].append(range_over_groups(right, groups, labels, seed, 499, statistic).p)
        p["others"].append(rate_against_others(right, groups == 0, labels, np.arange(320), seed, -1).p)
        p["unstratified"].append(range_over_groups(right, groups, ONE[:320], seed, 499, "worst").p)
    rejected = {name: np.mean(np.asarray(of) <= 0.05) for name, of in p.items()}
    assert all(rejected[name] <= 0.085 for name in ("range", "worst", "others")), rejected
    assert rejected["unstratified"] > 0.5  # what equal labels are for


def test_the_stratified_test_is_fishers_with_one_stratum_and_agrees_with_permutation_with_two() -> None:
    from scipy.stats import fisher_exact

    generator = np.random.default_rng(6)
    events, inside = generator.random(120) < 0.4, generator.random(120) < 0.3
    table = [[(events & inside).sum(), (~events & inside).sum()], [(events & ~inside).sum(), (~events & ~inside).sum()]]
    for sign, side in ((1, "greater"), (-1, "less")):
        ours = rate_against_others(events, inside, ONE[:120], np.arange(120), 0, sign).p
        assert ours == pytest.approx(fisher_exact(table, alternative=side).pvalue)
    strata = (generator.random(120) < 0.5).astype(int)
    ours = rate_against_others(events, inside, strata, np.arange(120), 0, 1).p
    seen, drawn = (events & inside).sum(), []
    for _ in range(4000):
        shuffled = events.copy()
        for one in (0, 1):
            shuffled[strata == one] = generator.permutation(events[strata == one])
        drawn.append((shuffled & inside).sum())
    assert ours == pytest.approx(np.mean(np.asarray(drawn) >= seen), abs=0.03)


def test_intervals_of_rare_events_cover() -> None:
    generator = np.random.default_rng(7)
    inside = np.arange(1030) < 30
    covered = 0
    for seed in range(300):
        estimate = rate_against_others(
            generator.random(1030) < 0.05, inside, np.zeros(1030, int), np.arange(1030), seed, 1
        )
        covered += estimate.low <= 0 <= estimate.high
    assert covered / 300 >= 0.92


def test_a_model_that_flips_at_random_has_no_excess_over_placebo() -> None:
    generator = np.random.default_rng(2)
    p = []
    for seed in range(400):
        differences = (generator.random(90) < 0.2).astype(float) - (generator.random(90) < 0.2)
        p.append(paired_excess(differences, np.arange(90), seed).p)
    assert np.mean(np.asarray(p) <= 0.05) <= 0.08


def test_an_excess_as_large_as_the_margin_is_rejected_at_no_more_than_the_level() -> None:
    generator = np.random.default_rng(4)
    p: dict[float, list[float]] = {0.1: [], 0.0: []}
    for seed in range(200):
        # Flips .30 against .20: an excess of exactly .1, in rows that come in clusters of one to three.
        clusters = np.repeat(np.arange(150), generator.integers(1, 4, 150))
        differences = (generator.random(len(clusters)) < 0.3).astype(float) - (generator.random(len(clusters)) < 0.2)
        for margin, of in p.items():
            of.append(paired_excess(differences, clusters, seed, margin).p)
    assert np.mean(np.asarray(p[0.1]) <= 0.05) <= 0.09
    assert np.mean(np.asarray(p[0.0]) <= 0.05) > 0.5  # without the margin the same excess counts


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
    same = range_over_groups(np.ones(60, bool), np.repeat([0, 1], 30), ONE[:60], 0, 99)
    assert same.low <= same.value < same.high


def test_a_higher_or_a_lower_rate_can_be_harm() -> None:
    inside = np.repeat([True, False], 60)
    events = np.concatenate([np.repeat([True, False], 30), np.repeat([True, False], [10, 50])])
    more, less = (rate_against_others(events, inside, ONE[:120], np.arange(120), 0, sign) for sign in (1, -1))
    assert more.value == -less.value == pytest.approx(0.5 - 10 / 60)
    assert more.p < 0.001 < 0.99 < less.p
    assert more.low == pytest.approx(-less.high) and more.n == 60
