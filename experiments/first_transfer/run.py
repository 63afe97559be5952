"""Does the bundled base help? TRAC-2024 (category of hate) and AfriSenti, from amharic-tiny and from scratch.

    python experiments/first_transfer/run.py --data DATA --output runs/first_transfer [--seeds 5] [--only afrisenti]

Each run is one `amharic-tl train`; a finished one is skipped and a broken one resumed, so the study survives being
cut off.
Everything was chosen on the dev splits (the preset's values); test is read once, by each run's own end. Cells that
are not measured say so in the table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean, stdev

SETS = {
    "trac2024": {"folder": "trac2024-hate", "files": "{}_category.csv", "text": "tweet", "label": "label"},
    "afrisenti": {"folder": "afrisenti", "files": "{}.tsv", "text": "tweet", "label": "label"},
}
ARMS = {
    "amharic-tiny, full": [],
    "from scratch": ["--config.model.initialise=random"],
}
MINUTES = 10  # of one run on one core, measured


def command(data: Path, name: str, arm: str, seed: int, workdir: Path) -> list[str]:
    """The command line of one run."""
    chosen = SETS[name]
    splits = {"train": "train", "validation": "dev", "test": "test"}
    files = [
        f"--config.data.{split}={data / chosen['folder'] / chosen['files'].format(stem)}"
        for split, stem in splits.items()
    ]
    return [
        *(sys.executable, "-m", "amharic_tl", "train", "--config", "classify"),
        *files,
        f"--config.data.text={chosen['text']}",
        f"--config.data.label={chosen['label']}",
        f"--config.train.seed={seed}",
        "--config.output.export=false",
        # The two lines do not depend on the seed: they are measured once.
        *([] if seed == 0 else ["--config.output.baselines=false"]),
        *ARMS[arm],
        "--workdir",
        str(workdir),
    ]


def table(output: Path, seeds: int) -> str:
    """Test macro-F1 by set and arm: mean and standard deviation over seeds, beside the two lines."""
    lines = ["| set | arm | seeds | test macro-F1 | test_clean | TF-IDF | most frequent class |", "| --- " * 7 + "|"]
    for name in SETS:
        for arm in ARMS:
            runs = [_result(output / name / _slug(arm) / f"seed-{seed}") for seed in range(seeds)]
            done = [run for run in runs if run is not None]
            if not done:
                lines.append(f"| {name} | {arm} | 0 of {seeds} | not measured | not measured | | |")
                continue
            cells = [_spread([run[key] for run in done]) for key in ("test", "test_clean")]
            lines_of_seed_0 = [run for run in done if "tfidf" in run]
            baselines = " | ".join(f"{run['tfidf']:.3f} | {run['constant']:.3f}" for run in lines_of_seed_0) or "|"
            lines.append(f"| {name} | {arm} | {len(done)} of {seeds} | {cells[0]} | {cells[1]} | {baselines} |")
    return "\n".join(lines) + "\n"


def _spread(values: list[float]) -> str:
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")


def _slug(arm: str) -> str:
    return arm.replace(",", "").replace(" ", "-")


def _result(workdir: Path) -> dict[str, float] | None:
    path = workdir / "run.json"
    if not path.exists() or json.loads(path.read_text())["status"] != "completed":
        return None
    final = json.loads(path.read_text())["final"]
    figures = {"test": final["test"]["macro_f1"], "test_clean": final["test_clean"]["macro_f1"]}
    if (workdir / "baselines.json").exists():
        baselines = json.loads((workdir / "baselines.json").read_text())
        figures |= {line: baselines[line]["test"]["macro_f1"] for line in ("tfidf", "constant")}
    return figures


def main() -> None:
    """Runs what is missing and prints the table after each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds trac2024-hate and afrisenti")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=SETS)
    arguments = parser.parse_args()
    jobs = [
        (name, arm, seed)
        for seed in range(arguments.seeds)
        for name in SETS
        if arguments.only in (None, name)
        for arm in ARMS
    ]
    left = [job for job in jobs if _result(arguments.output / job[0] / _slug(job[1]) / f"seed-{job[2]}") is None]
    print(
        f"{len(left)} of {len(jobs)} runs x about {MINUTES} minutes = {len(left) * MINUTES / 60:.1f} hours", flush=True
    )
    for name, arm, seed in left:
        workdir = arguments.output / name / _slug(arm) / f"seed-{seed}"
        began = time.monotonic()
        done = subprocess.run(command(arguments.data, name, arm, seed, workdir))
        print(
            f"{name}, {arm}, seed {seed}: exit {done.returncode}, {(time.monotonic() - began) / 60:.1f} min", flush=True
        )
        if done.returncode not in (0, 75):
            sys.exit(done.returncode)
        (arguments.output / "table.md").write_text(table(arguments.output, arguments.seeds), encoding="utf-8")
    text = table(arguments.output, arguments.seeds)
    (arguments.output / "table.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
