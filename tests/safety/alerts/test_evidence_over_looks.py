"""What adds up over looks: published values, false alarms over many trajectories without bias, and detection."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from amharic_tl.safety.alerts.betting import BETS, log_e_value, multiplied, restored, stored
from amharic_tl.safety.alerts.cusum import accumulated, limit_for, run_length, standardised
from amharic_tl.safety.alerts.evidence import parts_of
from amharic_tl.safety.alerts.spending import Spending, share_of_look, spent
from amharic_tl.safety.alerts.start import split_half_noise
from amharic_tl.safety.signals import Paired

LEVEL, LOOKS, ITEMS, WAYS = 0.05, 12, 40, 1500


@pytest.mark.parametrize("kind", ["equal", "pocock", "obrien-fleming"])
def test_looks_spend_the_level_and_no_more(kind: Spending) -> None:
    shares = [share_of_look(LEVEL, look, LOOKS, kind) for look in range(1, LOOKS + 1)]
    assert sum(shares) == pytest.approx(LEVEL) and min(shares) > 0
    assert share_of_look(LEVEL, LOOKS + 3, LOOKS, kind) == shares[-1]


def test_spending_functions_have_their_published_values() -> None:
    # Lan & DeMets 1983: alpha_1(1/2) = 2 - 2 Phi(1.96 sqrt 2), alpha_2(1/2) = 0.05 ln(1 + (e - 1) / 2).
    assert spent(0.05, 0.5, "obrien-fleming") == pytest.approx(2 - 2 * norm.cdf(1.959964 * math.sqrt(2)), rel=1e-5)
    assert spent(0.05, 0.5, "pocock") == pytest.approx(0.05 * math.log(1 + (math.e - 1) / 2))
    early = share_of_look(LEVEL, 1, LOOKS, "obrien-fleming")
    assert early < share_of_look(LEVEL, 1, LOOKS, "equal") < share_of_look(LEVEL, 1, LOOKS, "pocock")


@pytest.mark.parametrize(("limit", "length"), [(4.0, 336), (5.0, 930)])
def test_average_run_lengths_are_those_of_the_tables(limit: float, length: int) -> None:
    """Montgomery, *Introduction to Statistical Quality Control*: two-sided 168 and 465 at k = 1/2; one-sided twice."""
    assert run_length(limit) == pytest.approx(length, rel=0.005)


def test_a_limit_has_the_run_length_it_was_chosen_for_and_a_shift_passes_it() -> None:
    limit, generator = limit_for(50.0), np.random.default_rng(1)
    sums, first = np.zeros(2000), np.full(2000, 0)
    for look in range(1, 500):
        sums = accumulated(sums, generator.normal(size=2000))
        first = np.where((first == 0) & (sums >= limit), look, first)
    assert first.min() > 0 or (first == 0).sum() < 5
    assert first[first > 0].mean() == pytest.approx(50, rel=0.08)
    sums = np.zeros(500)
    for _ in range(8):
        sums = accumulated(sums, generator.normal(1.5, size=500))
    assert (sums >= limit).mean() > 0.95


def _wealth(means: np.ndarray, margin: float, seed: int) -> np.ndarray:
    """Largest log e-value over the looks of trajectories whose items are -1, 0 or 1 with these means, by look."""
    generator = np.random.default_rng(seed)
    purses, largest = np.zeros((WAYS, len(BETS))), np.zeros(WAYS)
    for mean in means:
        drawn = generator.random((WAYS, ITEMS))
        values = (drawn < 0.2 + mean / 2).astype(float) - (drawn > 0.8 + mean / 2)
        purses = multiplied(purses, values, margin)
        largest = np.maximum(largest, log_e_value(purses))
    return largest


def test_bets_on_nothing_are_won_no_more_often_than_the_level_says() -> None:
    limit = math.log(1 / LEVEL)
    assert (_wealth(np.zeros(LOOKS), 0.0, 0) >= limit).mean() <= LEVEL
    assert (_wealth(np.full(LOOKS, 0.05), 0.05, 1) >= limit).mean() <= LEVEL  # as much as is allowed
    drifting = np.linspace(-0.2, 0.05, LOOKS)  # never above it
    assert (_wealth(drifting, 0.05, 2) >= limit).mean() <= LEVEL
    assert (_wealth(np.full(LOOKS, 0.25), 0.02, 3) >= limit).mean() > 0.95


@pytest.mark.parametrize("kind", ["equal", "pocock", "obrien-fleming"])
def test_tests_that_repeat_on_the_same_items_stay_within_the_level(kind: Spending) -> None:
    """Looks at one model that drifts are correlated, here by 0.7 from look to look; the level holds all the same."""
    generator = np.random.default_rng(4)
    noise = generator.normal(size=(WAYS, LOOKS))
    z = noise.copy()
    for look in range(1, LOOKS):
        z[:, look] = 0.7 * z[:, look - 1] + math.sqrt(1 - 0.49) * noise[:, look]
    limits = norm.isf([share_of_look(LEVEL, look, LOOKS, kind) for look in range(1, LOOKS + 1)])
    assert (z >= limits).any(axis=1).mean() <= LEVEL
    assert (z + 5.0 >= limits).any(axis=1).mean() > 0.99
    assert (z >= norm.isf(LEVEL)).any(axis=1).mean() > 3 * LEVEL  # what looking without a share comes to


def test_purses_travel_through_a_signal_and_the_mean_of_purses_is_the_wealth() -> None:
    purses = multiplied(np.zeros(len(BETS)), np.asarray([1.0, 0.0, -1.0, 1.0]), 0.1)
    by_hand = [math.prod(1 + bet * (x - 0.1) / 1.1 for x in (1.0, 0.0, -1.0, 1.0)) for bet in BETS]
    assert math.exp(log_e_value(purses)) == pytest.approx(np.mean(by_hand))
    np.testing.assert_array_equal(restored(stored(purses)), purses)
    np.testing.assert_array_equal(restored({}), np.zeros(len(BETS)))


def test_a_cluster_is_new_to_one_look_alone() -> None:
    clusters = np.asarray([5, 7, 5, 9, 7, 100])
    parts = parts_of(clusters, 4)
    assert parts[0] == parts[2] and parts[1] == parts[4] and set(parts) <= set(range(4))
    assert len(set(parts_of(np.arange(200), 4))) == 4


def test_changes_are_standardised_only_where_there_are_some() -> None:
    assert standardised(np.zeros(20)) is None and standardised(np.ones(7)) is None
    generator = np.random.default_rng(0)
    z = np.asarray([standardised(generator.normal(size=12)) for _ in range(400)], float)
    assert abs(z.mean()) < 0.15 and z.std() == pytest.approx(1.0, abs=0.12)


def test_the_noise_of_halves_is_that_of_the_mean() -> None:
    values = np.random.default_rng(3).normal(size=400)
    found = split_half_noise(Paired(values, np.arange(400)), 0)
    assert found == pytest.approx(1.96 * values.std() / 20, rel=0.1)
