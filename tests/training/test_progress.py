"""The progress line on a terminal, and its silence elsewhere."""

from __future__ import annotations

import io

from amharic_tl.training.progress import Progress, duration


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_quiet_when_not_a_terminal() -> None:
    stream = io.StringIO()
    progress = Progress(10, stream=stream)
    for step in range(1, 11):
        progress.update(step, 0.5, 100.0)
    progress.note("evaluating")
    progress.close()
    assert stream.getvalue() == ""
    progress.say("said")
    assert stream.getvalue() == "said\n"


def test_a_terminal_sees_step_loss_speed_and_time_left() -> None:
    stream = _Terminal()
    progress = Progress(2, stream=stream)
    progress.update(1, 0.75, None)
    progress.update(2, 0.5, 1234.0)
    shown = stream.getvalue()
    assert "step 1/2" in shown and "compiling" in shown
    assert "step 2/2" in shown and "0.5000" in shown and "1,234 tokens/s" in shown and "left" in shown


def test_durations() -> None:
    assert [duration(s) for s in (-1, 42.9, 185, 7800)] == ["0s", "42s", "3m05s", "2h10m"]
