"""``amharic-tl sweep``: many runs from one file: run, look at, stop, go on, and collect."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

from amharic_tl.cli.arguments import Arguments, UsageError, parse

ACTIONS = ("run", "status", "resume", "stop", "report")
WORDS = ("ACTION", "SPEC")
OPTIONS = ("directory", "engine", "jobs", "max-hours", "retries", "slurm")
FLAGS = ("retry-failed",)


def help_text() -> str:
    """The text of ``amharic-tl sweep --help``."""
    from amharic_tl.sweeps.spec import specs

    return f"""usage: amharic-tl sweep ACTION SPEC [options]

SPEC is a .py that defines get_sweep() (it is executed), or one of {", ".join(specs())}.

  run, resume   runs what is left: finished runs are skipped, broken ones go on. The same command after an interruption,
                a kill or a crash; a changed SPEC may add runs
  status        what each run is doing, and what is left; before the first run: what would be run
  stop          asks every run to save and exit, and waits
  report        collects the runs into DIR/report: runs.md, runs.csv, minutes.csv

  --directory     of the sweep (default runs/sweeps/NAME, by the name of SPEC)
  --engine        local (default) or slurm: one array, needs pip install 'amharic-tl[slurm]'; does not wait for it
  -j, --jobs      runs at a time (default 1); on one machine each has its share of the cores, and a GPU of its own
  --max-hours     refuses to start where the runs that are left take more hours, added up; where nothing is known yet,
                  one run is timed first
  --retries       how often a run that is cut off (exit 75, killed) may start again without getting further (default 3)
  --retry-failed  starts failed runs again
  --slurm         settings of sbatch: partition=gpu,time=120,gpus_per_node=1,mem=32GB (time in minutes)

Exit codes: 0 every run is finished; 75 stopped, the same command goes on; otherwise that of the first run that failed.
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(_long(arguments), OPTIONS, FLAGS, WORDS)
    if parsed.help:
        print(help_text())
        return 0
    action, options = parsed.options.get("ACTION"), parsed.options
    if action not in ACTIONS:
        raise UsageError(f"expected one of {', '.join(ACTIONS)}, found {action or 'nothing'}")
    if "SPEC" not in options:
        raise UsageError(f"the spec is missing, for example amharic-tl sweep {action} sample")
    jobs, retries = _whole(parsed, "jobs", 1, 1), _whole(parsed, "retries", 3, 0)

    from amharic_tl.sweeps import launch
    from amharic_tl.sweeps.place import Place
    from amharic_tl.sweeps.spec import load_spec
    from amharic_tl.training.progress import Progress

    progress = Progress(1)
    directory = Path(options.get("directory", Path("runs") / "sweeps" / Path(options["SPEC"]).stem))
    if action in ("run", "resume"):
        name, sweep = load_spec(options["SPEC"])
        how = launch.Launch(
            _engine(parsed), jobs, _hours(parsed), retries, "retry-failed" in options, _settings(options.get("slurm"))
        )
        launch.run(name, sweep, directory, how, progress)
        if how.engine == "local":
            _report(directory, retries)
    elif action == "stop":
        print(launch.stop(directory, progress))
    elif action == "report":
        _report(directory, retries)
    elif Place(directory).plan.exists():
        _, sweep = load_spec(options["SPEC"])
        print("\n".join(launch.status(directory, jobs, sweep.minutes, retries)))
    else:
        _, sweep = load_spec(options["SPEC"])
        print("\n".join(launch.would_run(sweep, jobs)))
    return 0


def _report(directory: Path, retries: int) -> None:
    from amharic_tl.sweeps.report import write_report

    for path in write_report(directory, retries):
        print(path)


def _long(arguments: Sequence[str]) -> list[str]:
    """``-j 2`` and ``-j2`` as ``--jobs 2`` and ``--jobs=2``."""
    return ["--jobs" if word == "-j" else f"--jobs={word[2:]}" if word.startswith("-j") else word for word in arguments]


def _whole(parsed: Arguments, option: str, default: int, least: int) -> int:
    value = parsed.options.get(option, str(default))
    if not value.isdecimal() or int(value) < least:
        raise UsageError(f"--{option}: expected a whole number from {least}, found {value!r}")
    return int(value)


def _hours(parsed: Arguments) -> float | None:
    value = parsed.options.get("max-hours")
    try:
        hours = None if value is None else float(value)
    except ValueError:
        hours = -1.0
    if hours is not None and not hours > 0:
        raise UsageError(f"--max-hours: expected a number above 0, found {value!r}")
    return hours


def _engine(parsed: Arguments) -> Literal["local", "slurm"]:
    engine = parsed.options.get("engine", "local")
    if engine not in ("local", "slurm"):
        raise UsageError(f"--engine: expected local or slurm, found {engine!r}")
    return cast(Literal["local", "slurm"], engine)


def _settings(text: str | None) -> dict[str, Any]:
    """``partition=gpu,time=120`` as settings; whole numbers become numbers."""
    settings: dict[str, Any] = {}
    for part in (text or "").split(","):
        name, equals, value = part.partition("=")
        if part and not (name and equals and value):
            raise UsageError(f"--slurm: expected name=value,name=value, found {part!r}")
        if part:
            settings[name.strip().replace("-", "_")] = int(value) if value.isdecimal() else value
    return settings
