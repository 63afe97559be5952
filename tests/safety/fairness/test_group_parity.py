"""Parity of decisions: fairlearn's own example, what fairlearn counts differently, and counts on many devices."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from amharic_tl.safety.fairness.counts import GroupCounts, count_groups
from amharic_tl.safety.fairness.intersections import intersections, single_groups
from amharic_tl.safety.fairness.parity import Parity, Rates, cells_of
from amharic_tl.safety.fairness.ranking import auc, binned_aucs

# The example of fairlearn's user guide.
LABELS = np.asarray([0, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1], bool)
FOUND = np.asarray([0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0], bool)
GROUPS = np.asarray(list("bbabbcccaacabccbcc"))
INSIDE = GROUPS[:, None] == np.asarray(["a", "b", "c"])[None]


def counted(labels: np.ndarray, found: np.ndarray, inside: np.ndarray, scores: np.ndarray | None = None) -> GroupCounts:
    given = found.astype(float) if scores is None else scores
    return count_groups(*map(jnp.asarray, (given, found, labels, inside, np.ones(len(labels), bool))))


def test_the_guide_of_fairlearn_is_reproduced() -> None:
    rates = Rates.of_cells(cells_of(counted(LABELS, FOUND, INSIDE)))
    np.testing.assert_allclose(rates.selection, [0.75, 0.5, 0.5], rtol=0, atol=1e-12)
    figures = Parity.of(rates).to_dict()
    assert figures["demographic_parity_difference"] == 0.25
    assert figures["demographic_parity_ratio"] == pytest.approx(2 / 3, abs=1e-12)
    assert figures["equalized_odds_difference"] == 1.0
    assert figures["equalized_odds_ratio"] == 0.0
    assert figures["equal_opportunity_difference"] == pytest.approx(0.2, abs=1e-12)
    assert figures["equalized_odds_mean_difference"] == pytest.approx(0.6, abs=1e-12)


def test_every_figure_is_that_of_fairlearn_on_other_rows() -> None:
    from fairlearn import metrics

    generator = np.random.default_rng(3)
    labels, found = generator.random(200) < 0.4, generator.random(200) < 0.5
    groups = generator.choice(list("abcd"), 200)
    ours = Parity.of(Rates.of_cells(cells_of(counted(labels, found, groups[:, None] == list("abcd"))))).to_dict()
    about = (labels.astype(int), found.astype(int))
    for name in ("demographic_parity", "equal_opportunity", "equalized_odds"):
        for kind in ("difference", "ratio"):
            theirs = getattr(metrics, f"{name}_{kind}")(*about, sensitive_features=groups)
            assert ours[f"{name}_{kind}"] == pytest.approx(theirs, abs=1e-12), name
    mean = metrics.equalized_odds_difference(*about, sensitive_features=groups, agg="mean")
    assert ours["equalized_odds_mean_difference"] == pytest.approx(mean, abs=1e-12)


def test_a_rate_that_a_group_cannot_have_is_left_out_and_not_0() -> None:
    labels, found = np.asarray([1, 1, 1, 0, 0, 0], bool), np.asarray([1, 1, 1, 0, 1, 0], bool)
    inside = np.asarray(list("aabbcc"))[:, None] == np.asarray(list("abc"))[None]  # c has no positive label
    figures = Parity.of(Rates.of_cells(cells_of(counted(labels, found, inside)))).to_dict()
    assert figures["equal_opportunity_difference"] == 0.0  # fairlearn: 1, since it counts c's recall as 0
    alone = Parity.of(Rates.of_cells(cells_of(counted(labels, found, inside[:, :1])))).to_dict()
    assert alone["demographic_parity_difference"] is None  # one group is no comparison, and no pass
    none = Parity.of(Rates.of_cells(cells_of(counted(labels, ~found & ~labels & False, inside)))).to_dict()
    assert none["demographic_parity_difference"] == 0.0 and none["demographic_parity_ratio"] is None


def test_counts_are_the_same_in_one_batch_in_several_and_on_eight_devices() -> None:
    generator = np.random.default_rng(0)
    scores, labels = generator.random(64).astype(np.float32), generator.random(64) < 0.5
    inside, known = generator.random((64, 3)) < 0.4, generator.random(64) < 0.9
    arrays = (scores, scores > 0.5, labels, inside, known)
    whole = count_groups(*map(jnp.asarray, arrays))
    parts = [count_groups(*(jnp.asarray(array[start::2]) for array in arrays)) for start in (0, 1)]
    rows = NamedSharding(Mesh(np.asarray(jax.devices()), "data"), PartitionSpec("data"))
    spread = count_groups(*(jax.device_put(array, rows) for array in arrays))
    assert len(jax.devices()) == 8
    for other in (parts[0].merge(parts[1]), spread):
        for name, value in vars(whole).items():
            np.testing.assert_allclose(getattr(other, name), value, rtol=1e-6, atol=0, err_msg=name)
    assert int(whole.rows[-1]) == known.sum()
    assert int(whole.true_positives[1]) == (known & inside[:, 1] & labels & (scores > 0.5)).sum()
    assert float(whole.squared_error[-1]) == pytest.approx(((scores - labels) ** 2)[known].sum(), rel=1e-5)
    with pytest.raises(ValueError, match="do not merge"):
        whole.merge(count_groups(*map(jnp.asarray, (*arrays[:3], inside[:, :2], known))))
    exact = auc(scores[known & ~inside[:, 0] & labels], scores[known & inside[:, 0] & ~labels])
    assert exact is not None
    assert binned_aucs(whole)["bpsn"][0] == pytest.approx(exact.value, abs=0.01)


def test_axes_of_any_name_are_crossed() -> None:
    by_axis = {"dialect": single_groups([("n",), ("n", "s"), ("s",), ()]), "age": ["old", "old", "young", "old"]}
    assert intersections(by_axis) == {"dialect & age": ["n & old", "", "s & young", ""]}
    assert list(intersections({**by_axis, "work": ["x"] * 4}, most=3))[-1] == "dialect & age & work"
    with pytest.raises(ValueError, match="for each row"):
        intersections({"a": ["x"], "b": []})
