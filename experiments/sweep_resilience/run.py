"""Runs the 24-run sweep of ``spec.py`` twice, the second time killing its launcher and two of its runs, and compares.

    python experiments/sweep_resilience/run.py --output runs/sweep_resilience [--jobs 2] [--seed 0]

Writes ``figures.json``, ``table.md``, ``table.csv`` and ``log.txt`` beside itself, or where ``--results`` says.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import amharic_tl
from amharic_tl.records.files import read_lines, write_json
from amharic_tl.sweeps.locks import held, holder

HERE = Path(__file__).parent
LAUNCHER_KILLS, RUN_KILLS = 5, 2
TABLES = ("runs.md", "runs.csv")


def make_base(folder: Path) -> None:
    """The bundled base's tokenizer with a config of two layers of 32; its weights are drawn by each run."""
    bundled = Path(amharic_tl.__file__).parent / "assets" / "amharic_tiny"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(bundled / name, folder / name)
    config = json.loads((bundled / "config.json").read_text(encoding="utf-8"))
    config |= {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    write_json(folder / "config.json", config)


def start(directory: Path, base: Path, jobs: int, log: Any) -> subprocess.Popen[bytes]:
    """Types the command."""
    words = ["sweep", "run", str(HERE / "spec.py"), "--directory", str(directory), "--jobs", str(jobs)]
    environment = os.environ | {"SWEEP_RESILIENCE_BASE": str(base)}
    return subprocess.Popen([sys.executable, "-m", "amharic_tl", *words], stdout=log, stderr=log, env=environment)


def processor_seconds(process: int) -> float:
    """What a process itself has used so far, without its children; 0 where it is gone."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watch(launcher: subprocess.Popen[bytes], directory: Path, used: dict[int, float]) -> None:
    """Notes what the launcher and the processes beside its runs use, until it ends."""
    while launcher.poll() is None:
        watchers = [holder(path).get("process") for path in (directory / "locks").glob("*")]
        for process in [launcher.pid, *filter(None, watchers)]:
            used[process] = max(used.get(process, 0.0), processor_seconds(process))
        time.sleep(0.2)


def attempts(directory: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Starts and ends of an undisturbed sweep's attempts."""
    for path in sorted((directory / "attempts").iterdir()):
        started, ended = read_lines(path)
        yield started, ended


def overhead(directory: Path, began: float) -> tuple[float, float]:
    """Seconds in which slots waited although runs were left, and seconds in which runs ran, added over slots."""
    slots: dict[int, list[tuple[float, float]]] = {}
    for started, ended in attempts(directory):
        slots.setdefault(started["slot"], []).append((ended["clock"], ended["seconds"]))
    ran = sum(seconds for ends in slots.values() for _, seconds in ends)
    spanned = sum(max(clock for clock, _ in ends) - began for ends in slots.values())
    return spanned - ran, ran


def disturb(directory: Path, base: Path, jobs: int, log: Any, seconds: float, seed: int) -> list[dict[str, Any]]:
    """Runs the sweep, killing launchers and runs at random moments of the first two thirds of its time."""
    generator = random.Random(seed)
    kills = sorted(
        (generator.uniform(0.02, 0.67) * seconds, what) for what in ["launcher"] * LAUNCHER_KILLS + ["run"] * RUN_KILLS
    )
    done = []
    began, launcher = time.monotonic(), start(directory, base, jobs, log)
    for moment, what in kills:
        time.sleep(max(0.0, moment - (time.monotonic() - began)))
        if what == "launcher":
            assert launcher.poll() is None, "the launcher ended before it was killed"
            launcher.kill()
            launcher.wait()
            launcher = start(directory, base, jobs, log)
        elif not kill_a_run(directory, generator):
            raise SystemExit("no run was alive to be killed")
        done.append({"second": round(time.monotonic() - began, 1), "killed": what})
        print(done[-1], flush=True)
    if launcher.wait() != 0:
        raise SystemExit("the disturbed sweep did not end well; see log.txt")
    return done


def kill_a_run(directory: Path, generator: random.Random) -> bool:
    """Kills one run with the process beside it, both at once."""
    for path in generator.sample(paths := sorted((directory / "locks").glob("*")), len(paths)):
        process = holder(path).get("process")
        if process is not None and held(path):
            os.killpg(process, signal.SIGKILL)
            return True
    return False


def main() -> None:
    """Runs both sweeps and writes what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=HERE, help="where figures, tables and log go")
    options = parser.parse_args()
    base, calm, disturbed = (options.output / name for name in ("base", "undisturbed", "disturbed"))
    options.results.mkdir(parents=True, exist_ok=True)
    make_base(base)
    used: dict[int, float] = {}
    with (options.results / "log.txt").open("ab") as log:
        began = time.time()
        launcher = start(calm, base, options.jobs, log)
        watch(launcher, calm, used)
        if launcher.returncode != 0:
            raise SystemExit("the undisturbed sweep did not end well; see log.txt")
        seconds = time.time() - began
        print(f"undisturbed: {seconds:.0f} s", flush=True)
        kills = disturb(disturbed, base, options.jobs, log, seconds, options.seed)
    held_up, ran = overhead(calm, began)
    same = {
        Path(name).suffix[1:]: (calm / "report" / name).read_bytes() == (disturbed / "report" / name).read_bytes()
        for name in TABLES
    }
    lines = [line for path in (disturbed / "attempts").iterdir() for line in read_lines(path)]
    figures = {
        "runs": sum(1 for _ in attempts(calm)),
        "undisturbed_seconds": round(seconds, 1),
        "run_seconds": round(ran, 1),
        "held_up_seconds": round(held_up, 2),
        "held_up_share": round(held_up / ran, 5),
        "launcher_processor_seconds": round(sum(used.values()), 2),
        "kills": kills,
        "attempts_of_the_disturbed_sweep": sum(line["event"] == "started" for line in lines),
        "same_bytes": same,
    }
    write_json(options.results / "figures.json", figures)
    for name in TABLES:
        shutil.copy(disturbed / "report" / name, options.results / name.replace("runs", "table"))
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
