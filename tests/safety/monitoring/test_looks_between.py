"""Looks between evaluations: what they draw, that they suspect and never confirm, and what they cost."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "scoring"))
import planted

from amharic_tl.config import build_config
from amharic_tl.data.batches import BatchSource
from amharic_tl.errors import ConfigError
from amharic_tl.safety.monitoring.classifier import Monitor
from amharic_tl.safety.monitoring.language_items import nats_per_character
from amharic_tl.safety.monitoring.language_looks import look_figures, pair_of_groups
from amharic_tl.safety.monitoring.swap_looks import drawn_swaps
from amharic_tl.safety.scoring.selection import MOST_PAIRS
from amharic_tl.training.loop import Schedule
from tests.safety import world

MADE = world.rows(120, seed=0)


@pytest.fixture(scope="module")
def watch() -> Monitor:
    return world.monitor(MADE, minimum_n=20)


def shown(watch: Monitor, model: world.Model, seen: list[int]) -> object:
    """Runs ``model`` on the texts of a source, as its token ids say them."""

    def predict(source: BatchSource) -> np.ndarray:
        found: dict[int, str] = {}
        for batch in source.stream(0, len(source)):
            for ids, mask, row in zip(batch["input_ids"], batch["attention_mask"], batch["row_index"], strict=True):
                if row >= 0:
                    found[int(row)] = world.TOKENIZER.decode(ids[mask > 0], skip_special_tokens=True)
        seen.append(len(found))
        return world.probabilities(model, [found[row] for row in sorted(found)])

    return predict


def two_groups(text: str) -> float:
    """Finds harm where either of two groups is named, and nowhere else."""
    return 0.9 if any(group in text for group in world.GROUPS[:2]) else 0.1


def test_a_classifiers_look_suspects_a_planted_bias_and_confirms_nothing(watch: Monitor) -> None:
    seen: list[int] = []
    look = watch.look_between(3, 0, 0, shown(watch, two_groups, seen))  # type: ignore[arg-type]
    found = {one.name: one for one in look.signals}
    assert set(found) == {"counterfactual_flip_rate", "counterfactual_score_gap"}
    assert {one.split for one in look.signals} == {"look"} and {one.step for one in look.signals} == {3}
    assert found["counterfactual_score_gap"].state == "suspected"
    assert look.alerts and all(alert.after != "confirmed" for alert in look.alerts)
    assert seen == [4 * MOST_PAIRS] == [watch.cost()["rows_per_look"]]
    watch.restore([])
    honest = watch.look_between(3, 0, 0, shown(watch, world.honest, seen))  # type: ignore[arg-type]
    assert {one.state for one in honest.signals} == {"ok"} and not honest.alerts


def test_what_is_drawn_depends_on_seed_and_number_alone(watch: Monitor) -> None:
    probes, axes = watch.probes["validation"], watch.operator.swapped_axes
    first = drawn_swaps(probes, axes, 4, 7)
    assert first == drawn_swaps(probes, axes, 4, 7) != drawn_swaps(probes, axes, 5, 7)
    assert first != drawn_swaps(probes, axes, 4, 8)
    clusters = [int(probes.clusters[one.row]) for one in first]
    assert len(set(clusters)) == len(first) == MOST_PAIRS


def test_a_language_models_look_sees_a_planted_association_in_few_pairs() -> None:
    panel = planted.panel(10)
    group = panel.groups[0].id
    scorer = planted.planted_scorer(panel, 2.0, group)
    found: dict[str, list[float]] = {}
    for number in (0, 1, len(panel.groups) - 1):
        (one,) = look_figures(scorer, [panel], number, 0)
        assert one.name == "association" and len(one.values) == 8, "8 cells of 4 pairs, each in a family of its own"
        met = group if one.group == group else "other" if f"against {group};" in one.estimator else "neither"
        found.setdefault(met, []).extend(one.values.values())
    expected = {group: 2.0, "other": -2.0, "neither": 0.0}
    assert set(found) == set(expected)
    for met, values in found.items():
        assert values == pytest.approx([expected[met]] * len(values), abs=1e-3)


def test_every_group_meets_every_other() -> None:
    met = {frozenset(pair_of_groups("abcd", turn)) for turn in range(12)}
    assert len(met) == 6 and all(len(pair) == 2 for pair in met)


def test_rows_are_counted_without_running_the_model() -> None:
    panel = planted.panel(2)
    scorer = planted.planted_scorer(panel, 1.0, panel.groups[0].id)
    counted = scorer.rows_of(lambda: look_figures(scorer, [panel], 0, 0))
    compiled = sum(program.compiled for program in scorer.programs)
    assert compiled == 0 and counted > 0
    before = sum(program.rows for program in scorer.programs)
    look_figures(scorer, [panel], 0, 0)
    assert sum(program.rows for program in scorer.programs) - before == counted


def test_bits_of_an_encoder_are_those_of_its_unmasked_tokens() -> None:
    panel = planted.panel(1)
    scorer = planted.planted_scorer(panel, 0.0, panel.groups[0].id)
    vocabulary = scorer._tokenizer.get_vocab()
    text = "w0 v0 f0"
    ids = [vocabulary[word] for word in text.split()]
    logits = scorer.table[ids].sum(axis=0)
    expected = -(logits[ids] - np.log(np.exp(logits).sum())).sum() / len(text)
    assert nats_per_character(scorer, scorer._tokenizer, [text])[0] == pytest.approx(expected, rel=1e-4)


def test_looks_fall_between_evaluations() -> None:
    schedule = Schedule(10, 4, 5, 1, None, 5, look_every=2)
    assert [step for step in range(11) if schedule.look_due(step)] == [2, 6]
    assert not any(Schedule(10, 4, 5, 1, None, 5).look_due(step) for step in range(11))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"safety.look_every": "200"}, "safety.look_every: expected such as 200steps"),
        ({"safety.look_every": "0"}, "0 is no distance"),
        ({"safety.axes": None, "safety.look_every": "5%"}, "look_every is set, but config.safety.axes is none"),
        ({"task.kind": "token-classification"}, "token-classification has no safety signals: a name that is exchanged"),
        ({"task.kind": "masked-lm", "train.select_by": "validation/loss"}, "masked-lm has none"),
    ],
)
def test_what_cannot_be_watched_is_refused(change: dict[str, object], said: str) -> None:
    base: dict[str, object] = {"safety.axes": "ethnicity", "safety.positive_labels": "harm"}
    if change.get("safety.axes", "") is None:
        base = {}
    with pytest.raises(ConfigError, match=said):
        build_config({**base, **change})
