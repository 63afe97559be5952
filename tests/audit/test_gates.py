"""Findings that stop a run, and those that do not."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from amharic_tl.audit.gates import check_gates, stop_at_gates, tripped
from amharic_tl.audit.material import Material
from amharic_tl.config import Config, build_config, differences, to_dict
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.records.findings import finding
from amharic_tl.run import train
from tests.audit.clean import changed, material


def never(path: str) -> object:
    raise AssertionError(f"the tokenizer {path} is not needed for these gates")


def inside(audited: Material) -> Material:
    changed(audited, "test", {n: {"text": audited.parts[0].rows[n].text} for n in range(70)})
    return audited


def test_a_run_is_stopped_by_default_only_where_most_of_test_stands_in_train() -> None:
    stop_at_gates(material(), never)  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match=r"test-inside-train \(error\): 70 of the 120 rows of test"):
        stop_at_gates(inside(material()), never)  # type: ignore[arg-type]


def test_validation_may_be_what_is_trained_on() -> None:
    audited = material()
    changed(audited, "validation", {n: {"text": audited.parts[0].rows[n].text} for n in range(120)})
    stop_at_gates(audited, never)  # type: ignore[arg-type]


def test_gates_can_be_turned_off_and_named() -> None:
    stop_at_gates(inside(material(**{"data.gates": "none"})), never)  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match="leak-across-parts"):
        stop_at_gates(inside(material(**{"data.gates": "leak-across-parts"})), never)  # type: ignore[arg-type]
    stop_at_gates(inside(material(**{"data.gates": "personal-data"})), never)  # type: ignore[arg-type]


def test_a_severity_stops_at_what_is_as_grave_or_graver_and_a_name_not_at_a_note() -> None:
    found = [finding("a", level, "", "", 1, 0) for level in ("info", "warning", "error")]  # type: ignore[arg-type]
    assert [one.severity for one in tripped(found, ["error"])] == ["error"]
    assert [one.severity for one in tripped(found, ["warning"])] == ["warning", "error"]
    assert [one.severity for one in tripped(found, ["a"])] == ["warning", "error"]
    assert tripped(found, []) == []


def test_a_misspelt_gate_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'label-shift'"):
        check_gates(["label-shfit"])
    check_gates(Config().data.gates or ())


def test_gates_may_change_when_a_run_is_resumed() -> None:
    assert differences(to_dict(build_config({})), build_config({"data.gates": "error"})) == []


def test_train_stops_before_it_writes_anything(
    tiny_overrides: dict[str, object], tiny_files: Path, tmp_path: Path
) -> None:
    with (tiny_files / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    with (tmp_path / "test.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows[:40])
    config = build_config({**tiny_overrides, "data.test": str(tmp_path / "test.csv")})
    with pytest.raises(BadInputError, match="test-inside-train"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
