"""The monitor on models whose bias is known: what it confirms, what it leaves alone, and how it remembers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from amharic_tl.records.signals import Alert, SafetySignal, State
from amharic_tl.safety.alerts.evidence import Evidence
from amharic_tl.safety.alerts.judgement import Seen, judge, on_terminal
from amharic_tl.safety.alerts.start import at_start, read_start
from tests.safety import world
from tests.safety.world import look, monitor, reference_of, rows

MADE = rows(400, seed=0)


def by_key(signals: list[SafetySignal]) -> dict[tuple[str, str, str], SafetySignal]:
    return {(signal.name, signal.group, signal.scope): signal for signal in signals}


@pytest.fixture(scope="module")
def watch() -> object:
    return monitor(MADE)


def fresh(watch: object, **changes: object) -> object:
    """The same probes with an empty memory."""
    copy = object.__new__(type(watch))
    copy.__dict__ |= watch.__dict__ | {"_seen": {}} | changes
    return copy


@pytest.mark.parametrize("model", [world.honest, world.noisy])
def test_an_unbiased_model_stays_ok(watch: object, model: world.Model) -> None:
    seen = look(fresh(watch), MADE, model)  # type: ignore[arg-type]
    assert {signal.state for signal in seen.signals} == {"ok", "insufficient"}
    assert seen.alerts == []
    assert sum(signal.state == "ok" for signal in seen.signals) > 10


def test_a_noisy_model_flips_and_its_placebo_flips_as_often(watch: object) -> None:
    signal = by_key(look(fresh(watch), MADE, world.noisy).signals)[  # type: ignore[arg-type]
        "counterfactual_flip_rate", "all", "trained_on"
    ]
    assert signal.detail["swapped"] > 0.1
    assert abs(signal.detail["swapped"] - signal.detail["placebo"]) < 0.06
    assert signal.ci_low < 0 < signal.ci_high


def test_a_prejudiced_model_is_confirmed_where_it_is_prejudiced(watch: object) -> None:
    found = by_key(look(fresh(watch), MADE, world.prejudiced).signals)  # type: ignore[arg-type]
    for name, group, scope in (
        ("counterfactual_flip_rate", "dalumi", "trained_on"),
        ("counterfactual_flip_rate", "all", "trained_on"),
        ("counterfactual_flip_rate", "dalumi", "held_out"),
        ("counterfactual_score_gap", "dalumi", "held_out"),
        ("false_positive_rate_gap", "dalumi", "natural"),
        ("false_positive_rate_range", "all", "natural"),
        ("worst_group_accuracy", "all", "natural"),
    ):
        assert found[name, group, scope].state == "confirmed", (name, group, scope)
    assert found["counterfactual_flip_rate", "gisheno", "held_out"].state == "ok"
    assert found["false_positive_rate_gap", "gisheno", "natural"].state == "ok"
    rate = found["false_positive_rate_gap", "dalumi", "natural"]
    assert rate.detail["rate"] == 1.0 and rate.detail["rate_of_others"] == 0.0
    assert rate.evidence_ids and set(rate.evidence_ids) <= {row.id for row in MADE}


def test_a_range_keeps_its_permutation_null(watch: object) -> None:
    signal = by_key(look(fresh(watch), MADE, world.noisy).signals)[  # type: ignore[arg-type]
        "false_positive_rate_range", "all", "natural"
    ]
    assert signal.null_value > 0.02  # a range is never 0, even where groups mean nothing
    assert signal.state == "ok"


def test_too_few_rows_are_insufficient_and_never_a_pass() -> None:
    few = rows(40, seed=1)
    seen = look(monitor(few), few, world.prejudiced)
    assert {signal.state for signal in seen.signals if signal.scope == "natural"} == {"insufficient"}
    assert all(signal.reason for signal in seen.signals if signal.state == "insufficient")
    assert all(signal.p_value is None for signal in seen.signals if signal.state == "insufficient")


def test_the_family_counts_looks_and_tests(watch: object) -> None:
    seen = look(fresh(watch, looks=7), MADE, world.honest)  # type: ignore[arg-type]
    tested = sum(signal.p_value is not None for signal in seen.signals)
    assert f"7 planned looks x {tested} signals = {7 * tested} tests" in seen.family


def test_alerts_tell_changes_and_a_cured_model_is_resolved(watch: object) -> None:
    again = fresh(watch)
    first = look(again, MADE, world.prejudiced, 1)  # type: ignore[arg-type]
    second = look(again, MADE, world.prejudiced, 2)  # type: ignore[arg-type]
    third = look(again, MADE, world.honest, 3)  # type: ignore[arg-type]
    fourth = look(again, MADE, world.honest, 4)  # type: ignore[arg-type]
    assert first.alerts and not second.alerts and fourth.alerts
    assert {alert.after for alert in third.alerts} == {"suspected"}  # once is no cure
    assert {alert.after for alert in fourth.alerts} == {"resolved"}
    assert {alert.signal for alert in fourth.alerts} == {alert.signal for alert in first.alerts}
    assert "rests on unreviewed" in first.alerts[0].message


def test_a_signal_that_only_loses_its_significance_is_not_resolved() -> None:
    def state(value: float, p: float, before: Seen | None) -> State:
        signal = SafetySignal(
            *("counterfactual_flip_rate", "ethnicity", "all", "validation", "held_out"),
            *(value, value - 0.08, value + 0.08, 170, 0.0, "greater", "", p, 0.02, (), 1, "ok"),
        )
        return judge([signal], {signal.key: before} if before else {}, 0.05, 4)[0].state

    assert state(0.12, 0.001, None) == "confirmed"
    assert state(0.09, 0.2, Seen("confirmed", False)) == "suspected"
    assert state(0.09, 0.2, Seen("suspected", True)) == "suspected"
    assert state(0.01, 0.4, Seen("suspected", False)) == "suspected"
    assert state(0.01, 0.4, Seen("suspected", True)) == "resolved"
    assert state(0.01, 0.4, Seen("resolved", True)) == "resolved"
    assert state(0.01, 0.4, None) == "ok"


def test_states_are_remembered_from_the_lines_of_safety_jsonl(watch: object) -> None:
    first = look(fresh(watch), MADE, world.prejudiced, 1)  # type: ignore[arg-type]
    resumed = fresh(watch)
    resumed.remember(json.loads(json.dumps([signal.to_dict() for signal in first.signals])))  # type: ignore[attr-defined]
    assert look(resumed, MADE, world.prejudiced, 2).alerts == []  # type: ignore[arg-type]


def weighed(watch: object, method: str) -> object:
    """The same probes, with evidence of another kind, begun with an honest model whose noise raises thresholds."""
    changed = world.settings(**{"evidence.method": method, "calibrate": True})
    again = fresh(watch, evidence=Evidence(changed, {"validation": 4}), _looked=set(), settings=changed)
    again.evidence.start = read_start(json.loads(json.dumps(at_start({"validation": figures(watch)}, True))))  # type: ignore[attr-defined]
    return again


def figures(watch: object) -> list:
    texts = [world.TOKENIZER.decode(ids, skip_special_tokens=True) for ids in watch.probes["validation"].ids]  # type: ignore[attr-defined]
    labels = np.asarray([world.LABELS.index(row.label or "") for row in MADE])
    probabilities = world.probabilities(world.honest, [row.text for row in MADE])
    return watch.figures("validation", labels, probabilities, lambda source: world.probabilities(world.honest, texts))  # type: ignore[attr-defined]


def test_worse_than_at_step_0_is_seen_at_once_on_the_same_items(watch: object) -> None:
    again = weighed(watch, "against-start")
    noise = again.evidence.start.noise["validation"]  # type: ignore[attr-defined]
    place = "false_positive_rate_gap", "dalumi", "natural"
    noise["false_positive_rate_gap", "ethnicity", "dalumi", "natural"] = 0.15  # more than what was set
    found = look(again, MADE, world.prejudiced)  # type: ignore[arg-type]
    flips = by_key(found.signals)["counterfactual_flip_rate", "dalumi", "held_out"]
    assert flips.state == "confirmed" and flips.detail["at_start"] < flips.detail["now"]
    assert by_key(found.signals)[place].threshold == 0.15
    assert flips.threshold == max(0.02, noise["counterfactual_flip_rate", "ethnicity", "dalumi", "held_out"])
    assert "step 0 on the same items" in found.family


def test_bets_add_up_over_looks_and_go_on_after_a_resumption(watch: object) -> None:
    straight, resumed = weighed(watch, "e-process"), weighed(watch, "e-process")
    first = look(straight, MADE, world.prejudiced, 1)  # type: ignore[arg-type]
    resumed.remember(json.loads(json.dumps([signal.to_dict() for signal in first.signals])))  # type: ignore[attr-defined]
    second, again = (look(each, MADE, world.prejudiced, 2) for each in (straight, resumed))  # type: ignore[arg-type]
    assert [one.to_dict() for one in second.signals] == [one.to_dict() for one in again.signals]
    assert [one.to_dict() for one in (*second.alerts, *second.moved)] == [
        one.to_dict() for one in (*again.alerts, *again.moved)
    ]
    key = "counterfactual_flip_rate", "all", "trained_on"
    before, after = by_key(first.signals)[key], by_key(second.signals)[key]
    assert after.detail["items"] > before.detail["items"] > 0
    assert after.detail["e_value"] > before.detail["e_value"] > 1 and after.detail["cusum"] > before.detail["cusum"]
    assert "unfair at some look since the last reset" in second.family


def test_a_look_that_fails_is_an_error_and_changes_nothing_else(watch: object) -> None:
    again = fresh(watch, _looked=set())
    failed = again.failed("validation", 1, "the look failed: ValueError")  # type: ignore[attr-defined]
    assert [(one.state, one.value) for one in failed.signals] == [("error", None)]
    assert [alert.after for alert in failed.alerts] == ["error"]
    assert "error" in failed.alerts[0].message and "ValueError" in failed.alerts[0].message


def test_everything_that_rests_on_drafts_says_so(watch: object) -> None:
    seen = look(fresh(watch), MADE, world.honest)  # type: ignore[arg-type]
    assert all(signal.unreviewed for signal in seen.signals)
    described = watch.describe()  # type: ignore[attr-defined]
    assert described["drafted_by"] == "language-model"
    assert described["unreviewed"]["groups"] == 6


def test_no_text_leaves_the_monitor(watch: object) -> None:
    seen = look(fresh(watch), MADE, world.prejudiced)  # type: ignore[arg-type]
    stored = json.dumps([dataclasses.asdict(signal) for signal in seen.signals], ensure_ascii=False)
    stored += json.dumps([alert.to_dict() for alert in seen.alerts], ensure_ascii=False)
    for word in (*world.GROUPS, *world.WORDS, *watch.operator.pack.placebo_names):  # type: ignore[attr-defined]
        assert word not in stored


def test_without_a_reference_twins_are_insufficient(watch: object) -> None:
    twins = [s for s in look(fresh(watch), MADE, world.never).signals if s.name in ("missed_harm", "benign_flagged")]  # type: ignore[arg-type]
    assert twins and {signal.state for signal in twins} == {"insufficient"}
    assert all("safety.reference" in signal.reason for signal in twins)


@pytest.mark.parametrize(
    ("model", "failed", "unharmed"),
    [(world.never, "missed_harm", "benign_flagged"), (world.always, "benign_flagged", "missed_harm")],
)
def test_constant_models_fail_a_twin(watch: object, model: world.Model, failed: str, unharmed: str) -> None:
    reference = reference_of(watch, MADE, world.honest)  # type: ignore[arg-type]
    found = by_key(look(fresh(watch, reference=reference), MADE, model).signals)  # type: ignore[arg-type]
    scopes = {"missed_harm": "natural", "benign_flagged": "benign"}
    for group in ("all", "dalumi", "qaluri"):
        assert found[failed, group, scopes[failed]].state == "confirmed"
        twin = found[unharmed, group, scopes[unharmed]]
        assert twin.value == 0.0
        # No change in n pairs leaves 3 / n possible (the rule of three), which must be below the margin of .05.
        assert twin.state == ("ok" if twin.n > 60 else "insufficient")
        assert twin.state == "ok" or "undecided" in twin.reason


def test_a_model_as_good_as_its_reference_is_within_the_margin(watch: object) -> None:
    reference = reference_of(watch, MADE, world.honest)  # type: ignore[arg-type]
    found = by_key(look(fresh(watch, reference=reference), MADE, world.honest).signals)  # type: ignore[arg-type]
    twin = found["missed_harm", "all", "natural"]
    assert twin.state == "ok" and twin.value == 0.0 and twin.detail["within_margin"] == 1


def test_the_terminal_shows_the_most_urgent_alerts_and_where_the_others_are(tmp_path: Path) -> None:
    keys = [("figure", "axis", str(number), "validation", "natural") for number in range(7)]
    after: tuple[State, ...] = ("resolved", "suspected", "confirmed", "resolved", "resolved", "resolved", "suspected")
    alerts = [Alert(1, key, None, state, f"{state} {key[2]}") for key, state in zip(keys, after, strict=True)]
    shown = on_terminal(alerts, tmp_path / "alerts.jsonl")
    assert shown[:3] == ["confirmed 2", "suspected 1", "suspected 6"]
    assert shown[5:] == [f"and 2 more: {tmp_path / 'alerts.jsonl'}"]
    assert on_terminal(alerts[:5], tmp_path)[-1].startswith("resolved")
