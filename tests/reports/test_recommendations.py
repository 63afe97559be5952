"""Every rule acts on one side of its threshold, not on the other, and says so when it cannot be measured."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from amharic_tl.reports import recommendations as module
from amharic_tl.reports.contents import Contents
from amharic_tl.reports.recommendations import RULES, Finding, findings

SPLIT: dict[str, Any] = {
    "rows": 1000,
    "labels": {"ሀ": 500, "ለ": 500},
    "truncated_share": 0.01,
    "unknown_token_share": 0.001,
    "conflicting_labels": 0,
}
MOVED: dict[str, Any] = {
    "step": 20,
    "event": "constraint",
    "penalty": "logit_pairing",
    "weight": 2.0,
    "excess": 0.01,
    "bounds": {"flip_rate": 0.05},
    "saturated": False,
}
PROPOSED = {
    "kind": "action",
    "step": 4,
    "action": "stop",
    "status": "proposed",
    "rule": "safety.actions.confirmed=stop",
    "message": "stop: because",
    "to": None,
}
FILES: dict[str, Any] = {
    "config": {"task": {"kind": "sequence-classification"}, "train": {"stability": {"spikes": "skip"}}},
    "plan": {},
    "data": {
        "labels": ["ሀ", "ለ"],
        "max_length": 64,
        "splits": dict.fromkeys(("train", "validation", "test"), SPLIT),
        "near_duplicate_ids": {"test": []},
        "labels_only_in": {},
        "label_shift": [{"a": "train", "b": "test", "total_variation": 0.02, "chi2_p": 0.5}],
        "notices": [],
    },
    "baselines": {
        "constant": {"label": "ሀ", "test": {"accuracy": 0.5, "macro_f1": 0.33}},
        "tfidf": {"test": {"accuracy": 0.6, "macro_f1": 0.6}},
    },
    "evaluation": {
        "test": {
            "n": 1000,
            "metrics": {"accuracy": 0.7, "macro_f1": 0.7, "f1/ሀ": 0.7, "f1/ለ": 0.7},
            "intervals": {"macro_f1": [0.67, 0.73]},
            "confusion": {"labels": ["ሀ", "ለ"], "counts": [[350, 150], [150, 350]]},
        }
    },
    "run": {
        "status": "completed",
        "best": {
            "step": 20,
            "metric": "validation/macro_f1",
            "value": 0.7,
            "limits": {"flip_rate": 0.05},
            "within_limits": True,
        },
    },
    "metrics": [
        *({"step": step, "split": "train", "loss": 0.5 + (20 - step) / 100} for step in range(-19, 21)),
        {"step": 20, "split": "validation", "loss": 0.6},
        {"step": 30, "split": "validation", "loss": 0.6},
    ],
    "timing": [],
    "events": [{"step": 0, "event": "started"}, MOVED],
    "watched": {"axes": {}},
    "alerts": [],
    "signals": [
        {"name": name, "axis": "ethnicity", "group": "all", "split": "test", "step": 20, "state": "ok"}
        for name in ("recall_gap", "missed_harm")
    ],
}


def _signal(name: str, state: str) -> list[dict[str, Any]]:
    return [{**line, "state": state} if line["name"] == name else line for line in FILES["signals"]]


def contents(**changes: Any) -> Contents:
    """A run in which every rule is fine; ``changes`` replaces values at dotted paths written with ``__``."""
    files = copy.deepcopy(FILES)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place: Any = files
        for key in parents:
            place = place[key]
        place[last] = value
    return Contents(root=Path("w"), unreadable=[], **files)


def finding(rule: str, **changes: Any) -> Finding:
    return next(found for found in findings(contents(**changes)) if found.rule == rule)


def test_a_good_run_is_fine_by_every_rule() -> None:
    assert {found.rule: found.state for found in findings(contents())} == dict.fromkeys(RULES, "fine")


def test_an_empty_workdir_is_measured_by_no_rule() -> None:
    empty = Contents(Path("w"), {}, {}, {}, {}, {}, {}, [], [], [], [])
    assert {found.state for found in findings(empty)} == {"not measured"}
    assert all(found.figure and found.threshold for found in findings(empty))


CASES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    # rule, what makes it act, what leaves it fine (both as near the threshold as matters), the figure when it acts
    (
        "below-tfidf",
        {"baselines__tfidf__test__macro_f1": 0.7001},
        {"baselines__tfidf__test__macro_f1": 0.7},
        "inside the model's interval",
    ),
    (
        "below-constant",
        {"baselines__constant__test__accuracy": 0.7},
        {"baselines__constant__test__accuracy": 0.699},
        "always “ሀ” 0.700",
    ),
    (
        "collapsed-predictions",
        {"evaluation__test__confusion__counts": [[490, 10], [470, 30]]},
        {"evaluation__test__confusion__counts": [[480, 20], [470, 30]]},
        "96% of test predicted “ሀ”, 50% of its rows are",
    ),
    (
        "worst-class",
        {"evaluation__test__metrics": {"macro_f1": 0.6, "f1/ሀ": 0.901, "f1/ለ": 0.299}},
        {"evaluation__test__metrics": {"macro_f1": 0.6, "f1/ሀ": 0.9, "f1/ለ": 0.3}},
        "“ለ” 0.299",
    ),
    (
        "wide-interval",
        {"evaluation__test__intervals__macro_f1": [0.64, 0.741]},
        {"evaluation__test__intervals__macro_f1": [0.65, 0.749]},
        "0.101 wide",
    ),
    (
        "train-dev-gap",
        {"metrics": [{"step": 9, "split": "train", "loss": 0.1}, {"step": 10, "split": "validation", "loss": 0.61}]},
        {"metrics": [{"step": 9, "split": "train", "loss": 0.1}, {"step": 10, "split": "validation", "loss": 0.59}]},
        "+0.51 nats",
    ),
    ("best-at-the-end", {"run__best__step": 30}, {"run__best__step": 20}, "step 30 of 30"),
    (
        "non-finite-steps",
        {"events": [{"step": 3, "event": "non_finite"}, {"step": 3, "event": "non_finite"}]},
        {"events": []},
        "1 updates",
    ),
    (
        "label-shift",
        {"data__label_shift": [{"a": "train", "b": "test", "total_variation": 0.11, "chi2_p": 0.001}]},
        {"data__label_shift": [{"a": "train", "b": "test", "total_variation": 0.11, "chi2_p": 0.02}]},
        "0.11 from train to test",
    ),
    (
        "training-trend",
        {"metrics": [{"step": step, "split": "train", "loss": 0.5} for step in range(40)]},
        {"metrics": [{"step": step, "split": "train", "loss": 5 - step / 10} for step in range(40)]},
        "plateau: training loss 0.5",
    ),
    (
        "spikes",
        {"events": [{"at": 9, "event": "rolled_back", "first_batch": 4}, {"step": 3, "event": "spike", "rows": ["a"]}]},
        {"events": []},
        "batches that were spikes: 1; returns to a checkpoint: 1",
    ),
    ("label-only-in-test", {"data__labels_only_in": {"test": ["ሐ"]}}, {"data__labels_only_in": {}}, "test: “ሐ”"),
    (
        "insufficient-n",
        {"data__splits__test": SPLIT | {"labels": {"ሀ": 29, "ለ": 900}}},
        {"data__splits__test": SPLIT | {"labels": {"ሀ": 30, "ለ": 900}}},
        "“ሀ”, 29 rows",
    ),
    (
        "near-duplicate-leak",
        {"data__near_duplicate_ids": {"test": ["t:1"]}},
        {"data__near_duplicate_ids": {}},
        "1 of 1,000",
    ),
    (
        "conflicting-labels",
        {"data__splits__train": SPLIT | {"conflicting_labels": 11}},
        {"data__splits__train": SPLIT | {"conflicting_labels": 10}},
        "11 (1,000 rows)",
    ),
    (
        "truncation",
        {"data__splits__validation": SPLIT | {"truncated_share": 0.051}},
        {"data__splits__validation": SPLIT | {"truncated_share": 0.05}},
        "5.1% of validation is longer than 64 tokens",
    ),
    (
        "unknown-tokens",
        {"data__splits__test": SPLIT | {"unknown_token_share": 0.011}},
        {"data__splits__test": SPLIT | {"unknown_token_share": 0.01}},
        "1.10% of the tokens of test",
    ),
    ("unreviewed-data", {"data__notices": ["Nobody reviewed this."]}, {"data__notices": []}, "1 notice"),
    (
        "safety-signal",
        {"signals": _signal("recall_gap", "confirmed")},
        {"signals": _signal("recall_gap", "suspected")},
        "1 of 1 confirmed: recall_gap ethnicity/all",
    ),
    (
        "erasure-twin",
        {"signals": _signal("missed_harm", "confirmed")},
        {"signals": _signal("missed_harm", "suspected")},
        "1 of 1 confirmed: missed_harm ethnicity/all",
    ),
    (
        "safety-bounds",
        {"events": [MOVED, {**MOVED, "step": 30, "weight": 20.0, "excess": 0.1, "saturated": True}]},
        {"events": [MOVED]},
        "excess +0.100 at weight 20 of logit_pairing; best step within the limits; the largest weight does not",
    ),
    (
        "safety-proposals",
        {"alerts": [PROPOSED]},
        {"alerts": [{**PROPOSED, "status": "taken"}]},
        "1 left to a person; step 4: stop: because (safety.actions.confirmed=stop)",
    ),
    ("unfinished-run", {"run__status": "preempted"}, {"run__status": "completed"}, "status preempted"),
]


def test_every_rule_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(RULES)


@pytest.mark.parametrize(("rule", "acts", "fine", "figure"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_acts_on_one_side_of_its_threshold_only(
    rule: str, acts: dict[str, Any], fine: dict[str, Any], figure: str
) -> None:
    found = finding(rule, **acts)
    assert found.state == "act" and figure in found.figure and found.threshold and found.advice.endswith(".")
    assert finding(rule, **fine).state == "fine"


def test_what_asks_for_action_comes_first_and_what_is_fine_last() -> None:
    states = [found.state for found in findings(contents(run__status="failed", data__label_shift=[]))]
    assert states[:2] == ["act", "not measured"] and set(states[2:]) <= {"fine", "not measured"}
    assert states == sorted(states, key=["act", "not measured", "fine"].index)


def test_a_class_without_rows_in_test_counts_as_too_few() -> None:
    found = finding("insufficient-n", data__labels=["ሀ", "ለ", "መ"])
    assert found.state == "act" and "“መ”, 0 rows" in found.figure


def test_one_class_is_no_collapse_where_the_rows_are_as_uneven() -> None:
    assert finding("collapsed-predictions", evaluation__test__confusion__counts=[[970, 0], [30, 0]]).state == "fine"


def test_a_shift_that_may_be_chance_or_is_small_is_fine() -> None:
    small = [{"a": "train", "b": "test", "total_variation": 0.1, "chi2_p": 1e-9}]
    assert finding("label-shift", data__label_shift=small).state == "fine"


def test_a_running_run_is_judged_by_validation_and_not_blamed_for_running() -> None:
    stored = FILES["evaluation"]["test"]
    running = {"run__status": "running", "evaluation": {"validation": stored}}
    assert finding("unfinished-run", **running).state == "not measured"
    assert finding("best-at-the-end", **running).state == "not measured"
    assert finding("below-tfidf", **running).state == "not measured"  # no line of validation is there
    assert "validation" in finding("worst-class", **running).figure


def test_the_gap_is_taken_from_training_losses_before_the_evaluation() -> None:
    lines = [{"step": step, "split": "train", "loss": 1.0} for step in range(1, 5)]
    lines += [{"step": 4, "split": "validation", "loss": 1.2}, {"step": 5, "split": "train", "loss": 0.0}]
    assert "+0.20 nats" in finding("train-dev-gap", metrics=lines).figure


def test_a_line_that_could_not_be_fitted_says_why() -> None:
    found = finding("below-tfidf", baselines__tfidf={"not_measured": "empty vocabulary"})
    assert found.state == "not measured" and "empty vocabulary" in found.figure


def test_files_of_another_shape_are_not_measured_and_break_nothing() -> None:
    found = finding("near-duplicate-leak", data__splits__test={"source": "x"})
    assert found.state == "not measured" and "KeyError" in found.figure
    assert finding("label-shift", data__label_shift=[{"a": "train"}]).state == "not measured"


def test_thresholds_are_the_named_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    assert finding("truncation").state == "fine"
    monkeypatch.setattr(module, "TRUNCATED", 0.005)
    assert finding("truncation").state == "act"


def test_a_best_step_outside_the_limits_and_a_figure_never_measured_are_said() -> None:
    outside = finding("safety-bounds", run__best__within_limits=False)
    assert outside.state == "act" and "best by score alone" in outside.figure
    blind = finding("safety-bounds", events=[{**MOVED, "excess": None}])
    assert blind.state == "not measured" and "too few validation rows" in blind.figure
