"""A sweep of one real run, from the command line to the table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from amharic_tl.cli.main import main
from amharic_tl.records.files import read_json
from amharic_tl.sweeps import collect


@pytest.mark.slow
def test_a_real_run_is_trained_collected_and_not_run_again(
    tiny_overrides: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaves = {**tiny_overrides, "train.steps": 4, "train.evaluate_every": 4, "output.export": False}
    leaves |= {"output.baselines": False}
    monkeypatch.chdir(tmp_path)
    one_device = "--xla_force_host_platform_device_count=1 --xla_backend_optimization_level=0"
    monkeypatch.setenv("XLA_FLAGS", one_device)  # of the runs; this process has started
    Path("one.py").write_text(
        "import json\nfrom amharic_tl import sweeps\n"
        f"def get_sweep():\n    leaves = json.loads({json.dumps(leaves)!r})\n"
        "    return sweeps.Sweep(arms=sweeps.param('optim.lr', [1e-3]), base={}, fixed=leaves)\n"
    )
    assert main(["sweep", "run", "one.py", "--directory", "s"]) == 0
    (run,) = collect("s")
    assert run.status == "finished" and run.workdir is not None
    final = read_json(run.workdir / "run.json")["final"]
    assert run.scores["test/macro_f1"] == final["test"]["macro_f1"]
    assert run.scores["validation/loss"] == final["validation"]["loss"]
    with Path("s/report/runs.csv").open(encoding="utf-8") as file:
        (line,) = csv.DictReader(file)
    assert float(line["test/macro_f1"]) == final["test"]["macro_f1"]
    before = (run.workdir / "events.jsonl").read_bytes()
    assert main(["sweep", "run", "one.py", "--directory", "s"]) == 0
    assert (run.workdir / "events.jsonl").read_bytes() == before
