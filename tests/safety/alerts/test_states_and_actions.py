"""States that neither a failure nor too few items take away; what follows from them, taken, proposed or refused."""

from __future__ import annotations

import dataclasses
import json

import pytest

from amharic_tl.config import build_config
from amharic_tl.errors import ConfigError
from amharic_tl.records.signals import SafetySignal, State
from amharic_tl.safety.alerts.actions import Ground, decide
from amharic_tl.safety.alerts.bundle import bundle, name_of
from amharic_tl.safety.alerts.evidence import closed
from amharic_tl.safety.alerts.judgement import Key, Seen, changes, judge, remembered
from tests.safety.world import settings


def signal(value: float | None = 0.2, p: float | None = 1e-6, **changes: object) -> SafetySignal:
    made = SafetySignal(
        *("counterfactual_flip_rate", "ethnicity", "all", "validation", "held_out", value, 0.1, 0.3, 90, 0.0),
        *("greater", "", p, 0.02, ("row-1",), 4, "ok"),
    )
    return dataclasses.replace(made, **changes)


def states(*looks: SafetySignal) -> list[State]:
    seen: dict[Key, Seen] = {}
    found = []
    for one in looks:
        judged = judge([one], seen, 0.05, 4)
        # What is remembered is what the file holds.
        seen = remembered(seen, json.loads(json.dumps([each.to_dict() for each in judged])))
        found.append(judged[0].state)
    return found


FEW = signal(None, None, state="insufficient", reason="too few")
BROKEN = signal(None, None, state="error", reason="broken")
LOW = signal(0.001, 0.5)


def test_a_failure_or_too_few_items_do_not_clear_what_was_raised() -> None:
    assert states(signal(), FEW, LOW, LOW) == ["confirmed", "insufficient", "suspected", "resolved"]
    assert states(signal(), LOW, BROKEN, LOW, LOW)[1:] == ["suspected", "error", "suspected", "resolved"]
    assert states(FEW, LOW) == ["insufficient", "ok"]


def test_what_is_no_number_is_an_error_and_never_ok() -> None:
    judged = judge([signal(float("nan"), 0.5)], {}, 0.05, 4)
    assert judged[0].state == "error" and judged[0].value is None
    assert [alert.after for alert in changes(judged, {})] == ["error"]


def test_effect_evidence_and_n_are_all_needed() -> None:
    assert states(signal(0.019)) == ["ok"] and states(signal(p=0.2)) == ["ok"]
    assert states(dataclasses.replace(signal(), p_value=None)) == ["insufficient"]


def test_a_p_value_that_holds_at_every_look_is_held_against_the_whole_level() -> None:
    always = {"e_value": 25.0, "log_wealth/0.1": 1.0}
    assert states(signal(p=0.04)) == ["suspected"]
    assert states(signal(p=0.04, detail=always)) == ["confirmed"]
    seen = {signal().key: Seen("suspected", True)}
    begun = closed(judge([signal(0.001, 0.04, detail=always)], seen, 0.05, 4), seen)[0]
    assert begun.state == "resolved" and begun.detail["log_wealth/0.1"] == 0.0 and begun.detail["resets"] == 1


ALL = {"actions.confirmed": "log,rollback,stop", "actions.rollbacks": 1}


@pytest.mark.parametrize(
    ("autonomous", "ground", "expected"),
    [
        (False, Ground(2, 0), [("rollback", "proposed"), ("stop", "proposed")]),
        (True, Ground(2, 0), [("rollback", "taken")]),
        (True, Ground(2, 1), [("rollback", "refused"), ("stop", "taken")]),
        (True, Ground(None, 0), [("rollback", "refused"), ("stop", "taken")]),
    ],
)
def test_training_is_changed_only_where_the_run_may(
    autonomous: bool, ground: Ground, expected: list[tuple[str, str]]
) -> None:
    found = [dataclasses.replace(signal(), state="confirmed", unreviewed=True)]
    made = decide(found, changes(found, {}), 4, settings(**ALL, autonomous=autonomous), ground)
    assert [(one.action, one.status) for one in made] == expected
    assert all("unreviewed" in one.message and "rests on" in one.message for one in made)
    assert ("autonomous=true" in made[0].message) is (made[0].status == "proposed") or autonomous
    # A second look at the same state proposes nothing anew; a run on its own still acts.
    later = decide(found, [], 8, settings(**ALL, autonomous=autonomous), ground)
    assert bool(later) is autonomous


def test_other_signals_and_suspicions_lead_nowhere() -> None:
    found = [dataclasses.replace(signal(), state="confirmed")]
    other = settings(**ALL, autonomous=True, **{"actions.signals": "recall_gap"})
    assert decide(found, changes(found, {}), 4, other, Ground(2, 0)) == []
    suspected = [dataclasses.replace(signal(), state="suspected")]
    assert decide(suspected, changes(suspected, {}), 4, settings(**ALL, autonomous=True), Ground(2, 0)) == []


def test_a_bundle_has_a_name_of_its_content() -> None:
    held = bundle([signal()], "a family", settings())
    assert name_of(held) == name_of(json.loads(json.dumps(held))) != name_of({**held, "step": 5})
    assert held["signals"][0]["evidence_ids"] == ("row-1",)


@pytest.mark.parametrize(
    ("leaf", "value", "said"),
    [
        ("actions.suspected", "rollback", "log, bundle"),
        ("actions.confirmed", "log,rolback", "did you mean 'rollback'"),
        ("channels.states", "bad", "suspected, confirmed"),
        ("autonomous", "true", "nothing is left to it"),
    ],
)
def test_settings_that_mean_nothing_are_refused(leaf: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        settings(**{leaf: value})
    with pytest.raises(ConfigError, match="config.safety.axes is none|nothing is left|expected some of"):
        build_config({f"safety.{leaf}": value})
