"""What helps when a small base is transferred: seven methods on three sets, through sweeps.

    python experiments/transfer_methods/run.py --data DATA --output runs/transfer_methods [--jobs 2]
        [--only trac,ner,news] [--parts tuning,final,depth,adaptation] [--status]

Every part is a sweep for each seed: finished runs are skipped and broken ones resumed, so that the same command goes
on. What is measured is kept in ``runs.jsonl`` beside this file (or where ``--results`` says), and ``table.md`` is made
from it; what it holds already is not run again, on whichever machine it was measured. ``--fresh`` does not read it.
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
from spec import TUNING_SEED, arm_of, arms_of, shown  # noqa: E402
from table import write_table  # noqa: E402

from amharic_tl.records.files import read_json, read_lines, write_lines  # noqa: E402
from amharic_tl.sweeps import collect  # noqa: E402

PARTS = ("tuning", "final", "depth", "adaptation")
# Depth and adaptation are asked of one set each: the largest one.
SETS_OF = {"tuning": tuple(MEASURES), "final": tuple(MEASURES), "depth": ("trac",), "adaptation": ("trac",)}
MINUTES = {"trac": 2.5, "ner": 2.5, "news": 2.5}  # of one run on one core, before any is measured
SEEDS = [0, 1, 2, 3, 4]


Line = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """One sweep: a part of the study on a set with one seed; of few-shot news, one draw goes with each seed."""

    name: str
    set: str
    seed: int

    @property
    def draw(self) -> int:
        """Of the few-shot pool: one draw is one number, so that there are as many draws as seeds."""
        return self.seed % DRAWS if self.set == "news" and self.name != "tuning" else 0

    @property
    def folder(self) -> str:
        """Where the sweep lies in the output."""
        return f"{self.set}/{self.name}-{self.seed}"

    def holds(self, line: Line) -> bool:
        """Whether a line of ``runs.jsonl`` belongs to it."""
        return (line["part"], line["set"], line["seed"]) == (self.name, self.set, self.seed)


def parts(only: list[str], wanted: list[str]) -> Iterator[Part]:
    """All sweeps in their order: first what is chosen on dev, then what is compared, a seed after another."""
    for name in PARTS:
        seeds = [TUNING_SEED] if name == "tuning" else SEEDS
        yield from (
            Part(name, which, seed) for seed in seeds for which in SETS_OF[name] if which in only and name in wanted
        )


def chosen_rates(lines: list[Line], which: str) -> dict[str, float] | None:
    """The rate of each method whose validation score is the best, ties to the lower; None until all are measured."""
    tuned = [line for line in lines if line["part"] == "tuning" and line["set"] == which]
    if len(tuned) < len(arms_of("tuning", None)):
        return None
    best: dict[str, tuple[float, float]] = {}
    for line in tuned:
        method, rate = line["arm"]["method"], line["arm"]["rate"]
        best[method] = max(best.get(method, (-1.0, 0.0)), (line["validation"], -rate))
    return {method: -rate for method, (_, rate) in best.items()}


def launch(part: Part, verb: str, data: Path, output: Path, jobs: int, arms: list[dict[str, Any]]) -> int:
    """Types the command of one sweep; returns its exit code."""
    asked = {
        "part": part.name, "set": part.set, "draw": part.draw, "seed": part.seed, "data": str(data.resolve()),
        "output": str(output.resolve()), "arms": arms, "minutes": MINUTES[part.set],
    }  # fmt: skip
    words = ["sweep", verb, str(HERE / "spec.py"), "--directory", str(output / part.folder)]
    words += ["--jobs", str(jobs)] if verb == "run" else []
    environment = os.environ | {
        "TRANSFER_METHODS": json.dumps(asked),
        "JAX_COMPILATION_CACHE_DIR": str(output.resolve() / "compiled"),
    }
    return subprocess.run([sys.executable, "-m", "amharic_tl", *words], env=environment, check=False).returncode


def measured(part: Part, output: Path) -> Iterator[Line]:
    """The finished runs of a sweep, as the study keeps them."""
    measure = MEASURES[part.set]
    for run in collect(output / part.folder) if (output / part.folder / "sweep.json").exists() else ():
        if run.status != "finished" or run.workdir is None:
            continue
        timing = read_lines(run.workdir / "timing.jsonl")
        plan = read_json(run.workdir / "plan.json")
        yield {
            "set": part.set, "part": part.name, "draw": part.draw, "seed": run.seed,
            "arm": arm_of(read_json(run.workdir / "config.json")),
            "validation": run.scores.get(f"validation/{measure}"), "test": run.scores.get(f"test/{measure}"),
            "test_clean": run.scores.get(f"test_clean/{measure}"), "minutes": run.minutes,
            "step_seconds": sorted(line["step_seconds"] for line in timing)[len(timing) // 2] if timing else None,
            "memory_bytes": timing[-1].get("memory_bytes") if timing else None,
            "trainable": plan["totals"]["trainable"],
            "step_flops": plan["flops_per_example"]["train_step"],
        }  # fmt: skip


def together(kept: list[Line], output: Path) -> list[Line]:
    """What was kept before and what the output holds, without the same run twice, in the study's order."""
    lines: list[Line] = []
    for part in parts(list(MEASURES), list(PARTS)):
        here = list(measured(part, output))
        arms = [line["arm"] for line in here]
        lines += [line for line in kept if part.holds(line) and line["arm"] not in arms] + here
    return lines


def missing(part: Part, lines: list[Line], output: Path, rates: Mapping[str, float] | None) -> list[dict[str, Any]]:
    """The arms of a sweep: those that were not measured elsewhere."""
    here = [line["arm"] for line in measured(part, output)]
    elsewhere = [line["arm"] for line in lines if part.holds(line) and line["arm"] not in here]
    return [arm for arm in arms_of(part.name, rates) if shown(arm) not in elsewhere]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=HERE)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default=",".join(MEASURES))
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--status", action="store_true", help="say what is left, and run nothing")
    parser.add_argument("--fresh", action="store_true", help="run all of it again, whatever runs.jsonl holds")
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    only, wanted = asked.only.split(","), asked.parts.split(",")
    if "news" in only:
        print(f"few-shot news: {make_news(asked.data, asked.output)}", flush=True)
    path = asked.results / "runs.jsonl"
    kept = read_lines(path) if path.exists() and not asked.fresh else []
    lines = together(kept, asked.output)
    everything = list(parts(list(MEASURES), list(PARTS)))
    runs = {part: len(arms_of(part.name, None)) for part in everything}
    minutes = sum(count * MINUTES[part.set] for part, count in runs.items())
    total = sum(runs.values())
    print(f"the whole study: {total} runs, about {minutes / 60:.1f} core-hours; {len(lines)} are measured", flush=True)
    code = 0
    for part in parts(only, wanted):
        rates = None if part.name == "tuning" else chosen_rates(lines, part.set)
        if part.name != "tuning" and rates is None:
            print(f"{part.folder}: waits until every rate of {part.set} is measured on dev", flush=True)
            continue
        arms = missing(part, lines, asked.output, rates)
        if not arms:
            continue
        print(f"== {part.folder}: {len(arms)} runs", flush=True)
        code = launch(part, "status" if asked.status else "run", asked.data, asked.output, asked.jobs, arms)
        if not asked.status:
            lines = together(kept, asked.output)
            write_lines(path, lines)
            write_table(asked.results)
        if code == 75:
            break
    raise SystemExit(code)


if __name__ == "__main__":
    main()
