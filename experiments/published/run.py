"""Published Amharic results, repeated: each recipe of configs/published with its seeds, and the table.

    python experiments/published/run.py --output runs/published [--only NAME] [--seeds 5]
    python experiments/published/run.py --table            # of the runs that are kept in runs.jsonl

A finished run is skipped and a broken one resumed. What was not run is NOT RUN in the table.
"""

from __future__ import annotations

import argparse
import json
import runpy
import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

HERE = Path(__file__).parent
RECIPES = {path.stem: path for path in sorted((HERE.parents[1] / "configs" / "published").glob("*.py"))}


def command(name: str, seed: int, workdir: Path) -> list[str]:
    """The command line of one run."""
    return [
        *("amharic-tl", "train", "--config", f"published/{name}", f"--config.train.seed={seed}"),
        *("--config.output.export=false", "--workdir", str(workdir)),
    ]


def result(name: str, seed: int, workdir: Path) -> dict[str, Any] | None:
    """The line of runs.jsonl of a completed run."""
    path = workdir / "run.json"
    run = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if run.get("status") != "completed":
        return None
    metric = published(name)["metric"]
    final = {split: run["final"][split].get(metric) for split in ("validation", "test", "test_clean")}
    origin = {key: run["provenance"].get(key) for key in ("git", "devices", "fingerprints", "seconds")}
    return {"recipe": name, "seed": seed, "metric": metric, **final, **origin}


def published(name: str) -> dict[str, Any]:
    """What is published of a recipe."""
    return dict(runpy.run_path(str(RECIPES[name]))["PUBLISHED"])


def table(kept: list[dict[str, Any]]) -> str:
    """A row a recipe: what is published, and the mean and deviation over the seeds that were run here."""
    lines = ["| recipe | metric | published | of | here | source |", "| --- " * 6 + "|"]
    for name in RECIPES:
        said = published(name)
        figures = [run["test"] for run in kept if run["recipe"] == name]
        here = "NOT RUN"
        if figures:
            spread = f" ± {stdev(figures):.3f}" if len(figures) > 1 else ""
            here = f"{mean(figures):.3f}{spread} ({len(figures)} of {said['seeds']} seeds)"
        cells = [name, said["metric"], f"{said['figure']:g}", said["of"], here, said["source"]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def kept_runs() -> list[dict[str, Any]]:
    """Runs that are kept beside this file."""
    path = HERE / "runs.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def main() -> None:
    """Runs what is missing, keeps the results and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--only", choices=RECIPES)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if not arguments.table:
        if arguments.output is None:
            parser.error("--output is needed to run; --table prints what is kept")
        for name in RECIPES if arguments.only is None else [arguments.only]:
            for seed in range(arguments.seeds or published(name)["seeds"]):
                workdir = arguments.output / name / f"seed-{seed}"
                words = [sys.executable, "-m", "amharic_tl", *command(name, seed, workdir)[1:]]
                if result(name, seed, workdir) is None and subprocess.run(words).returncode:
                    sys.exit(f"{name}, seed {seed}: stopped; the same command goes on")
                line = result(name, seed, workdir)
                others = [run for run in kept_runs() if (run["recipe"], run["seed"]) != (name, seed)]
                kept = sorted([*others, *([line] if line else [])], key=lambda run: (run["recipe"], run["seed"]))
                (HERE / "runs.jsonl").write_text("".join(json.dumps(run) + "\n" for run in kept), encoding="utf-8")
    text = table(kept_runs())
    (HERE / "table.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
