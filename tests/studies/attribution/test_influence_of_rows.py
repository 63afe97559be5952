"""Scores equal brute force, rows of a known effect rank as they must, and rankings say how sure they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx

from amharic_tl.data.batches import Batches, BatchPlan, classification_fields
from amharic_tl.data.tokenizer import Encoded
from amharic_tl.errors import BadInputError, ConfigError, Preempted
from amharic_tl.run.trajectory import Snapshot
from amharic_tl.safety.differentiable import DifferentiableFigure, FigureItem, FigureName, Part, differentiable_figure
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.studies.attribution.ranking import (
    by_source,
    drawn_parts,
    order_of,
    over_parts,
    overlap,
    precision_at,
    stability,
)
from amharic_tl.studies.attribution.request import keep_request, worst_figure
from amharic_tl.studies.attribution.rivals import keyword_and_label, nearest
from amharic_tl.studies.attribution.scoring import Scoring
from amharic_tl.tasks.sequence_classification import SequenceClassification
from amharic_tl.training.influence import Influence
from amharic_tl.training.interruption import Interruption
from tests.safety.world import rows as rows_of_a_world

PAD, LENGTH, GROUPS, WORDS = 0, 4, (1, 2, 3), range(4, 20)
TEN = [Part((), "pairs", 0.1)] * 10
ROWS, STEPS, ETA = 120, 24, 1.0


class Bag(nnx.Module):
    """The mean of the tokens' vectors, of two classes."""

    def __init__(self) -> None:
        self.tokens = nnx.Param(0.3 * jax.random.normal(jax.random.key(0), (20, 8)))
        self.classes = nnx.Param(0.3 * jax.random.normal(jax.random.key(1), (8, 2)))

    def __call__(self, input_ids: Any, attention_mask: Any, dropout_key: Any = None) -> SimpleNamespace:
        del dropout_key
        states = self.tokens.get_value()[input_ids] * attention_mask[..., None]
        return SimpleNamespace(logits=states.mean(axis=-2) @ self.classes.get_value())


class StopsAt(Interruption):
    """Told to stop at a poll."""

    def __init__(self, poll: int) -> None:
        super().__init__()
        self.signal_name, self._left = "SIGTERM", poll

    def requested(self) -> bool:
        self._left -= 1
        return self._left < 0


class Descent:
    """Checkpoints of plain gradient descent, one after every step."""

    def __init__(self, states: list[Any]) -> None:
        self.states = states
        self.snapshots = [Snapshot(step, ETA / ROWS) for step in range(1, len(states))]

    def parameters(self, step: int) -> tuple[Any, Any]:
        return self.states[step], nnx.State({})


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Scores of rows of which every third names one group and is harmful; in the others groups mean nothing.

    They were stopped within a checkpoint, and gone on with.
    """
    draw = np.random.default_rng(0)
    planted = np.arange(ROWS) % 3 == 0
    group = np.where(planted, GROUPS[0], draw.choice(GROUPS, ROWS))
    labels = np.where(planted, 1, draw.random(ROWS) < 1 / 3).astype(np.int32)
    ids = np.column_stack([group, draw.choice(WORDS, (ROWS, LENGTH - 1))]).astype(np.int32)
    texts = np.column_stack([np.repeat(GROUPS, 16), draw.choice(WORDS, (48, LENGTH - 1))]).astype(np.int32)
    items = tuple(
        FigureItem(str(n), ("",), (1.0 if own else -1.0,), str(n), "own" if own else "others")
        for n, own in enumerate(texts[:, 0] == GROUPS[0])
    )
    figure = DifferentiableFigure(FigureName("false_positive_rate_gap", "ethnicity", "dalumi"), items, absolute=False)
    task = SequenceClassification(["fine", "harm"])
    split: Any = nnx.split(Bag())
    graphdef, state = split
    batch = {"input_ids": ids, "attention_mask": np.ones_like(ids), "labels": labels, "weights": np.ones(ROWS)}

    @jax.jit
    def step(at: Any) -> Any:
        slope = jax.grad(lambda at: task.loss(nnx.merge(graphdef, at)(ids, np.ones_like(ids)), batch) / ROWS)(at)
        return jax.tree.map(lambda value, down: value - ETA * down, at, slope)

    states = [state]
    for _ in range(STEPS):
        states.append(step(states[-1]))
    plan = BatchPlan(np.full(ROWS, LENGTH), 50, None)  # the last batch has filler rows
    nothing = np.zeros(len(texts), np.int32)
    descent: Any = Descent(states)
    parts = figure.parts(8)
    scoring = Scoring(
        descent,
        Influence(graphdef, task, np.asarray([False, True]), absolute=False),
        figure,
        Encoded(list(texts), nothing + LENGTH, nothing > 0, nothing),
        parts,
        Batches(plan, list(ids), PAD, classification_fields(labels)),
        ROWS,
        PAD,
        tmp_path_factory.mktemp("scored"),
        StopsAt(4),
        print,
    )
    with pytest.raises(Preempted, match="same command"):
        scoring.run()
    scores, checkpoints = replace(scoring, interruption=Interruption()).run()
    return SimpleNamespace(scores=scores, figure=[line["figure"] for line in checkpoints], planted=planted, parts=parts)


def test_scores_of_all_rows_add_up_to_what_training_did_to_the_figure(scored: SimpleNamespace) -> None:
    """Pruthi et al. 2020, lemma 3.1, to first order in the learning rate."""
    change = scored.figure[-1] - scored.figure[0]
    assert change > 0.1  # the planted correlation was learnt
    assert scored.scores.sum() * (STEPS - 1) / STEPS == pytest.approx(change, rel=0.05)


def test_planted_rows_and_their_source_come_first(scored: SimpleNamespace) -> None:
    assert precision_at(order_of(scored.scores.sum(axis=1)), scored.planted, 30) > 2 / 3
    lines = by_source(scored.scores, scored.parts, ["planted" if own else "other" for own in scored.planted])
    assert lines[0]["source"] == "planted" and lines[0]["ci_low"] > 0 and lines[0]["first_by_sum"] > 0.95


def test_intervals_hold_the_sum_of_the_parts_and_sources_are_ranked() -> None:
    generator = np.random.default_rng(0)
    scores = generator.normal(0.0, 0.1, (200, 10))
    scores[:40] += 0.2  # one source carries the figure
    sources = ["planted"] * 40 + ["other"] * 160
    lines = by_source(scores, TEN, sources)
    assert [line["source"] for line in lines] == ["planted", "other"]
    assert lines[0]["sum"] == pytest.approx(scores[:40].sum())
    assert lines[0]["ci_low"] > 0 and lines[0]["first_by_sum"] == 1.0
    assert lines[1]["ci_low"] < 0 < lines[1]["ci_high"]
    planted = np.asarray(sources) == "planted"
    assert precision_at(order_of(scores.sum(axis=1)), planted, 40) > 0.95
    assert stability(scores, TEN, 40)["mean"] > 0.9
    assert stability(scores[40:], TEN, 40)["mean"] < 0.8  # noise does not look stable


def test_intervals_cover_as_often_as_they_say_whatever_the_sizes_of_parts() -> None:
    """Items of two sides with means 5 and 4: what a part adds follows from its size far more than from its items."""
    draw = np.random.default_rng(1)
    parts, scores = [], []
    for side, mean, sizes in (("own", 5.0, (6, 5, 5, 5, 5)), ("others", -4.0, (9, 11, 12, 12, 13))):
        for size in sizes:
            parts.append(Part((), side, size / sum(sizes)))
            scores.append(draw.normal(mean, 1.0, (4000, size)).sum(axis=1) / sum(sizes))
    found = over_parts(np.stack(scores, axis=1), parts)
    assert 0.93 < np.mean((found.low <= 1.0) & (found.high >= 1.0)) < 0.97
    assert np.median(found.high - found.low) < 1.2  # 2 x 2.3 x the standard error 0.24
    drawn = drawn_parts(parts) @ np.stack(scores, axis=1)[0]
    assert drawn.std() == pytest.approx(0.24, rel=0.4)


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
    assert sorted(number for part in parts for number in part.items) == list(range(len(gap.items)))
    homes: dict[tuple[str, str], set[int]] = {}
    for place, part in enumerate(parts):
        assert {gap.items[number].side for number in part.items} == {part.side}
        for number in part.items:
            homes.setdefault((part.side, gap.items[number].cluster), set()).add(place)
    assert all(len(of) == 1 for of in homes.values())
    assert sum(part.share for part in parts) == pytest.approx(2.0)


def test_what_has_no_gradient_is_refused(operator: SwapOperator) -> None:
    rows = rows_of_a_world(200, 0)
    with pytest.raises(ConfigError, match="NAME/AXIS/GROUP"):
        FigureName.parse("accuracy/ethnicity/all")
    with pytest.raises(ConfigError, match="has no group 'nobody'"):
        differentiable_figure(FigureName.parse("benign_flagged/ethnicity/nobody"), rows, operator, ["harm"])
    with pytest.raises(ConfigError, match="positive_labels"):
        differentiable_figure(FigureName.parse("benign_flagged/ethnicity/all"), rows, operator, [])
    with pytest.raises(BadInputError, match="needs 8"):
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


def test_what_was_begun_goes_on_only_as_it_was_begun(tmp_path: Path) -> None:
    request = {"figure": "benign_flagged/ethnicity/all", "batch": 16}
    keep_request(tmp_path, request)
    keep_request(tmp_path, request)
    with pytest.raises(ConfigError, match="other settings .batch"):
        keep_request(tmp_path, {**request, "batch": 8})


def test_the_nearest_text_counts() -> None:
    rows, texts = np.eye(3, dtype=np.float32), np.asarray([[1, 0, 0], [0, 0.6, 0.8]], np.float32)
    np.testing.assert_allclose(nearest(rows, texts), [1.0, 0.6, 0.8], rtol=1e-6)
