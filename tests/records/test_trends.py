"""What the training loss does is said when it does it, and seldom otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from amharic_tl.records.trends import LINES, began, trends

STEPS = np.arange(120)


def _lines(losses: np.ndarray) -> list[dict[str, Any]]:
    return [{"step": step + 1, "split": "train", "loss": float(loss)} for step, loss in enumerate(losses)]


def _share(make: Callable[[np.random.Generator], np.ndarray], runs: int = 60) -> dict[str, float]:
    found: Counter[str] = Counter()
    for seed in range(runs):
        found.update(trend.name for trend in trends(_lines(make(np.random.default_rng(seed)))) or [])
    return {name: count / runs for name, count in found.items()}


def _noise(generator: np.random.Generator, size: float) -> np.ndarray:
    return size * generator.normal(size=len(STEPS))


@pytest.mark.parametrize(
    ("make", "seen"),
    [
        (lambda g: 1 + _noise(g, 0.01), "plateau"),
        (lambda g: 1 + 0.03 * np.maximum(STEPS - 95, 0) + _noise(g, 0.05), "divergence"),
        (lambda g: 1 + 0.2 * (-1.0) ** STEPS + _noise(g, 0.1), "oscillation"),
        (lambda g: 1 + 0.3 * np.sin(STEPS * 2 * np.pi / 12) + _noise(g, 0.1), "oscillation"),
    ],
    ids=["plateau", "divergence", "period of 2", "period of 12"],
)
def test_what_is_planted_is_seen(make: Callable[[np.random.Generator], np.ndarray], seen: str) -> None:
    assert _share(make)[seen] >= 0.9


@pytest.mark.parametrize(
    "make",
    [
        lambda g: 2 * np.exp(-STEPS / 100) + _noise(g, 0.1),
        lambda g: np.exp(-STEPS / 100 + _noise(g, 0.3)),
        lambda g: 1 + _noise(g, 0.3),
        lambda g: 1e-5 * np.exp(_noise(g, 1.0)),
    ],
    ids=["falls", "falls with heavy tails", "scatters too much to say", "learned by heart"],
)
def test_what_is_not_there_is_seldom_seen(make: Callable[[np.random.Generator], np.ndarray]) -> None:
    assert sum(_share(make).values()) <= 0.05


def test_few_lines_say_nothing_and_skipped_updates_are_no_lines() -> None:
    flat = _lines(np.ones(LINES))
    assert [trend.name for trend in trends(flat) or []] == ["plateau"]
    skipped = [{"step": 0, "split": "train", "loss": None}, {"step": 0, "split": "validation", "loss": 1.0}]
    assert trends([*flat[1:], *skipped]) is None


def test_a_trend_begins_once() -> None:
    lines = _lines(np.concatenate([np.linspace(3, 1, 40), np.ones(80)]))
    said = [(step, trend.name) for step in range(20, 121, 20) for trend in began(lines, step - 20, step)]
    assert said == [(80, "plateau")]
