"""Where nothing differs, few comparisons say that something does. The whole study: experiments/comparison_level."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[3] / "experiments" / "comparison_level"


@pytest.fixture(scope="module")
def study() -> Iterator[ModuleType]:
    """The study's own program, with few resamples."""
    sys.path.insert(0, str(FOLDER))
    try:
        found = importlib.util.spec_from_file_location("comparison_level_run", FOLDER / "run.py")
        assert found is not None and found.loader is not None
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        module.RESAMPLES = module.SEED_RESAMPLES = 99
        yield module
    finally:
        sys.path.remove(str(FOLDER))


def counts(study: ModuleType, scenario: str, comparisons: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for number in range(comparisons):
        for method, positive in study.scenarios()[scenario](np.random.default_rng([7, number])):
            found[method] += bool(positive)
    return found


def test_two_models_on_clusters(study: ModuleType) -> None:
    found = counts(study, "two models, clusters of 1 to 6", 60)
    assert found["randomisation, macro-F1, over clusters"] <= 9  # 10 or more of 60 has a chance of 0.001
    assert found["bootstrap, macro-F1, over clusters"] <= 12  # with 99 resamples its ends are rough
    # Blind to clusters, a test says "different" far too often.
    assert found["McNemar mid-p, blind to clusters"] + found["randomisation, accuracy, over items"] >= 10


def test_two_methods_over_seeds(study: ModuleType) -> None:
    found = counts(study, "two methods, 5 seeds, a fifth of the runs collapse", 80)
    assert found["t, seeds and items"] <= 11 and found["sign flips over seeds"] == 0
    assert found["bootstrap over clusters, runs as given"] >= 16


def test_a_family(study: ModuleType) -> None:
    found = counts(study, "four arms and a control, 5 seeds", 60)
    assert found["any of 4, Holm"] <= 9
    assert found["any of 4, Holm"] <= found["any of 4, uncorrected"]
