"""The notebook runs from its first cell to its last, goes on where it stopped, and is what its .ipynb holds."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import jax
import pytest

from amharic_tl.distributed.precision import compute_dtype
from amharic_tl.records.files import read_json, read_lines

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "notebooks" / "transfer.py"


@pytest.mark.slow
def test_it_runs_and_a_second_session_keeps_what_is_there(
    tiny_overrides: dict[str, object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    short = {"train.steps": 2, "train.evaluate_every": 2, "output.baselines": False, "output.tensorboard": False}
    monkeypatch.setenv("NOTEBOOK_SETTINGS", json.dumps({**tiny_overrides, **short}))
    monkeypatch.setenv("NOTEBOOK_HOME", str(tmp_path))
    first = runpy.run_path(str(NOTEBOOK))
    workdir = tmp_path / "first"
    assert first["WORKDIR"] == workdir and read_json(workdir / "run.json")["status"] == "completed"
    assert first["config"].model.compute_dtype == "float32" and (workdir / "report.html").is_file()
    assert f"jax=={jax.__version__}" in first["kept_versions"]()
    # A session on a device with another dtype finds the run as it is.
    monkeypatch.setattr("amharic_tl.distributed.precision.compute_dtype", lambda: "bfloat16")
    runpy.run_path(str(NOTEBOOK))
    assert sum(line["event"] == "completed" for line in read_lines(workdir / "events.jsonl")) == 1
    assert capsys.readouterr().out.count("አገልግሎቱ አልተመቸኝም።") == 2


def test_the_notebook_file_has_the_same_cells_and_no_outputs() -> None:
    cells = json.loads(NOTEBOOK.with_suffix(".ipynb").read_text(encoding="utf-8"))["cells"]
    stored = ["".join(cell["source"]).strip() for cell in cells]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    body = NOTEBOOK.read_text(encoding="utf-8").split("# ---\n", 2)[2]
    written = []
    for part in re.split(r"^# %%", body, flags=re.MULTILINE)[1:]:
        kind, _, text = part.partition("\n")
        if "[markdown]" in kind:
            text = re.sub(r"^# ?", "", text, flags=re.MULTILINE)
        written.append(text.strip())
    assert stored == written


def test_the_dtype_is_the_hardwares() -> None:
    def device(platform: str, capability: str | None = None) -> SimpleNamespace:
        return SimpleNamespace(platform=platform, compute_capability=capability)

    assert compute_dtype([device("gpu", "7.5")]) == "float32"  # T4
    assert compute_dtype([device("gpu", "8.0")] * 2) == compute_dtype([device("gpu", "10.0")]) == "bfloat16"
    assert compute_dtype([device("gpu", "8.0"), device("gpu", "7.5")]) == "float32"
    assert compute_dtype([device("tpu")]) == "bfloat16"
    assert compute_dtype([device("gpu", "gfx90a")]) == compute_dtype([device("gpu")]) == "float32"
    assert compute_dtype() == "float32"
