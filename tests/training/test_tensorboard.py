"""TensorBoard's file: finite scalars, and a full disk that ends nothing but this file."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from amharic_tl.training.tensorboard import TensorBoard


def test_finite_scalars_are_written_and_others_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    board = TensorBoard(tmp_path / "tb", print)
    board.add(3, {"train/loss": 0.5, "train/grad_norm": float("nan")})
    board.close()
    board.add(4, {"train/late": 0.5})
    (file,) = (tmp_path / "tb").iterdir()
    data = file.read_bytes()
    assert b"train/loss" in data and b"grad_norm" not in data and b"late" not in data
    assert not caplog.records


@pytest.mark.parametrize("call", ["write_event", "flush", "close"])
def test_a_disk_that_is_full_is_said_once(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorboardX.event_file_writer import EventsWriter

    said: list[str] = []
    board = TensorBoard(tmp_path / "tb", said.append)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(EventsWriter, call, full)
    for _ in range(2):
        board.add(1, {"train/loss": 0.5})
        board.flush()
        board.close()
    assert len(said) == 1 and "No space left on device" in said[0]


def test_a_place_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said: list[str] = []
    TensorBoard(tmp_path / "file" / "tb", said.append).add(1, {"train/loss": 0.5})
    assert len(said) == 1
