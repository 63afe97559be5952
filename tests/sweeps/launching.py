"""Starts sweeps whose runs are stand-ins; as a programme (DIRECTORY MODELS JOBS), a launcher that tests can kill."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from amharic_tl import sweeps
from amharic_tl.sweeps import launch
from amharic_tl.sweeps.place import Place
from amharic_tl.training.progress import Progress

FAKE = (sys.executable, "-I", "-S", str(Path(__file__).with_name("fake_train.py")))


def spec(models: Sequence[str] = ("ok",), rates: Sequence[float] = (0.1, 0.2), seeds: int = 1) -> sweeps.Sweep:
    """Arms over stand-ins and rates."""
    arms = sweeps.prod(sweeps.param("model.path", models), sweeps.param("optim.lr", rates))
    return sweeps.Sweep(arms=arms, base={}, seeds=sweeps.seeds(seeds), question=sweeps.Question(text="Which rate?"))


def run(directory: Path, sweep: sweeps.Sweep, **how: object) -> str:
    """Runs a sweep in this process; returns what it said."""
    said = io.StringIO()
    launch.run("test", sweep, directory, launch.Launch(train=FAKE, **how), Progress(1, stream=said))  # type: ignore[arg-type]
    return said.getvalue()


def launcher(directory: Path, models: Sequence[str], jobs: int) -> subprocess.Popen[bytes]:
    """Runs a sweep in a process of its own."""
    command = [sys.executable, "-m", "tests.sweeps.launching", str(directory), json.dumps(list(models)), str(jobs)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE)


def starts(directory: Path) -> dict[str, int]:
    """How often each run's command was started, by the run's folder."""
    files = (directory / "runs").glob("*/starts.txt")
    return {path.parent.name: len(path.read_text().splitlines()) for path in files}


def pids(directory: Path) -> list[int]:
    """Processes of the newest start of each run."""
    files = sorted((directory / "runs").glob("*/starts.txt"))
    return [int(path.read_text().splitlines()[-1]) for path in files if path.read_text().strip()]


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Waits for something that is about to be true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def go(directory: Path) -> None:
    """Lets slow stand-ins finish."""
    for workdir in (directory / "runs").iterdir():
        (workdir / "go").touch()


def lock(directory: Path) -> Path:
    """The lock of the first run."""
    place = Place(directory)
    return place.lock(min((directory / "configs").glob("*.json")).stem)


if __name__ == "__main__":
    from amharic_tl.errors import AmharicTLError

    try:
        run(Path(sys.argv[1]), spec(json.loads(sys.argv[2])), jobs=int(sys.argv[3]))
    except AmharicTLError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
