"""How a child ends is what its parent says and returns."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Without JAX, so that a process takes a moment only.
CODE = """
import os, signal, sys, time
from amharic_tl.cli.supervisor import supervised
from amharic_tl.errors import BadInputError
def work(met):
    {body}
    return 0
sys.exit(supervised("train", work))
"""


def _end(body: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-c", CODE.format(body=body)], capture_output=True, text=True, cwd=ROOT)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("pass", 0, ""),
        ("raise BadInputError('no such column')", 65, "amharic-tl train: no such column\n"),
        ("raise SystemExit(71)", 71, ""),
        ("met(); os.abort()", 75, "another process of the job is gone"),
        ("os.abort()", 75, "did not come together (config.mesh.join_within)"),
        ("os.kill(os.getpid(), signal.SIGKILL)", 137, ""),
        ("1 / 0", 70, "this is a bug of amharic_tl"),
    ],
)
def test_how_a_child_ends(body: str, code: int, said: str) -> None:
    found, text = _end(body)
    assert found == code
    assert said in text


def test_signals_are_passed_on_and_a_killed_parent_takes_its_child_along(tmp_path: Path) -> None:
    place = tmp_path / "child"
    body = (
        f"signal.signal(signal.SIGTERM, lambda *_: sys.exit(75)); open({str(place)!r}, 'w').write(str(os.getpid())); "
        "time.sleep(60)"
    )
    for number, code in ((signal.SIGTERM, 75), (signal.SIGKILL, -9)):
        place.unlink(missing_ok=True)
        parent = subprocess.Popen([sys.executable, "-c", CODE.format(body=body)], cwd=ROOT)
        while not (place.exists() and place.read_text()):
            time.sleep(0.01)
        parent.send_signal(number)
        assert parent.wait(timeout=60) == code
        child, deadline = int(place.read_text()), time.monotonic() + 30
        while _alive(child) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _alive(child)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "\tZ" not in Path(f"/proc/{process}/status").read_text() if Path(f"/proc/{process}").exists() else False
