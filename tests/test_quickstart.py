"""What `make quickstart` runs, for a few steps: the plain run, and the penalised one beside it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from amharic_tl.records.files import read_json, read_lines
from amharic_tl.records.workdir import Workdir

MAKEFILE = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
SHORT = [
    "--config.train.steps=4",
    "--config.train.evaluate_every=4",
    "--config.output.export=false",
    "--config.output.baselines=false",
]


def commands() -> list[list[str]]:
    """The arguments of the recipe's calls of amharic-tl."""
    recipe = re.search(r"^quickstart:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe is not None
    lines = [shlex.split(line) for line in recipe.group(1).splitlines()]
    return [line[1:] for line in lines if line[0].endswith("amharic-tl")]


@pytest.mark.slow
def test_the_recipe_runs_and_lays_both_runs_side_by_side(tmp_path: Path) -> None:
    off, on = commands()
    one_device = os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=1"}
    for arguments in (off, on):
        command = [sys.executable, "-m", "amharic_tl", *arguments, *SHORT]
        done = subprocess.run(command, cwd=tmp_path, env=one_device, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    plain, penalised = (Workdir(tmp_path / arguments[-1]) for arguments in (off, on))
    assert plain.report.exists() and read_json(plain.run)["status"] == "completed"
    assert not [line for line in read_lines(plain.metrics) if "penalty/logit_pairing" in line]
    assert [line for line in read_lines(penalised.metrics) if "penalty/logit_pairing" in line]
    about = read_json(penalised.watched)
    assert about["reference"] == str(plain.root.relative_to(tmp_path)) and about["reference_signals"]
    report = penalised.report.read_text(encoding="utf-8")
    assert ">reference</th>" in report and "unreviewed" in report.lower()
