"""What helps when a small base is transferred: seven methods on three sets, through sweeps.

    python experiments/transfer_methods/run.py --data DATA --output runs/transfer_methods [--jobs 2]
        [--only trac,ner,news] [--parts tuning,final,depth,adaptation] [--status]

Every part is a sweep: finished runs are skipped and broken ones resumed, so that the same command goes on. What is
measured is kept in ``runs.jsonl`` beside this file (or where ``--results`` says), and ``table.md`` is made from it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from sets import DRAWS, MEASURES, make_news  # noqa: E402
from spec import METHODS, TUNING_SEED  # noqa: E402
from table import write_table  # noqa: E402

from amharic_tl.records.files import read_json, read_lines, write_lines  # noqa: E402
from amharic_tl.sweeps import collect  # noqa: E402

PARTS = ("tuning", "final", "depth", "adaptation")
# Depth and adaptation are asked of one set each: the largest one.
SETS_OF = {"tuning": tuple(MEASURES), "final": tuple(MEASURES), "depth": ("trac",), "adaptation": ("trac",)}
MINUTES = {"trac": 2.5, "ner": 2.5, "news": 2.5}  # of one run on one core, before any is measured
SEEDS = [0, 1, 2, 3, 4]


@dataclass(frozen=True)
class Part:
    """One sweep: a part of the study on a set, with a draw of the few-shot pool where there are draws."""

    name: str
    set: str
    draw: int
    seeds: list[int]

    @property
    def folder(self) -> str:
        """Where the sweep lies in the output."""
        return f"{self.set}/{self.name}" + (f"-{self.draw}" if self.set == "news" else "")


def parts(only: list[str], wanted: list[str]) -> Iterator[Part]:
    """All sweeps in their order: first what is chosen on dev, then what is compared."""
    for name in PARTS:
        for which in SETS_OF[name]:
            if which not in only or name not in wanted:
                continue
            if name == "tuning":
                yield Part(name, which, 0, [TUNING_SEED])
            elif which == "news":  # one draw is one number: as many draws as seeds, one of each a run
                yield from (Part(name, which, draw, [SEEDS[draw]]) for draw in range(DRAWS))
            else:
                yield Part(name, which, 0, SEEDS)


def chosen_rates(output: Path, which: str) -> dict[str, float] | None:
    """The rate of each method whose validation score is the best, ties to the lower; None until all are measured."""
    folder = output / which / ("tuning-0" if which == "news" else "tuning")
    if not (folder / "sweep.json").exists():
        return None
    best: dict[str, tuple[float, float]] = {}
    for run in collect(folder):
        score = run.scores.get(f"validation/{MEASURES[which]}")
        if run.status != "finished" or score is None:
            return None
        method, rate = str(run.arm.get("transfer.method", "full")), float(run.arm["optim.lr"])  # type: ignore[arg-type]
        best[method] = max(best.get(method, (-1.0, 0.0)), (score, -rate))
    return {method: -rate for method, (_, rate) in best.items()}


def launch(part: Part, verb: str, data: Path, output: Path, jobs: int, rates: Mapping[str, float] | None) -> int:
    """Types the command of one sweep; returns its exit code."""
    asked = {
        "part": part.name, "set": part.set, "draw": part.draw, "seeds": part.seeds, "data": str(data.resolve()),
        "output": str(output.resolve()), "rates": dict(rates or {}), "minutes": MINUTES[part.set],
    }  # fmt: skip
    words = ["sweep", verb, str(HERE / "spec.py"), "--directory", str(output / part.folder)]
    words += ["--jobs", str(jobs)] if verb == "run" else []
    environment = os.environ | {
        "TRANSFER_METHODS": json.dumps(asked),
        "JAX_COMPILATION_CACHE_DIR": str(output.resolve() / "compiled"),
    }
    return subprocess.run([sys.executable, "-m", "amharic_tl", *words], env=environment, check=False).returncode


def measured(part: Part, output: Path) -> Iterator[dict[str, Any]]:
    """The finished runs of a sweep, as the study keeps them."""
    measure = MEASURES[part.set]
    for run in collect(output / part.folder) if (output / part.folder / "sweep.json").exists() else ():
        if run.status != "finished" or run.workdir is None:
            continue
        timing = read_lines(run.workdir / "timing.jsonl")
        plan = read_json(run.workdir / "plan.json")
        yield {
            "set": part.set, "part": part.name, "draw": part.draw, "seed": run.seed, "arm": dict(run.arm),
            "rate": read_json(run.workdir / "config.json")["optim"]["lr"],
            "validation": run.scores.get(f"validation/{measure}"), "test": run.scores.get(f"test/{measure}"),
            "test_clean": run.scores.get(f"test_clean/{measure}"), "minutes": run.minutes,
            "step_seconds": sorted(line["step_seconds"] for line in timing)[len(timing) // 2] if timing else None,
            "memory_bytes": timing[-1].get("memory_bytes") if timing else None,
            "trainable": plan["totals"]["trainable"],
            "step_flops": plan["flops_per_example"]["train_step"],
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=HERE)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default=",".join(MEASURES))
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--status", action="store_true", help="say what is left, and run nothing")
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    only, wanted = asked.only.split(","), asked.parts.split(",")
    if "news" in only:
        print(f"few-shot news: {make_news(asked.data, asked.output)}", flush=True)
    everything = list(parts(list(MEASURES), list(PARTS)))
    runs = sum(_size(part) * MINUTES[part.set] for part in everything)
    print(f"the whole study: {sum(map(_size, everything))} runs, about {runs / 60:.1f} core-hours", flush=True)
    code = 0
    for part in parts(only, wanted):
        rates = None if part.name == "tuning" else chosen_rates(asked.output, part.set)
        if part.name != "tuning" and rates is None:
            print(f"{part.folder}: waits until every rate of {part.set} is measured on dev", flush=True)
            continue
        print(f"== {part.folder}", flush=True)
        code = launch(part, "status" if asked.status else "run", asked.data, asked.output, asked.jobs, rates)
        if code == 75:
            break
    if not asked.status:
        kept = [line for part in everything for line in measured(part, asked.output)]
        write_lines(asked.results / "runs.jsonl", kept)
    write_table(asked.results)
    raise SystemExit(code)


def _size(part: Part) -> int:
    arms = {"tuning": 3 * len(METHODS), "final": len(METHODS), "depth": 6, "adaptation": 2}[part.name]
    return arms * len(part.seeds)


if __name__ == "__main__":
    main()
