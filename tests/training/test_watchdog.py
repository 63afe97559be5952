"""A process that gets no further says where it stands and ends; one that does is left alone."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from amharic_tl.training.watchdog import alive, watched

CODE = """
import time
from amharic_tl.training.watchdog import watched
def standing_still():
    time.sleep(60)
with watched(0.3, "process 1 of 2: "):
    standing_still()
"""


def test_silence_ends_the_process_with_the_stack() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=50
    )
    assert done.returncode == 75
    assert "standing_still" in done.stderr
    assert "process 1 of 2: no step or batch was finished for" in done.stderr


def test_work_that_goes_on_is_left_alone() -> None:
    with watched(0.4):
        for _ in range(8):
            time.sleep(0.1)
            alive()
    with watched(None):
        pass
