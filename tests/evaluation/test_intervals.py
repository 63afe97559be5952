"""Intervals: against scipy, by coverage, and where nothing can be said."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap
from sklearn.metrics import f1_score

from amharic_tl.evaluation import intervals as module
from amharic_tl.evaluation.intervals import bootstrap_intervals, intervals, wilson

NAMES = ["ሀ", "ለ", "መ"]
# Gold by predicted, as shares of the rows.
CELLS = np.asarray([[0.46, 0.06, 0.02], [0.08, 0.20, 0.04], [0.02, 0.04, 0.08]])


def draw(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    cells = np.random.default_rng(seed).choice(9, size=n, p=CELLS.ravel())
    return cells // 3, cells % 3


def test_accuracy_and_the_f1_of_a_class_have_wilson_intervals() -> None:
    gold, guessed = draw(200, 0)
    found = intervals(gold, guessed, NAMES)
    ends = binomtest(int((gold == guessed).sum()), 200).proportion_ci(0.95, "wilson")
    assert found["accuracy"] == pytest.approx((ends.low, ends.high))
    right = int(((gold == 2) & (guessed == 2)).sum())
    low, high = wilson(right, int(((gold == 2) | (guessed == 2)).sum()))
    assert found["f1/መ"] == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))


def test_the_bootstrap_agrees_with_scipy() -> None:
    gold, guessed = draw(150, 1)

    def macro_f1(gold: np.ndarray, guessed: np.ndarray) -> float:
        return float(f1_score(gold, guessed, labels=[0, 1, 2], average="macro", zero_division=0))

    theirs = bootstrap(
        (gold, guessed),
        macro_f1,
        paired=True,
        vectorized=False,
        n_resamples=300,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    ours = bootstrap_intervals(gold, guessed, NAMES)["macro_f1"]
    # Both ends are quantiles of random draws: 300 of them leave about a tenth of the width in doubt.
    width = theirs.high - theirs.low
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.12 * width)


def test_intervals_cover_the_truth_about_as_often_as_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESAMPLES", 400)
    right, gold, guessed = np.diag(CELLS), CELLS.sum(1), CELLS.sum(0)
    by_class = 2 * right / (gold + guessed)
    truth = {
        "accuracy": right.sum(),
        "macro_f1": by_class.mean(),
        "weighted_f1": (by_class * gold).sum(),
        "f1/መ": by_class[2],
    }
    inside = dict.fromkeys(truth, 0)
    for seed in range(150):
        found = intervals(*draw(120, seed + 10), NAMES)
        for name, value in truth.items():
            inside[name] += found[name][0] <= value <= found[name][1]
    assert all(0.89 <= count / 150 <= 0.995 for count in inside.values()), inside


def test_the_same_seed_gives_the_same_interval_and_the_order_of_rows_does_not_matter() -> None:
    gold, guessed = draw(100, 2)
    order = np.random.default_rng(0).permutation(100)
    assert intervals(gold, guessed, NAMES) == intervals(gold, guessed, NAMES)
    assert intervals(gold, guessed, NAMES) == intervals(gold[order], guessed[order], NAMES)
    assert intervals(gold, guessed, NAMES, seed=1)["macro_f1"] != intervals(gold, guessed, NAMES)["macro_f1"]


def test_a_class_that_was_never_right_has_an_interval_and_not_a_point() -> None:
    gold, guessed = np.asarray([0] * 40 + [1] * 5), np.zeros(45, np.int64)
    low, high = intervals(gold, guessed, ["a", "b"])["f1/b"]
    assert low == pytest.approx(0.0) and 0.4 < high < 0.7


def test_a_metric_of_which_nothing_can_be_said_has_no_interval() -> None:
    perfect = np.asarray([0, 1] * 20)
    found = intervals(perfect, perfect, ["a", "b", "c"])
    assert "macro_f1" not in found  # every resample is as perfect
    assert "f1/c" not in found  # no row has anything to do with c
    assert found["accuracy"][0] < 0.95 and found["accuracy"][1] == pytest.approx(1.0)
    assert intervals(np.zeros(0, np.int64), np.zeros(0, np.int64), NAMES) == {}
    assert set(intervals(np.asarray([0]), np.asarray([1]), NAMES)) == {"accuracy", "f1/ሀ", "f1/ለ"}


def test_rows_of_unknown_labels_widen_nothing_but_count_as_wrong() -> None:
    gold, guessed = np.asarray([0] * 50 + [1] * 50 + [-1] * 20), np.asarray([0] * 45 + [1] * 5 + [1] * 48 + [0] * 22)
    found = intervals(gold, guessed, ["a", "b"])
    assert found["accuracy"] == pytest.approx(wilson(93, 120))
    assert found["f1/a"][1] < intervals(gold[:100], guessed[:100], ["a", "b"])["f1/a"][1]


def test_copies_drawn_as_clusters_do_not_narrow_the_interval() -> None:
    gold, guessed = draw(80, 3)
    alone = bootstrap_intervals(gold, guessed, NAMES)["macro_f1"]
    copies = (np.repeat(gold, 4), np.repeat(guessed, 4))
    names = [f"text {index}" for index in np.repeat(np.arange(80), 4)]
    clustered = intervals(*copies, NAMES, clusters=names)
    naive = intervals(*copies, NAMES)

    def width(ends: tuple[float, float]) -> float:
        return ends[1] - ends[0]

    assert width(clustered["macro_f1"]) == pytest.approx(width(alone), rel=0.1)
    assert width(naive["macro_f1"]) == pytest.approx(width(alone) / 2, rel=0.2)
    assert width(clustered["accuracy"]) > 1.5 * width(naive["accuracy"])


def test_clusters_must_name_every_row() -> None:
    gold, guessed = draw(10, 0)
    with pytest.raises(ValueError, match="10 rows, found 3"):
        intervals(gold, guessed, NAMES, clusters=["a", "b", "c"])
