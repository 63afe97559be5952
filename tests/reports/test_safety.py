"""The safety part of a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from amharic_tl.records.files import read_json, read_lines, write_json, write_lines
from amharic_tl.records.signals import Action
from amharic_tl.records.workdir import Workdir
from amharic_tl.reports import write_report
from amharic_tl.reports.contents import read_contents
from amharic_tl.reports.safety import SHOWN, figures
from amharic_tl.safety.signals import ALL
from tests.reports.workdirs import write_started, write_workdir
from tests.safety import world

MADE = world.rows(200, seed=0)


def write_safety(root: Path, split: str = "validation", **changes: Any) -> Path:
    """A run whose signals come from the real monitor, looking at a prejudiced model, with an honest reference."""
    place = write_workdir(root)
    watch = world.monitor(MADE)
    watch.reference = world.reference_of(watch, MADE, world.honest)
    look = world.look(watch, MADE, world.prejudiced, step=450)
    lines = json.loads(json.dumps([signal.to_dict() for signal in look.signals]))
    beside = [{**line, "value": 0.01, "ci_low": -0.1, "ci_high": 0.1, "state": "ok"} for line in lines]
    watched = {**watch.describe(), "reference": "runs/honest", "reference_signals": beside, "training": {"refused": {}}}
    write_json(place.watched, watched | changes)
    write_lines(place.safety, [{**line, "split": split} for line in lines])
    write_lines(place.alerts, [alert.to_dict() for alert in look.alerts])
    return place.root


def write_bounds(root: Path) -> None:
    """A penalty whose weight was driven up to its maximum, and limits that nothing kept to."""
    place = Workdir(root)
    move = {"step": 1, "event": "constraint", "penalty": "logit_pairing", "bounds": {"flip_rate": 0.05}, "upper": {}}
    moves = [move | {"weight": 1.0, "excess": 0.2, "saturated": False}]
    moves += [move | {"step": 2, "weight": 20.0, "excess": 0.1, "saturated": True}]
    write_lines(place.events, [*read_lines(place.events), *moves])
    record = read_json(place.run)
    write_json(place.run, {**record, "best": {**record["best"], "limits": {"recall_gap": 0.1}, "within_limits": False}})


def test_a_run_that_watches_nothing_has_no_safety_part(tmp_path: Path) -> None:
    place = write_workdir(tmp_path / "run")
    assert figures(read_contents(place.root)) is None
    page = write_report(place.root).read_text(encoding="utf-8")
    assert 'id="safety"' not in page


def test_signals_are_laid_out_by_axis_and_group_beside_the_reference(tmp_path: Path) -> None:
    root = write_safety(tmp_path / "run")
    write_bounds(root)
    found = figures(read_contents(root))
    assert found is not None
    (axis,) = found["axes"]
    assert axis["title"] == "Invented peoples"
    rows = {(row["name"], row["group"], row["scope"]): row for row in axis["rows"]}
    flips = rows["counterfactual_flip_rate", ALL, "trained_on"]
    assert flips["state"] == "confirmed" and flips["reference"]["value"] == 0.01
    assert {row["name"] for row in axis["rows"] + axis["insufficient"]} <= set(SHOWN)
    page = write_report(root).read_text(encoding="utf-8")
    for text in (
        "ዳሉሚ",
        "swaps into groups never trained on",
        "Held out for judging",
        "No native speaker has signed",
        "insufficient",
        "1: 1.000, 2: 20.000",  # the steps and weights of a driven penalty
        "The largest weight is not enough",
        "recall gap at most 0.1",
        "No evaluation kept to them",
    ):
        assert text in page
    stored = read_json(root / "report.json")
    assert stored["safety"]["axes"][0]["axis"] == "ethnicity"


def test_the_test_split_is_judged_once_it_is_scored(tmp_path: Path) -> None:
    found = figures(read_contents(write_safety(tmp_path / "run", split="test")))
    assert found is not None and found["split"] == "test"


def test_a_signed_pack_carries_no_warning(tmp_path: Path) -> None:
    nothing = {"groups": 0, "benign_items": 0, "language": 0}
    found = figures(read_contents(write_safety(tmp_path / "run", unreviewed=nothing)))
    assert found is not None and found["unreviewed"] == ""


def test_a_run_that_has_not_evaluated_yet_says_so(tmp_path: Path) -> None:
    place = write_started(tmp_path / "run")
    write_json(place.watched, {**world.monitor(MADE[:40]).describe(), "training": {"refused": {}}})
    page = write_report(place.root).read_text(encoding="utf-8")
    assert 'id="safety"' in page and "No evaluation yet" in page


def test_no_row_text_is_in_the_page(tmp_path: Path) -> None:
    page = write_report(write_safety(tmp_path / "run")).read_text(encoding="utf-8")
    for word in world.WORDS:
        assert word not in page


def test_actions_and_overrides_stand_in_the_report(tmp_path: Path) -> None:
    root = write_safety(tmp_path / "run")
    place = Workdir(root)
    action = Action(450, "stop", "proposed", "safety.actions.confirmed=stop", (), (), "stop: because of it")
    write_lines(place.alerts, [*read_lines(place.alerts), action.to_dict()])
    override = {
        "step": 0,
        "event": "override",
        "leaf": "safety.autonomous",
        "before": False,
        "after": True,
        "time": "T1",
    }
    write_lines(place.events, [*read_lines(place.events), override])
    found = figures(read_contents(root))
    assert found is not None and found["actions"][0]["status"] == "proposed"
    assert found["overrides"] == [{"leaf": "safety.autonomous", "before": False, "after": True, "time": "T1"}]
    page = write_report(root).read_text(encoding="utf-8")
    assert "stop: because of it" in page and "Decisions of a person" in page and "safety-proposals" in page
