"""The headline: honest about intervals, unfinished runs and what is missing."""

from __future__ import annotations

from typing import Any

from amharic_tl.reports.verdict import verdict
from tests.reports.test_recommendations import FILES, contents

TEST = FILES["evaluation"]["test"]


def test_a_model_above_both_lines() -> None:
    assert verdict(contents()) == (
        "The model scores 0.700 macro-F1 [0.670, 0.730] on test (1,000 rows), above TF-IDF with logistic regression "
        "(0.600) and above the most frequent class (0.330)."
    )


def test_a_line_inside_the_interval_cannot_be_told_apart() -> None:
    said = verdict(contents(baselines__tfidf__test__macro_f1=0.69))
    assert "above TF-IDF with logistic regression (0.690), which lies inside the interval" in said
    assert "cannot tell them apart; and above the most frequent class (0.330)." in said


def test_a_model_below_a_line_says_so() -> None:
    assert ", below TF-IDF with logistic regression (0.800) and" in verdict(
        contents(baselines__tfidf__test__macro_f1=0.8)
    )
    assert "equal to the most frequent class" in verdict(contents(baselines__constant__test__macro_f1=0.7))


def test_without_intervals_or_lines_nothing_is_made_up() -> None:
    bare: dict[str, Any] = {"test": {"n": 5, "metrics": {"macro_f1": 1.0}, "intervals": {}}}
    said = verdict(contents(evaluation=bare, baselines={}))
    assert said == (
        "The model scores 1.000 macro-F1 (no interval can be estimated) on test (5 rows), with no baseline measured "
        "beside it."
    )


def test_the_clean_part_is_named_where_it_leaves_rows_out() -> None:
    clean = {"test": TEST, "test_clean": {"n": 990, "metrics": {"macro_f1": 0.68}}}
    said = verdict(contents(evaluation=clean))
    assert said.endswith("Without the 10 test rows that nearly repeat a row of train or validation it scores 0.680.")
    same = {"test": TEST, "test_clean": {"n": 1000, "metrics": {"macro_f1": 0.7}}}
    assert "Without" not in verdict(contents(evaluation=same))


def test_a_clean_part_without_rows_says_why() -> None:
    none = {"test": TEST, "test_clean": {"n": 0, "metrics": {}}}
    said = verdict(contents(evaluation=none, run__final={"test_clean": {"not_measured": "every row repeats"}}))
    assert said.endswith("There is no score without near-duplicates: every row repeats.")


def test_figures_of_an_unfinished_run_are_called_so() -> None:
    only = {"validation": TEST}
    assert verdict(contents(evaluation=only, run__status="running")).startswith("So far (step 30): the model scores")
    assert verdict(contents(evaluation=only, run__status="preempted")).startswith("Interrupted (step 30): the model")
    assert verdict(contents(evaluation=only, run__status="failed")).startswith("Not finished (step 30): the model")
    assert verdict(contents(evaluation={}, run__status="running")) == "No evaluation yet."


def test_a_language_model_is_judged_by_the_figure_that_picks_its_checkpoint() -> None:
    config = {"task": {"kind": "masked-lm"}, "train": {"select_by": "validation/bits_per_character"}}
    lines = [{"step": s, "split": "validation", "bits_per_character": v} for s, v in ((10, 3.0), (20, 2.0), (30, 2.5))]
    said = verdict(contents(config=config, metrics=lines, run__best={"step": 20, "value": 2.0}))
    assert said == (
        "2.000 bits per character of what was masked (lower is better) on validation at step 20, the best of 3 "
        "evaluations; the first, at step 10, had 3.000."
    )
    assert verdict(contents(config=config, metrics=[])) == "No evaluation yet."


def test_a_task_of_which_nothing_is_known_is_still_described() -> None:
    config = {"task": {"kind": "regression"}, "train": {"select_by": "validation/loss"}}
    assert "0.600 loss (lower is better) on validation at step 20" in verdict(
        contents(config=config, run__best={"step": 20, "value": 0.6})
    )
    assert verdict(contents(config={}, metrics=[], run={})) == "No evaluation yet."
