"""The window: what enters it, what it calls a spike, and which batches come after a stretch that was left out."""

from __future__ import annotations

import numpy as np
import pytest

from amharic_tl.training.stability.detours import merged, position
from amharic_tl.training.stability.spikes import Spikes, entered

SPIKES = Spikes(window=9, least=4, deviations=5.0, skip=True)


def _window(losses: list[float]) -> np.ndarray:
    recent = np.asarray(SPIKES.beginning().recent)
    for loss in losses:
        recent = np.asarray(entered(recent, np.asarray([loss, 1.0], np.float32), np.isfinite(loss)))
    return recent


def test_nothing_is_a_spike_before_enough_is_known() -> None:
    assert np.isinf(SPIKES.limits(_window([1.0, 1.1, 0.9]))).all()
    assert np.isfinite(SPIKES.limits(_window([1.0, 1.1, 0.9, 1.0]))).all()


def test_the_limit_is_the_median_and_deviations_of_it() -> None:
    losses = [1.0, 1.4, 0.8, 1.2, 2.0]
    # median 1.2, absolute deviations .2 .2 .4 0 .8: MAD .2
    assert SPIKES.limits(_window(losses))[0] == pytest.approx(1.2 + 5 * 0.2 / 0.6745, rel=1e-5)
    # A norm that never scatters: the least deviation is 0.05 of the median.
    assert SPIKES.limits(_window(losses))[1] == pytest.approx(1.25)


def test_what_is_not_finite_never_enters_and_outliers_move_nothing() -> None:
    calm = [1.0, 1.1, 0.9, 1.05, 0.95, 1.0, 1.02]
    np.testing.assert_array_equal(_window([*calm[:3], np.nan, np.inf, *calm[3:]]), _window(calm))
    assert SPIKES.limits(_window([*calm, 1e30, 1e30]))[0] < 2.0


def test_the_oldest_goes_first() -> None:
    np.testing.assert_array_equal(_window([float(n) for n in range(20)])[0], np.arange(11, 20))


@pytest.mark.parametrize(
    "stretches", [[], [(3, 4)], [(3, 4), (6, 6)], [(6, 6), (3, 4)], [(0, 2), (2, 5)], [(3, 9), (5, 6)]]
)
def test_a_step_sees_the_next_batch_that_is_not_left_out(stretches: list[tuple[int, int]]) -> None:
    out = {place for first, last in stretches for place in range(first, last + 1)}
    left = [place for place in range(40) if place not in out]
    assert [position(step, stretches) for step in range(20)] == left[:20]
    joined = merged(stretches)
    assert {place for first, last in joined for place in range(first, last + 1)} == out
    assert all(one[1] + 1 < other[0] for one, other in zip(joined, joined[1:], strict=False))
