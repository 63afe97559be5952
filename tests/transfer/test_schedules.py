"""Rates by step, beside the papers' formulas and optax's."""

from __future__ import annotations

import numpy as np
import optax
import pytest

from amharic_tl.config import OptimConfig
from amharic_tl.config.optim import SlantedTriangularConfig, WarmupStableDecayConfig
from amharic_tl.transfer.schedules import length, make_schedule


def _rates(steps: int, **settings: object) -> np.ndarray:
    return np.asarray(make_schedule(OptimConfig(**{"lr": 1.0, **settings}), steps)(np.arange(steps)))


@pytest.mark.parametrize("kind", ["linear", "cosine", "constant", "warmup-stable-decay"])
def test_schedules_rise_and_fall(kind: str) -> None:
    rates = _rates(100, schedule=kind, warmup=0.2)
    np.testing.assert_allclose(rates[:20], np.arange(1, 21) / 21, rtol=1e-6)
    assert rates.max() == pytest.approx(1.0)
    if kind == "constant":
        assert (rates[20:] == 1.0).all()
    else:
        assert (np.diff(rates[20:]) <= 0).all() and rates[-1] < 0.3


def test_linear_and_cosine_are_those_of_optax_down_to_the_floor() -> None:
    steps = np.arange(80)
    linear = optax.linear_schedule(1.0, 0.1, 80)(steps)
    np.testing.assert_allclose(_rates(100, warmup=20, floor=0.1)[20:], linear, rtol=1e-5)
    cosine = optax.cosine_decay_schedule(1.0, 80, alpha=0.1)(steps)
    np.testing.assert_allclose(_rates(100, schedule="cosine", warmup=20, floor=0.1)[20:], cosine, rtol=1e-5)


def test_the_slanted_triangle_is_that_of_the_paper() -> None:
    found = _rates(200, schedule="slanted-triangular", slanted_triangular=SlantedTriangularConfig(16.0))
    cut, share, ratio = 20, 0.1, 16.0
    for step, rate in enumerate(found):
        part = step / cut if step < cut else 1 - (step - cut) / (cut * (1 / share - 1))
        assert rate == pytest.approx((1 + part * (ratio - 1)) / ratio, rel=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 9, 19, 105])
def test_the_slanted_triangle_of_few_steps_stays_between_its_bounds(steps: int) -> None:
    found = _rates(steps, schedule="slanted-triangular")
    assert found.max() == 1.0 and (found >= 1 / 32).all() and np.isfinite(found).all()
    assert np.argmax(found) == steps // 10


@pytest.mark.parametrize(("shape", "middle"), [("1-sqrt", 1 - np.sqrt(0.5)), ("linear", 0.5)])
def test_the_rate_is_stable_until_the_cooldown(shape: str, middle: float) -> None:
    settings = WarmupStableDecayConfig(0.2, shape)
    found = _rates(100, schedule="warmup-stable-decay", warmup=10, warmup_stable_decay=settings)
    assert (found[10:81] == 1.0).all() and found[81] < 1.0
    assert found[90] == pytest.approx(middle, rel=1e-5)
    low = _rates(100, schedule="warmup-stable-decay", warmup=10, warmup_stable_decay=settings, floor=0.5)
    np.testing.assert_allclose(low[10:], 0.5 + 0.5 * found[10:], rtol=1e-5)
    short = _rates(3, schedule="warmup-stable-decay", warmup=2, warmup_stable_decay=WarmupStableDecayConfig(50.0))
    np.testing.assert_allclose(short, [1 / 3, 2 / 3, 1.0], rtol=1e-6)


def test_lengths() -> None:
    assert [length(0.06, 100), length(7.0, 100), length(0.29, 100, down=True), length(0.1, 19, down=True)] == [
        6,
        7,
        29,
        1,
    ]
