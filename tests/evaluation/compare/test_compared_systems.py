"""Finished runs are read, paired by id and compared; what cannot be compared is refused with a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

from amharic_tl.errors import BadInputError, MissingInputError
from amharic_tl.evaluation.compare.measures import item_sums
from amharic_tl.evaluation.compare.systems import compare
from amharic_tl.evaluation.entities import entity_metrics
from amharic_tl.evaluation.multi_label import multi_label_metrics
from amharic_tl.evaluation.regression import regression_metrics
from tests.evaluation.compare.workdirs import random_lines, single_label_lines, write_run

METRICS = ("macro_f1", "accuracy", "weighted_f1")


def total(lines: list[dict[str, Any]], metric: str) -> float:
    items = item_sums(lines, "lines")
    return float(items.value(metric)(items.sums.sum(axis=0)))


def test_sums_give_the_scores_of_every_kind_of_predictions() -> None:
    lines = random_lines(0, 0.7)
    gold, predicted = [line["label"] for line in lines], [line["predicted"] for line in lines]
    assert total(lines, "macro_f1") == pytest.approx(f1_score(gold, predicted, average="macro"))
    generator = np.random.default_rng(0)
    x, y = generator.normal(5, 1, 50), generator.normal(5, 1, 50)
    numbers = [
        {"id": str(n), "label": float(a), "predicted": float(b)} for n, (a, b) in enumerate(zip(x, y, strict=True))
    ]
    wanted = regression_metrics(x, y)
    for metric in ("mae", "mse", "pearson"):
        assert total(numbers, metric) == pytest.approx(wanted[metric])
    flags, guesses = generator.integers(0, 2, (30, 2)), generator.integers(0, 2, (30, 2))
    sets = [
        {
            "id": str(n),
            "labels": [name for name, flag in zip("ab", row, strict=True) if flag],
            "predicted": [name for name, flag in zip("ab", guess, strict=True) if flag],
            "scores": {"a": 0.0, "b": 0.0},
        }
        for n, (row, guess) in enumerate(zip(flags, guesses, strict=True))
    ]
    wanted = multi_label_metrics(flags, guesses, ["a", "b"])
    for metric in ("macro_f1", "micro_f1", "accuracy"):
        assert total(sets, metric) == pytest.approx(wanted[metric])
    tags = [["B-PER", "I-PER", "O"], ["O", "B-LOC", "O"]]
    guessed = [["B-PER", "I-PER", "O"], ["B-LOC", "O", "O"]]
    tagged = [{"id": str(n), "tags": a, "predicted": b} for n, (a, b) in enumerate(zip(tags, guessed, strict=True))]
    assert total(tagged, "entity_f1") == pytest.approx(entity_metrics(tags, guessed, ["PER", "LOC"])["entity_f1"])


def test_single_runs_are_judged_by_items(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", random_lines(1, 0.5), METRICS)
    b = write_run(tmp_path / "b", random_lines(2, 0.95)[::-1], METRICS)  # another order of the same items
    found = compare({"a": a, "b": b})
    pair = found.pairs[0]
    assert found.items == found.clusters == 60 and pair.method == "randomisation" and pair.p is not None
    assert pair.p < 0.001 and pair.effect.value > 0.2
    assert pair.bootstrap is not None and pair.bootstrap[0] > 0 and pair.mcnemar is not None
    assert pair.mcnemar.only_b > pair.mcnemar.only_a
    assert any("these models" in note for note in pair.notes)


def test_seeds_are_judged_by_seeds_and_items(tmp_path: Path) -> None:
    for name, right in (("a", 0.5), ("b", 0.8)):
        for seed in range(5):
            write_run(
                tmp_path / name / f"seed-{seed}",
                random_lines(10 * seed + len(name) + int(10 * right), right),
                METRICS,
                seed=seed,
            )
    found = compare({"a": tmp_path / "a", "b": tmp_path / "b"}, pairs="all")
    pair = found.pairs[0]
    assert pair.method == "t, seeds and items" and pair.p == pair.effect.p and pair.mcnemar is None
    assert pair.order is not None and pair.order[0] < 0.2 < pair.order[1]
    assert pair.p_holm is not None and pair.p_holm < 0.05


def test_near_duplicates_and_groups_make_clusters(tmp_path: Path) -> None:
    data = {"near_duplicate_clusters": {"test": [["item-0", "item-1"], ["item-2", "item-3", "item-4"]]}}
    for name in "ab":
        write_run(tmp_path / name, random_lines(ord(name), 0.7), METRICS, data=data)
    places = {name: tmp_path / name for name in "ab"}
    found = compare(places)
    assert found.clusters == 57 and found.pairs[0].mcnemar is None
    groups = {f"item-{number}": number // 30 for number in range(60)}
    assert compare(places, groups=groups).clusters == 2
    with pytest.raises(BadInputError, match="59 of 60 items"):
        compare(places, groups={"item-0": 1})


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", random_lines(1, 0.7), METRICS)
    shorter = write_run(tmp_path / "shorter", random_lines(1, 0.7)[:50], METRICS)
    with pytest.raises(BadInputError, match="10 of the 60 ids"):
        compare({"a": a, "b": shorter})
    other_gold = write_run(tmp_path / "gold", random_lines(1, 0.7, gold_seed=5), METRICS)
    with pytest.raises(BadInputError, match="other gold labels"):
        compare({"a": a, "b": other_gold})
    wrong = write_run(tmp_path / "wrong", random_lines(1, 0.7), (), scores={"macro_f1": 0.123})
    with pytest.raises(BadInputError, match="not of one run"):
        compare({"a": a, "b": wrong})
    with pytest.raises(MissingInputError, match="no bleu"):
        compare({"a": a, "b": a}, metric="bleu")


def test_scores_without_predictions_are_compared_over_seeds(tmp_path: Path) -> None:
    for name, level in (("a", 20.0), ("b", 25.0)):
        for seed in range(5):
            scores = {"bleu": level + 0.1 * (seed * (7 + len(name)) % 5)}
            write_run(tmp_path / name / str(seed), None, (), seed=seed, scores=scores, kind="seq2seq-lm")
    write_run(tmp_path / "b" / "0", None, (), seed=0, scores={"bleu": 25.3}, kind="seq2seq-lm")
    found = compare({name: tmp_path / name for name in "ab"}, metric="bleu")
    assert found.items is None and found.pairs[0].effect.basis == "seeds" and found.pairs[0].bootstrap is None
    assert any("seq2seq-lm writes no predictions-test.jsonl" in note for note in found.notes)


def test_collapsed_seeds_are_counted(tmp_path: Path) -> None:
    constant = single_label_lines([0, 1, 2] * 20, [1] * 60)
    gold = [0, 1, 2] * 20
    for seed in range(3):
        lines = constant if seed == 1 else single_label_lines(gold, gold[:59] + [0])
        write_run(tmp_path / "a" / str(seed), lines, METRICS, seed=seed)
        write_run(
            tmp_path / "b" / str(seed), single_label_lines(gold, gold), METRICS, seed=seed, constant={"macro_f1": 1.0}
        )
    found = compare({name: tmp_path / name for name in "ab"})
    assert found.systems[0].collapsed == (1,) and len(found.systems[0].scores) == 3
    assert found.systems[1].collapsed == (0, 1, 2)  # not better than the constant line
