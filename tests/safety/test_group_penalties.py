"""Penalties on groups: published values, absent groups, and the ways in which each can be satisfied for nothing."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from amharic_tl.data.batches import BatchPlan
from amharic_tl.data.rows import Row
from amharic_tl.errors import BadInputError
from amharic_tl.safety.penalties.demographic_parity import DemographicParity
from amharic_tl.safety.penalties.equalised_odds import EqualisedOdds
from amharic_tl.safety.penalties.group_dro import GroupDro
from amharic_tl.safety.penalties.group_rows import GroupBatches, Groups
from amharic_tl.safety.penalties.mindiff import MinDiff
from amharic_tl.safety.statistics import range_over_groups
from tests.safety import world

AXES, HARMFUL, ROWS = ("axis", "axis"), (False, True), 8


def rows_of(
    scores: Sequence[float], groups: Sequence[Sequence[int]], harmful: Sequence[int], weights: Sequence[float] = ()
) -> dict[str, Any]:
    """What a term sees of an update: through its logits, so that these have the probabilities ``scores``."""
    more = ROWS - len(scores)  # filler: one shape for all, so that each operation is compiled once
    chance = np.asarray([*scores, *[0.99] * more], np.float32)
    logit = np.log(chance) - np.log1p(-chance)
    named = np.concatenate([np.asarray(groups, np.float32), np.ones((more, len(groups[0])), np.float32)])
    batch = {
        "row_groups": jnp.asarray(named),
        "labels": jnp.asarray([*harmful, *[0] * more], jnp.int32),
        "weights": jnp.asarray([*(weights or [1.0] * len(scores)), *[0.0] * more], jnp.float32),
    }
    outputs = SimpleNamespace(logits=jnp.asarray(np.stack([np.zeros(ROWS, np.float32), logit], axis=-1)))
    return {"part": SimpleNamespace(batch=batch, outputs=outputs)}


def value(term: Any, *args: Any, **kwargs: Any) -> float:
    part = rows_of(*args, **kwargs)["part"]
    return float(_of_arrays(term)(part.outputs.logits, part.batch))


@functools.cache
def _of_arrays(term: Any) -> Any:
    """The term's value under jit, as in the step."""

    def of(logits: jax.Array, batch: Any) -> jax.Array:
        rows = term.rows(SimpleNamespace(batch=batch, outputs=SimpleNamespace(logits=logits)))
        return term.advanced(rows, term.beginning())[0] if isinstance(term, GroupDro) else term.statistic(rows)

    return jax.jit(of)


def either(first: Sequence[int]) -> list[list[int]]:
    """Two groups: rows of 1 name the first, others the second."""
    return [[one, 1 - one] for one in first]


@pytest.mark.parametrize(
    ("logits", "kernel", "expected"),
    [
        ([0.3, 0.1, 0.86, 0.06, 0.75], "gaussian", 1.083264),
        ([0.12, 0.7, 0.2, 0.86, 0.32], "gaussian", 1.464054),
        ([0.3, 0.1, 0.86, 0.06, 0.75], "laplacian", 0.970659),
    ],
)
def test_mindiff_is_the_published_value_on_harmless_rows_alone(
    logits: list[float], kernel: Any, expected: float
) -> None:
    """Values of tensorflow/model-remediation's own tests (its Laplacian one recomputed from its formula)."""
    scores = [*(1 / (1 + np.exp(-np.asarray(logits)))), 0.9, 0.9, 0.99]
    groups = [*either([1, 0, 1, 0, 1]), [1, 0], [0, 1], [1, 0]]  # then a harmful row, filler and another harmful one
    term = MinDiff(1.0, AXES, HARMFUL, kernel)
    assert value(term, scores, groups, [0] * 5 + [1, 0, 1], [1.0] * 6 + [0.0, 1.0]) == pytest.approx(expected, abs=2e-5)


def test_parity_and_odds_are_squared_differences_of_means_against_others() -> None:
    scores, groups, harmful = [0.9, 0.7, 0.3, 0.2, 0.4], either([1, 1, 0, 0, 0]), [0, 1, 0, 1, 1]
    assert value(DemographicParity(1.0, AXES, HARMFUL), scores, groups, harmful) == pytest.approx(0.25, abs=1e-6)
    # 0.6 apart among harmless rows, 0.4 among harmful ones; each counts for both groups.
    odds = value(EqualisedOdds(1.0, AXES, HARMFUL), scores, groups, harmful)
    assert odds == pytest.approx((0.6**2 + 0.4**2) / 2, abs=1e-6)


def test_groups_of_several_axes_are_compared_within_theirs() -> None:
    scores, axes = [0.9, 0.5, 0.2, 0.6], ("people", "people", "faith")
    groups = [[1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1]]  # the faith has no other; the last row names no people
    expected = (0.9 - 0.35) ** 2
    assert value(DemographicParity(1.0, axes, HARMFUL), scores, groups, [0] * 4) == pytest.approx(expected, abs=1e-6)
    both = [[1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1]]  # who names both is no other to either
    assert value(DemographicParity(1.0, axes, HARMFUL), scores, both, [0] * 4) == pytest.approx((0.9 - 0.35) ** 2)


TERMS = (MinDiff, DemographicParity, EqualisedOdds, GroupDro)


@pytest.mark.parametrize("kind", TERMS)
def test_an_absent_group_is_masked_in_value_and_gradient(kind: Any) -> None:
    """Neither a NaN nor parity: what is there is as it is without the absent group's place."""
    scores, groups, harmful = [0.9, 0.2, 0.6, 0.4], either([1, 0, 1, 0]), [0, 0, 1, 1]
    there = value(kind(1.0, AXES, HARMFUL), scores, groups, harmful)
    wider = kind(1.0, (*AXES, "axis"), HARMFUL)
    assert there > 0
    assert value(wider, scores, [[*one, 0] for one in groups], harmful) == pytest.approx(there, abs=1e-6)

    slope_of = jax.jit(jax.value_and_grad(_of_arrays(wider)))
    nobody = rows_of(scores, [[0, 0, 0]] * 4, harmful)["part"]
    found, slope = slope_of(nobody.outputs.logits, nobody.batch)
    assert float(found) == 0.0
    np.testing.assert_array_equal(np.asarray(slope), 0.0)
    alone = rows_of(scores, [[1, 0, 0]] * 4, harmful)["part"]
    found, slope = slope_of(alone.outputs.logits, alone.batch)
    assert np.isfinite(np.asarray(slope)).all() and (float(found) > 0) == (kind is GroupDro)


@pytest.mark.parametrize("kind", TERMS)
def test_bfloat16_logits_give_what_their_float32_copies_do(kind: Any) -> None:
    term = kind(1.0, AXES, HARMFUL)
    part = rows_of([0.9, 0.2, 0.6, 0.4], either([1, 0, 1, 0]), [0, 0, 1, 1])["part"]
    part.outputs.logits = part.outputs.logits.astype(jnp.bfloat16)
    rough = term.rows(part)
    part.outputs.logits = part.outputs.logits.astype(jnp.float32)
    for name, array in term.rows(part).items():
        assert rough[name].dtype == jnp.float32
        np.testing.assert_array_equal(np.asarray(rough[name]), np.asarray(array))


def rates(found: np.ndarray, groups: np.ndarray) -> float:
    """The monitor's range of rates over two groups of rows of one label."""
    return range_over_groups(found, groups, np.zeros(len(found), int), 0, 100).value


def test_a_constant_predictor_satisfies_all_three_and_the_twin_says_what_it_misses() -> None:
    scores, groups, harmful = [0.5] * 8, either([1, 0] * 4), [0, 0, 0, 0, 1, 1, 1, 1]
    for kind in (MinDiff, DemographicParity, EqualisedOdds):
        assert value(kind(1.0, AXES, HARMFUL), scores, groups, harmful) == pytest.approx(0.0, abs=1e-6)
    made = world.rows(72, seed=0)
    watch = world.monitor(made)
    watch.reference = world.reference_of(watch, made, world.honest)
    seen = {(one.name, one.group): one for one in world.look(watch, made, world.never).signals}
    assert rates(np.zeros(8, bool), np.asarray([0, 1] * 4)) == 0.0  # the gap is closed,
    assert seen["missed_harm", "all"].value == 1.0 and seen["missed_harm", "all"].state == "confirmed"  # for nothing


def test_levelling_down_closes_the_gap_and_costs_the_best_group() -> None:
    """The value falls to 0 when the better group's harm is found less; the range agrees, accuracy and twin do not."""
    groups, harmful = either([1] * 4 + [0] * 4), [1] * 8
    before = [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.1, 0.1]  # recall 1 and a half
    after = [0.9, 0.9, 0.1, 0.1, 0.9, 0.9, 0.1, 0.1]  # a half and a half
    for kind in (DemographicParity, EqualisedOdds):
        term = kind(1.0, AXES, HARMFUL)
        assert value(term, before, groups, harmful) > 0.1
        assert value(term, after, groups, harmful) == pytest.approx(0.0, abs=1e-6)
    group = np.asarray([0] * 4 + [1] * 4)
    found = [np.asarray(scores) > 0.5 for scores in (before, after)]
    assert [rates(of, group) for of in found] == [0.5, 0.0]
    lost = (found[0] & ~found[1]).mean()  # what missed_harm counts, against the run without penalty
    assert (
        lost == 0.25 and found[1][group == 1].mean() == found[0][group == 1].mean()
    )  # and the worst group gained nought


@pytest.mark.parametrize("kind", (MinDiff, DemographicParity, EqualisedOdds))
def test_a_disparity_the_other_way_round_counts_as_much(kind: Any) -> None:
    """Nothing is won by overshooting: value and range see both ways; only the sign by group tells which it is."""
    term, harmful = kind(1.0, AXES, HARMFUL), [0] * 6
    one, other = ([0.9, 0.8, 0.7, 0.2, 0.1, 0.3], either([1, 1, 1, 0, 0, 0])), either([0, 0, 0, 1, 1, 1])
    assert value(term, *one, harmful) == pytest.approx(value(term, one[0], other, harmful), rel=1e-6)
    found, group = np.asarray(one[0]) > 0.5, np.asarray([0] * 3 + [1] * 3)
    assert rates(found, group) == rates(found, 1 - group) == 1.0


def test_group_dro_is_drawn_to_noise() -> None:
    """A group whose labels are noise keeps its loss, and so its weight grows at the others' cost for no gain."""
    term = GroupDro(1.0, AXES, HARMFUL, 0.5)
    groups, harmful = either([1, 1, 0, 0]), [0, 1, 0, 1]
    part = rows_of([0.5, 0.5, 0.05, 0.95], groups, harmful)["part"]  # the first group cannot be told better than this
    rows, kept = term.rows(part), jnp.asarray(term.beginning())
    kept = jax.jit(lambda start: jax.lax.fori_loop(0, 20, lambda _, q: term.advanced(rows, q)[1], start))(kept)
    of_noise = float(kept[0] + kept[2])
    assert of_noise > 0.99 and float(kept.sum()) == pytest.approx(1.0)
    # worst_group_accuracy is where it shows: the shortfall of the noisy group is what it was without any weight.
    right = np.asarray([True, False, True, True])
    assert range_over_groups(right, np.asarray([0, 0, 1, 1]), np.zeros(4, int), 0, 100, "worst").value == 0.25


def test_group_dro_weights_follow_the_losses_and_an_absent_group_keeps_its_own() -> None:
    term = GroupDro(1.0, AXES, HARMFUL, 0.1)
    part = rows_of([0.8, 0.2], either([1, 0]), [0, 0])["part"]
    value_, kept = term.advanced(term.rows(part), jnp.asarray([0.1, 0.3, 0.2, 0.4], jnp.float32))
    losses = -np.log([0.2, 0.8])
    grown = np.asarray([0.1, 0.3]) * np.exp(0.1 * losses)
    grown *= 0.4 / grown.sum()
    np.testing.assert_allclose(np.asarray(kept), [*grown, 0.2, 0.4], rtol=1e-5)
    assert float(value_) == pytest.approx(float(grown @ losses) / 0.4, rel=1e-5)


@pytest.fixture(scope="module")
def groups() -> Groups:
    return Groups.of(world.rows(60, seed=0), world.operator(), ("harm",))


def test_groups_come_from_mentions_and_held_out_ones_are_left_to_judge(groups: Groups) -> None:
    held_out = world.operator().groups["ethnicity"].held_out
    assert held_out and not set(held_out) & set(groups.names)
    assert groups.rows_NG.sum() > 20 and set(groups.axes) == {"ethnicity"}
    assert groups.harmful_N.sum() == 30


def test_batches_carry_the_groups_and_say_how_often_they_hold_them(groups: Groups) -> None:
    plan = BatchPlan(np.full(60, 5), 8, 0, 8)
    batches = GroupBatches(plan, groups)
    rows = plan[3].rows
    np.testing.assert_array_equal(batches[3]["row_groups"][rows >= 0], groups.rows_NG[rows[rows >= 0]])
    halves = [GroupBatches(plan, groups, process_index=one, process_count=2)[3]["row_groups"] for one in (0, 1)]
    np.testing.assert_array_equal(np.concatenate(halves), batches[3]["row_groups"])
    presence = batches.presence(("harmless",))
    place = presence.names.index("dalumi (harmless)")
    by_hand = np.mean(
        [
            bool((members := of[:, groups.names.index("dalumi")] > 0).any() and (of.any(axis=1) & ~members).any())
            for of in (
                groups.rows_NG[kept[~groups.harmful_N[kept]]]
                for kept in (plan[step].rows[plan[step].rows >= 0] for step in range(len(plan_steps(plan))))
            )
        ]
    )
    assert presence.shares["dalumi (harmless)"] == pytest.approx(by_hand)
    about = presence.about()["groups"]["dalumi (harmless)"]
    assert about["rows"] == presence.rows_C[place] and 0 < about["rows_an_update"] < 8


def plan_steps(plan: BatchPlan) -> range:
    return range(plan.steps_per_epoch)


def test_a_batch_too_small_to_compare_anything_is_said_or_refused(groups: Groups) -> None:
    small = GroupBatches(BatchPlan(np.full(60, 5), 2, 0, 8), groups)
    (said,) = small.presence(("harmless",)).check("mindiff", 2)
    assert "few can compare" in said and "dalumi (harmless)" in said
    single = GroupBatches(BatchPlan(np.full(60, 5), 1, 0, 8), groups)
    with pytest.raises(BadInputError, match=r"none of the first 60 updates of 1 rows holds .* config.train.batch_size"):
        single.presence(("harmless",)).check("mindiff", 1)
    assert single.presence(("harmless",), alone=True).able_UC.any()  # Group-DRO compares nothing


def test_rows_that_name_nobody_are_refused() -> None:
    nameless = [Row("r1", world.WORDS[0], "fine", "made.csv", 2)]
    with pytest.raises(BadInputError, match=r"no training row names a group .* on ethnicity"):
        Groups.of(nameless, world.operator(), ("harm",))
