"""Signals set a flag inside the block and are given back after it."""

from __future__ import annotations

import contextlib
import os
import signal

import pytest

from amharic_tl.errors import Preempted
from amharic_tl.training.interruption import Interruption


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_flag_and_handlers_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    interruption = Interruption()
    with interruption.listening():
        assert not interruption.requested()
        os.kill(os.getpid(), number)
        assert interruption.requested()
        assert interruption.signal_name == number.name
    assert signal.getsignal(number) is before


def test_a_second_ctrl_c_stops_at_once() -> None:
    interruption = Interruption()
    with pytest.raises(KeyboardInterrupt), interruption.listening():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_a_second_ctrl_c_that_a_callback_swallowed_stops_at_the_next_poll() -> None:
    interruption = Interruption()
    with interruption.listening():
        os.kill(os.getpid(), signal.SIGINT)
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interruption.requested()


def test_before_training_a_signal_stops_with_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    interruption = Interruption()
    with interruption.listening():
        interruption.check("reading data")
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Preempted, match="SIGINT received while reading data; type the same command again"):
            interruption.check("reading data")
    assert "Ctrl-C once more" in capfd.readouterr().err
