"""Interpolation, means, the greedy choice, and the range that a range test gives: on numbers made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from amharic_tl.transfer.averaging import greedy, interpolated, mean_of, misfits
from amharic_tl.transfer.rate_range import Divergence, centred, exponential_rates, range_of


def test_interpolation_leaves_alone_what_has_no_base() -> None:
    base = {"a": np.float32([0.0, 0.1])}
    tuned = {"a": np.float32([1.0, 0.3]), "head": np.float32([5.0])}
    for alpha, expected in ((0.0, [0.0, 0.1]), (0.25, [0.25, 0.15]), (1.0, [1.0, 0.3])):
        found = interpolated(base, tuned, alpha)
        np.testing.assert_allclose(found["a"], np.float32(expected), rtol=1e-6)
        np.testing.assert_array_equal(found["head"], [5.0])
    np.testing.assert_array_equal(interpolated(base, tuned, 0.0)["a"], base["a"])
    np.testing.assert_array_equal(interpolated(base, tuned, 1.0)["a"], tuned["a"])


def test_a_mean_of_many_loses_no_digits() -> None:
    members = [lambda: {"a": np.float32([1e8])}, lambda: {"a": np.float32([1.0])}, lambda: {"a": np.float32([-1e8])}]
    np.testing.assert_allclose(mean_of(members)["a"], [1 / 3], rtol=1e-6)
    assert misfits({"a": np.zeros(2), "b": np.zeros(1)}, {"a": np.zeros(3)}) == [
        "b is in one alone",
        "a is [2] and [3]",
    ]


def test_the_greedy_soup_takes_who_does_not_make_it_worse() -> None:
    values = {"b": 0.8, "ba": 0.7, "bc": 0.8, "bcd": 0.9}
    asked = []

    def score(names: Sequence[str]) -> float:
        asked.append("".join(names))
        return values[asked[-1]]

    assert greedy("abcd", [0.79, 0.8, 0.78, 0.1], score) == ["b", "c", "d"]
    assert asked == ["ba", "bc", "bcd"]


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_the_range_is_where_a_known_curve_falls(noise: float) -> None:
    rates = exponential_rates(1e-6, 1.0, 120)
    position = np.log10(rates)
    # Flat up to 1e-4, falls to 1e-2, then rises to many times as much.
    losses = 2.0 - np.clip((position + 4) / 2, 0, 1) + np.clip(position + 2, 0, None) ** 3
    losses = losses + noise * np.random.default_rng(0).normal(size=120)
    found = range_of(rates, losses)
    assert found is not None
    assert 5e-5 < found.low < 4e-4 and 4e-3 < found.high < 3e-2 and found.low <= found.steepest <= found.high


def test_a_loss_that_only_scatters_or_rises_has_no_range() -> None:
    rates = exponential_rates(1e-6, 1.0, 60)
    seeds = range(40)
    found = [range_of(rates, 1 + 0.1 * np.random.default_rng(seed).normal(size=60)) for seed in seeds]
    assert sum(one is not None for one in found) <= 2
    assert range_of(rates, 1 + np.arange(60.0)) is None
    assert range_of(rates[:3], [1.0, np.nan, 1.0]) is None
    np.testing.assert_allclose(centred([0.0, 3.0, 6.0, 9.0, 12.0]), [3.0, 4.5, 6.0, 7.5, 9.0])


def test_it_diverges_at_four_times_the_lowest_average() -> None:
    steady, broken = Divergence(), Divergence()
    assert not any(steady.seen(loss) for loss in [1.0] * 20 + [1.5] * 20)
    assert steady.seen(100.0)
    assert not broken.seen(1.0) and broken.seen(float("nan"))
