"""Whole files, whole lines, null for what JSON cannot hold."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from amharic_tl.errors import BadInputError, CannotCreateError, MissingInputError
from amharic_tl.records.files import (
    append_line,
    read_json,
    read_lines,
    read_object,
    refuse_existing,
    truncate_file,
    write_json,
    writing,
)


def test_non_finite_numbers_become_null_at_any_depth(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": [1.0, float("nan"), {"y": float("-inf")}], "ሰ": "ሰላም"})
    assert read_json(tmp_path / "a.json") == {"x": [1.0, None, {"y": None}], "ሰ": "ሰላም"}
    assert "ሰላም" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_appending_truncating_and_a_line_cut_off_by_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "lines.jsonl"
    append_line(path, {"step": 1})
    length = path.stat().st_size
    append_line(path, {"step": 2})
    with path.open("a") as file:
        file.write('{"step": 3')
    assert read_lines(path) == [{"step": 1}, {"step": 2}]
    truncate_file(path, length)
    assert read_lines(path) == [{"step": 1}]
    assert read_lines(tmp_path / "none.jsonl") == []


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"a": 1}\nnonsense\n{"a": 2}\n')
    with pytest.raises(BadInputError, match="line 2"):
        read_lines(path)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"good": True})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CannotCreateError, match="No space left"):
        write_json(path, {"good": False})
    assert json.loads(path.read_text()) == {"good": True}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_line_that_did_not_fit_leaves_no_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lines.jsonl"
    append_line(path, {"step": 1})
    write = os.write
    monkeypatch.setattr("os.write", lambda descriptor, data: write(descriptor, data[:5]))
    with pytest.raises(CannotCreateError, match="free some space"):
        append_line(path, {"step": 2})
    monkeypatch.undo()
    append_line(path, {"step": 3})
    assert read_lines(path) == [{"step": 1}, {"step": 3}]


def test_errors_have_exit_codes(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        read_json(tmp_path / "none.json")
    with pytest.raises(CannotCreateError) as caught, writing(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")
    assert caught.value.exit_code == 73 and "free some space" not in str(caught.value)


def test_a_place_that_holds_something_is_refused_before_the_work(tmp_path: Path) -> None:
    refuse_existing(tmp_path, "output")
    refuse_existing(tmp_path / "new", "output")
    (tmp_path / "file").touch()
    for place, said in ((tmp_path, "is not empty"), (tmp_path / "file", "is a file")):
        with pytest.raises(CannotCreateError, match=f"--output.*{said}"):
            refuse_existing(place, "output")


def test_a_file_that_should_hold_an_object_and_does_not_is_told(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("[1]")
    with pytest.raises(BadInputError, match="run.json: expected a JSON object, found a list"):
        read_object(tmp_path / "run.json")
