"""Does a penalty help outside what it was trained on? TRAC-2024 (category of hate), penalty off and on.

    python experiments/first_safety/run.py --data DATA --output runs/first_safety [--seeds 5] [--part 1/2]

Each run is one `amharic-tl train`; a finished one is skipped and a broken one resumed, so the study survives being cut
off. ``--part 1/2`` and ``--part 2/2`` share the work between two processes. Then `table.py` reads what is there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

METHODS = {
    "full": ["--config.transfer.method=full"],
    "top-layers": ["--config.transfer.method=top-layers", "--config.transfer.trainable_layers=2"],
}
WEIGHT = 1.0  # fixed before the first run
EPOCHS = 3
MINUTES = 7  # of one run on one core, measured: 4 to 10

Job = tuple[Path, list[str]]


def settings(data: Path, method: str, seed: int, weight: float, reference: Path | None) -> list[str]:
    """What follows `amharic-tl train --config classify` for one run."""
    folder = data / "trac2024-hate"
    return [
        *(f"--config.data.{split}={folder / f'{stem}_category.csv'}" for split, stem in SPLITS.items()),
        "--config.data.text=tweet",
        "--config.data.label=label",
        "--config.safety.axes=ethnicity,religion",
        "--config.safety.positive_labels=hate,offensive",
        "--config.safety.allow_draft=true",
        f"--config.safety.penalties.logit_pairing.weight={weight}",
        f"--config.train.seed={seed}",
        f"--config.train.epochs={EPOCHS}",
        *METHODS[method],
        "--config.output.export=false",
        # The lines do not depend on seed, method or penalty: they are measured once.
        *([] if (method, seed, weight) == ("full", 0, 0.0) else ["--config.output.baselines=false"]),
        *([f"--config.safety.reference={reference}"] if reference else []),
    ]


SPLITS = {"train": "train", "validation": "dev", "test": "test"}


def pairs_of_jobs(data: Path, output: Path, seeds: int) -> list[list[Job]]:
    """By seed and method a run without the penalty and the same run with it, which needs the first."""
    pairs = []
    for seed in range(seeds):
        for method in METHODS:
            off, on = (output / method / arm / f"seed-{seed}" for arm in ("off", "on"))
            without = settings(data, method, seed, 0.0, None)
            pairs.append([(off, without), (on, settings(data, method, seed, WEIGHT, off))])
    return pairs


def completed(workdir: Path) -> bool:
    """Whether the run in ``workdir`` is done."""
    path = workdir / "run.json"
    return path.exists() and json.loads(path.read_text(encoding="utf-8"))["status"] == "completed"


def run_all(jobs: Sequence[Job], cache: Path) -> None:
    """Runs what is missing, one after the other; leaves at the first that fails."""
    left = [job for job in jobs if not completed(job[0])]
    hours = len(left) * MINUTES / 60
    print(f"{len(left)} of {len(jobs)} runs x about {MINUTES} minutes = {hours:.1f} hours", flush=True)
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(cache)}
    for workdir, arguments in left:
        began = time.monotonic()
        command = [*(sys.executable, "-m", "amharic_tl", "train", "--config", "classify"), *arguments]
        code = subprocess.run([*command, "--workdir", str(workdir)], env=environment).returncode
        print(f"{workdir}: exit {code}, {(time.monotonic() - began) / 60:.1f} min", flush=True)
        if code != 0:
            sys.exit(code)


def main() -> None:
    """Runs the study, or a part of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds trac2024-hate")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--part", default="1/1", help="which part of how many this process runs")
    arguments = parser.parse_args()
    part, parts = (int(number) for number in arguments.part.split("/"))
    pairs = pairs_of_jobs(arguments.data, arguments.output, arguments.seeds)[part - 1 :: parts]
    run_all([job for pair in pairs for job in pair], arguments.output / "compiled")


if __name__ == "__main__":
    main()
