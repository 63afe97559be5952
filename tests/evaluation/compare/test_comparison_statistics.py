"""The statistics agree with closed forms, with published implementations on toy cases, and with scikit-learn."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom, ttest_ind, ttest_rel

from amharic_tl.evaluation.compare.bootstrap import paired_bootstrap
from amharic_tl.evaluation.compare.clusters import cluster_numbers, cluster_sums
from amharic_tl.evaluation.compare.collapse import collapsed
from amharic_tl.evaluation.compare.contrast import Measured, effect, mean_interval
from amharic_tl.evaluation.compare.expected_best import expected_best
from amharic_tl.evaluation.compare.mcnemar import mcnemar
from amharic_tl.evaluation.compare.randomisation import approximate_randomisation, sign_flip
from amharic_tl.evaluation.compare.stochastic_order import almost_stochastic_order, violation_ratio
from amharic_tl.evaluation.multiplicity import holm


def mean(sums: np.ndarray) -> np.ndarray:
    """A score that is a mean: sums are (value, one)."""
    return sums[..., 0] / sums[..., 1]


def values(numbers: np.ndarray) -> np.ndarray:
    """``[..., items]`` as ``[..., items, 2]``."""
    return np.stack([numbers, np.ones_like(numbers)], axis=-1)


def test_holm_agrees_with_statsmodels() -> None:
    # statsmodels 0.15.0, multipletests(..., method="holm").
    assert holm([0.01, 0.04, 0.03, 0.005, 0.2]) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.2])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_mcnemar_agrees_with_statsmodels_and_its_closed_form() -> None:
    def sides(only_a: int, only_b: int) -> tuple[np.ndarray, np.ndarray]:
        a = np.repeat([True, False, True], [only_a, only_b, 15])
        return a, np.repeat([False, True, True], [only_a, only_b, 15])

    # statsmodels 0.15.0, mcnemar(..., exact=True).
    assert mcnemar(*sides(3, 12)).exact == pytest.approx(0.03515625)
    assert mcnemar(*sides(7, 9)).exact == pytest.approx(0.803619384765625)
    assert mcnemar(*sides(3, 12)).mid_p == pytest.approx(0.03515625 - binom.pmf(3, 15, 0.5))
    assert mcnemar(*sides(4, 4)).mid_p <= 1.0 and mcnemar(*sides(0, 0)).exact == 1.0


def test_randomisation_goes_through_all_exchanges() -> None:
    a, b = np.array([1.0, 0, 0, 1, 0, 0, 1]), np.array([1.0, 1, 1, 0, 1, 1, 1])
    differences = b - a
    observed = abs(differences.sum())
    flips = [
        abs((np.array(signs) * differences).sum()) >= observed - 1e-9 for signs in itertools.product([1, -1], repeat=7)
    ]
    assert approximate_randomisation(values(a)[None], values(b)[None], mean) == pytest.approx(np.mean(flips))
    assert sign_flip(differences) == pytest.approx(np.mean(flips))
    # As McNemar's exact test, whose distribution is the same.
    assert np.mean(flips) == pytest.approx(mcnemar(a > 0, b > 0).exact)
    assert sign_flip(np.array([0.1, 0.2, 0.3, 0.2, 0.1])) == 2 / 2**5


def test_randomisation_by_chance_is_near_the_exact_one_and_never_zero() -> None:
    generator = np.random.default_rng(0)
    a = generator.integers(0, 2, 60).astype(float)
    b = np.where(generator.random(60) < 0.5, generator.integers(0, 2, 60), a).astype(float)
    exact = mcnemar(a > 0, b > 0).exact
    assert approximate_randomisation(values(a)[None], values(b)[None], mean) == pytest.approx(exact, abs=0.02)
    assert approximate_randomisation(values(np.zeros(60))[None], values(np.ones(60))[None], mean) == 1e-4


def test_the_bootstrap_of_a_mean_is_near_the_normal_interval() -> None:
    generator = np.random.default_rng(1)
    a, b = generator.normal(0, 1, 400), generator.normal(0.2, 1, 400)
    low, high = paired_bootstrap(values(a)[None], values(b)[None], mean, resamples=4000)
    reach = 1.96 * np.std(b - a, ddof=1) / 20
    assert low == pytest.approx((b - a).mean() - reach, abs=0.01)
    assert high == pytest.approx((b - a).mean() + reach, abs=0.01)


def test_copies_of_items_narrow_nothing_where_they_are_clusters() -> None:
    generator = np.random.default_rng(2)
    a, b = generator.normal(0, 1, 50), generator.normal(0, 1, 50)
    copied = cluster_sums(values(np.repeat([a, b], 4, axis=1)), np.repeat(np.arange(50), 4))
    one = paired_bootstrap(values(a)[None], values(b)[None], mean)
    four = paired_bootstrap(copied[:1], copied[1:], mean)
    assert four == pytest.approx(one)
    assert approximate_randomisation(copied[:1], copied[1:], mean) == pytest.approx(
        approximate_randomisation(values(a)[None], values(b)[None], mean)
    )


def test_clusters_are_joined_by_way_of_others() -> None:
    found = cluster_numbers(list("abcdef"), {"a": 1, "b": 1}, {"b": "x", "c": "x", "d": "y"})
    assert found[0] == found[1] == found[2] and len({found[0], found[3], found[4], found[5]}) == 4


def test_the_violation_ratio_agrees_with_deepsig() -> None:
    # deepsig 1.2.8: compute_violation_ratio(dt=0.0001); aso(confidence_level=0.95, num_bootstrap_iterations=4000).
    crossed = [0.4, 0.7, 0.42, 0.71, 0.69], [0.58, 0.6, 0.61, 0.59, 0.62]
    assert float(violation_ratio(*map(np.array, crossed))) == pytest.approx(0.71597, abs=5e-4)
    near = [0.61, 0.64, 0.62, 0.66, 0.63], [0.60, 0.62, 0.63, 0.61, 0.59]
    found = almost_stochastic_order(*map(np.array, near), resamples=4000)
    assert found.violation == 0.0 and found.epsilon_min == pytest.approx(0.1386, abs=0.01)
    equal = np.array([0.5, 0.52, 0.54])
    assert almost_stochastic_order(equal, equal[::-1]).violation == 0.5


def test_the_violation_ratio_has_its_closed_form() -> None:
    # Quantiles of b are above by 1 on the lower half, below by 2 on the upper: 1 / (1 + 4).
    assert float(violation_ratio(np.array([0.0, 5.0]), np.array([1.0, 3.0]))) == pytest.approx(1 / 5)
    a, b = np.array([1.0, 4.0, 6.0]), np.array([2.0, 5.0])
    levels = (np.arange(60_000) + 0.5) / 60_000
    gap = np.quantile(b, levels, method="inverted_cdf") - np.quantile(a, levels, method="inverted_cdf")
    assert float(violation_ratio(a, b)) == pytest.approx(np.sum(np.maximum(gap, 0) ** 2) / np.sum(gap**2), abs=1e-4)


@pytest.mark.parametrize("unbiased", [True, False])
def test_the_expected_best_is_the_mean_over_all_sets(unbiased: bool) -> None:
    scores = [0.2, 0.9, 0.5, 0.4, 0.5]
    sets = itertools.combinations if unbiased else lambda s, n: itertools.product(s, repeat=n)
    wanted = [np.mean([max(one) for one in sets(scores, n)]) for n in range(1, 6)]
    assert expected_best(np.array(scores), unbiased=unbiased) == pytest.approx(wanted)
    lowest = [np.mean([min(one) for one in sets(scores, n)]) for n in range(1, 6)]
    assert expected_best(np.array(scores), unbiased=unbiased, higher_is_better=False) == pytest.approx(lowest)


def test_over_seeds_alone_the_contrast_is_students_and_welchs() -> None:
    x, y = [0.61, 0.64, 0.66, 0.6, 0.59], [0.6, 0.58, 0.63, 0.61, 0.55]
    arms = [Measured(dict(enumerate(x))), Measured(dict(enumerate(y)))]
    paired = effect(arms, (1, -1))
    assert paired.p == pytest.approx(ttest_rel(x, y).pvalue) and paired.paired and paired.basis == "seeds"
    assert (paired.low, paired.high) == pytest.approx(tuple(ttest_rel(x, y).confidence_interval()))
    others = effect([arms[0], Measured({seed + 10: score for seed, score in enumerate(y[:4])})], (1, -1))
    welch = ttest_ind(x, y[:4], equal_var=False)
    assert others.p == pytest.approx(welch.pvalue) and others.degrees == pytest.approx(welch.df) and not others.paired


def test_seeds_without_a_partner_are_left_out_of_pairs() -> None:
    found = effect([Measured({0: 0.5, 1: 0.7, 2: 0.9}), Measured({1: 0.6, 2: 0.7, 5: 0.1})], (1, -1))
    assert found.value == pytest.approx(0.15) and found.seeds == ((1, 2), (1, 2))


def test_over_items_alone_the_contrast_is_the_paired_t() -> None:
    generator = np.random.default_rng(3)
    a, b = generator.normal(0.3, 1, 40), generator.normal(0, 1, 40)
    arms = [Measured({0: float(x.mean())}, {0: values(x)}) for x in (a, b)]
    found = effect(arms, (1, -1), mean)
    assert found.basis == "items" and found.clusters == 40
    assert found.p == pytest.approx(ttest_rel(a, b).pvalue)


def test_both_errors_add_up() -> None:
    generator = np.random.default_rng(4)
    runs = generator.normal(0, 1, (2, 3, 40)) + generator.normal(0, 0.3, (2, 3, 1))
    arms = [Measured(dict(enumerate(x.mean(axis=1))), dict(enumerate(values(x)))) for x in runs]
    seeds, both = effect([Measured(arm.scores) for arm in arms], (1, -1)), effect(arms, (1, -1), mean)
    items = (runs[0] - runs[1]).mean(axis=0)
    variance = np.var((runs[0] - runs[1]).mean(axis=1), ddof=1) / 3 + np.var(items, ddof=1) / 40
    assert both.basis == "seeds and items" and both.value == pytest.approx(seeds.value)
    assert both.high is not None and both.degrees is not None and 2 < both.degrees < 41
    from scipy.stats import t

    assert both.high - both.value == pytest.approx(t.ppf(0.975, both.degrees) * math.sqrt(variance))


def test_what_tells_no_error_gets_none() -> None:
    lone = effect([Measured({0: 0.5}), Measured({0: 0.4})], (1, -1))
    assert lone.basis == "none" and lone.p is None and lone.low is None
    # Two seeds that differ by the same say nothing of the error.
    same = effect([Measured({0: 0.5, 1: 0.75}), Measured({0: 0.25, 1: 0.5})], (1, -1))
    assert same.value == 0.25 and same.p is None
    assert mean_interval([0.5]) is None


def test_collapsed_runs() -> None:
    assert collapsed(0.3, 0.3, True, False) and not collapsed(0.31, 0.3, True, False)
    assert collapsed(1.2, 1.1, False, False) and not collapsed(1.0, 1.1, False, False)
    assert (
        collapsed(0.9, None, True, True) and collapsed(None, None, True, False) and collapsed(math.nan, 0, True, False)
    )
    assert not collapsed(0.9, None, True, False)
