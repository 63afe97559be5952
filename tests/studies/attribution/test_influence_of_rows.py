"""Scores equal brute force, rows of a known effect rank as they must, and rankings say how sure they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import amharic_tl as atl
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.safety.differentiable import FigureName, differentiable_figure
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.studies.attribution.ranking import by_source, order_of, over_parts, overlap, precision_at, stability
from amharic_tl.studies.attribution.request import worst_figure
from amharic_tl.studies.attribution.rivals import keyword_and_label, nearest
from amharic_tl.tasks.sequence_classification import SequenceClassification
from amharic_tl.training.influence import FigureBatch, Influence, stacked
from tests.safety.world import rows as rows_of_a_world

LENGTH, POSITIVE = 6, np.asarray([False, True])


@pytest.fixture(scope="module")
def scored(tiny_base: Path) -> dict[str, Any]:
    """Scores of six rows along two parts of a figure, beside gradients formed one by one."""
    model: Any = atl.from_pretrained(
        str(tiny_base), "sequence-classification", labels=["fine", "harm"], dtype="float32", attention="xla"
    )
    split: Any = nnx.split(model, nnx.Param, ...)
    graphdef, trainable, frozen = split
    task = SequenceClassification(["fine", "harm"], np.asarray([0.5, 2.0]), label_smoothing=0.1)
    ids = np.random.default_rng(0).integers(5, 20, (6, LENGTH)).astype(np.int32)
    ids[3] = ids[2]  # the same text with either label
    batch = {
        "input_ids": ids,
        "attention_mask": np.ones_like(ids),
        "labels": np.asarray([0, 1, 1, 0, 1, 0], np.int32),
        "weights": np.ones(6, np.float32),
    }

    def part(first: int, second: int, sign: float) -> FigureBatch:
        texts = ids[[first, second]][None]
        return FigureBatch(texts, np.ones_like(texts), np.asarray([[1.0, sign]], np.float32), np.ones(1, np.float32))

    influence = Influence(graphdef, task, POSITIVE, absolute=False)
    parts = [part(2, 2, 0.0), part(0, 1, -1.0)]
    directions = [influence.figure(trainable, frozen, one)[1] for one in parts]
    found = np.asarray(influence.along(trainable, frozen, stacked(directions), batch))

    def loss(at: Any, row: jax.Array) -> jax.Array:
        alone = {name: jnp.asarray(array)[row][None] for name, array in batch.items()}
        out = nnx.merge(graphdef, at, frozen, copy=True)(alone["input_ids"], attention_mask=alone["attention_mask"])
        return task.loss(out, alone)

    def figure(at: Any, number: int) -> jax.Array:
        out = nnx.merge(graphdef, at, frozen, copy=True)(ids, attention_mask=np.ones_like(ids))
        harm = jax.nn.softmax(out.logits)[:, 1]
        return jnp.where(number == 0, harm[2], harm[0] - harm[1])

    slope, of_row = jax.jit(jax.grad(figure)), jax.jit(jax.grad(loss))
    brute = [
        [
            sum(
                float(jnp.vdot(a, b)) for a, b in zip(*map(jax.tree.leaves, (one, of_row(trainable, row))), strict=True)
            )
            for one in (slope(trainable, 0), slope(trainable, 1))
        ]
        for row in (1, 2, 3)
    ]
    return {"found": found, "brute": np.asarray(brute)}


def test_scores_are_the_inner_products_of_gradients(scored: dict[str, Any]) -> None:
    found, brute = scored["found"][[1, 2, 3]], scored["brute"]
    assert np.abs(brute).max() > 1e-3
    np.testing.assert_allclose(found, brute, rtol=1e-3, atol=1e-5 * np.abs(brute).max() + 1e-7)


def test_learning_the_figures_own_text_as_harm_raises_it_the_most(scored: dict[str, Any]) -> None:
    own_text = -scored["found"][:, 0]  # the figure is the probability of harm of row 2's text
    assert order_of(own_text)[0] == 2  # the same text, labelled harm
    assert own_text[3] < 0 < own_text[2]  # the same text, labelled fine, lowers it


def test_intervals_hold_the_sum_of_the_parts_and_sources_are_ranked() -> None:
    generator = np.random.default_rng(0)
    scores = generator.normal(0.0, 0.1, (200, 10))
    scores[:40] += 0.2  # one source carries the figure
    sources = ["planted"] * 40 + ["other"] * 160
    lines = by_source(scores, sources)
    assert [line["source"] for line in lines] == ["planted", "other"]
    assert lines[0]["sum"] == pytest.approx(scores[:40].sum())
    assert lines[0]["ci_low"] > 0 and lines[0]["first_by_sum"] == 1.0
    assert lines[1]["ci_low"] < 0 < lines[1]["ci_high"]
    planted = np.asarray(sources) == "planted"
    assert precision_at(order_of(scores.sum(axis=1)), planted, 40) > 0.95
    assert stability(scores, 40)["mean"] > 0.9
    assert stability(scores[40:], 40)["mean"] < 0.8  # noise does not look stable


def test_intervals_over_parts_cover_as_often_as_they_say() -> None:
    found = over_parts(np.random.default_rng(1).normal(0.3, 1.0, (4000, 10)))
    assert 0.94 < np.mean((found.low <= 3.0) & (found.high >= 3.0)) < 0.96


def test_orders_do_not_follow_the_file_where_scores_tie() -> None:
    assert order_of(np.zeros(50)).tolist() != list(range(50))
    assert overlap(np.arange(5), np.arange(5)[::-1], 5) == 1.0


@pytest.fixture(scope="module")
def operator() -> SwapOperator:
    return SwapOperator("demo", ["ethnicity"], None)


def test_figures_are_made_of_the_texts_that_their_names_say(operator: SwapOperator) -> None:
    rows = rows_of_a_world(200, 0)
    pairs = differentiable_figure(FigureName("counterfactual_score_gap", "ethnicity", "all"), rows, operator, ["harm"])
    assert pairs.absolute and all(len(item.texts) == 2 and item.texts[0] != item.texts[1] for item in pairs.items)
    gap = differentiable_figure(FigureName.parse("false_positive_rate_gap/ethnicity/dalumi"), rows, operator, ["harm"])
    harmless = {row.id for row in rows if row.label == "fine"}
    assert {item.id for item in gap.items} <= harmless and not gap.absolute
    signs = np.asarray([item.signs[0] for item in gap.items])
    assert float((signs * gap.weights()).sum()) == pytest.approx(0.0, abs=1e-5)  # a mean minus a mean
    own = {item.id for item in gap.items if item.side == "own"}
    words = dict(zip([row.id for row in rows], keyword_and_label(rows, operator, gap.name, ["harm"]), strict=True))
    assert own == {name for name, value in words.items() if value == 1}
    parts = gap.parts(10)
    assert sorted(number for part in parts for number in part) == list(range(len(gap.items)))
    homes: dict[str, set[int]] = {}
    for place, part in enumerate(parts):
        for number in part:
            homes.setdefault(gap.items[number].cluster, set()).add(place)
    assert all(len(of) == 1 for of in homes.values())


def test_what_has_no_gradient_is_refused(operator: SwapOperator) -> None:
    rows = rows_of_a_world(200, 0)
    with pytest.raises(ConfigError, match="NAME/AXIS/GROUP"):
        FigureName.parse("accuracy/ethnicity/all")
    with pytest.raises(ConfigError, match="has no group 'nobody'"):
        differentiable_figure(FigureName.parse("benign_flagged/ethnicity/nobody"), rows, operator, ["harm"])
    with pytest.raises(ConfigError, match="positive_labels"):
        differentiable_figure(FigureName.parse("benign_flagged/ethnicity/all"), rows, operator, [])
    with pytest.raises(BadInputError, match="attribution needs 8"):
        differentiable_figure(FigureName.parse("counterfactual_score_gap/ethnicity/all"), rows[:4], operator, ["harm"])


def test_the_worst_alarmed_figure_is_taken() -> None:
    line = {"axis": "a", "split": "validation", "step": 10, "threshold": 0.05}
    signals = [
        {**line, "name": "counterfactual_flip_rate", "group": "g", "value": 0.2, "state": "confirmed"},
        {**line, "name": "benign_flagged", "group": "h", "value": 0.9, "state": "suspected"},
        {**line, "name": "accuracy_gap", "group": "all", "value": 0.9, "state": "confirmed"},
        {**line, "name": "benign_flagged", "group": "h", "value": 0.9, "state": "confirmed", "step": 5},
    ]
    assert str(worst_figure(signals)) == "counterfactual_score_gap/a/g"
    with pytest.raises(ConfigError, match="suspected no figure"):
        worst_figure([{**line, "name": "benign_flagged", "group": "h", "value": 0.0, "state": "ok"}])


def test_the_nearest_text_counts() -> None:
    rows, texts = np.eye(3, dtype=np.float32), np.asarray([[1, 0, 0], [0, 0.6, 0.8]], np.float32)
    np.testing.assert_allclose(nearest(rows, texts), [1.0, 0.6, 0.8], rtol=1e-6)
