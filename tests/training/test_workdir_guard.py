"""Who may use a workdir, and whether somebody does."""

from __future__ import annotations

import errno
import fcntl
from pathlib import Path

import pytest

from amharic_tl.config import Config, to_dict
from amharic_tl.errors import ConfigError
from amharic_tl.records.files import write_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.training.workdir_guard import is_locked, locked, workdir_state


def test_a_lock_is_seen_and_let_go_of(tmp_path: Path) -> None:
    place = Workdir(tmp_path)
    assert not is_locked(place)
    with locked(place):
        assert is_locked(place)
    assert not is_locked(place)


def test_a_drive_without_locks_is_taken_for_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_locks(handle: object, operation: int) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    place = Workdir(tmp_path)
    monkeypatch.setattr(fcntl, "flock", without_locks)
    with locked(place):
        assert not is_locked(place)


def test_what_evaluate_wrote_is_no_run_to_go_on_with(tmp_path: Path) -> None:
    place = Workdir(tmp_path)
    write_json(place.config, to_dict(Config()))
    write_json(place.run, {"status": "completed"})
    assert workdir_state(place, Config()) == "completed"
    write_json(place.run, {"status": "completed", "evaluated": "export"})
    with pytest.raises(ConfigError, match="written by evaluate"):
        workdir_state(place, Config())
