"""``amharic-tl bench``: figures by hand, peaks of chips, and a bench of a tiny run."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import pytest

from amharic_tl.cli.main import main
from amharic_tl.config import build_config
from amharic_tl.distributed.compilation_cache import keep_compiled
from amharic_tl.studies.bench import study
from amharic_tl.studies.bench.measuring import Bench, Measured, Shape
from amharic_tl.studies.bench.peak import Peak, chip_of, peak_of


def test_figures_by_hand() -> None:
    shapes = (Shape(4, 8, 1.0, 2.0, 100, 1000, 3), Shape(4, 16, 1.0, 4.0, None, 3000, 1))
    measured = Measured(shapes, (1.0, 1.0, 1.0, 2.0), waited=0.5, tokens=120, places=160, losses=(1.0,) * 4)
    found = study.figures(measured, Peak(12_000.0, "measured", ""))
    assert found["flops_per_second"] == (3 * 1000 + 3000) / 5
    assert found["mfu"] == pytest.approx(0.1)
    assert (found["tokens_per_second"], found["places_per_second"], found["padding_share"]) == (24, 32, 0.25)
    assert (found["data_wait_share"], found["compile_seconds"]) == (0.1, 6.0)
    assert found["step_seconds"]["median"] == 1.0
    assert study.figures(measured, Peak(None, "unknown", ""))["mfu"] is None


@pytest.mark.parametrize(
    ("kind", "chip"),
    [
        ("TPU v5 lite", "v5e"),
        ("TPU v5p", "v5p"),
        ("TPU v4", "v4"),
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA A100-SXM4-40GB", "a100-40gb"),
        ("NVIDIA A100-SXM4-80GB", "a100-80gb"),
        ("NVIDIA GeForce RTX 4090", None),
        ("cpu", None),
    ],
)
def test_chips_by_the_name_that_jax_gives(kind: str, chip: str | None) -> None:
    assert chip_of(kind) == chip


def test_where_a_peak_is_from() -> None:
    two: Any = [SimpleNamespace(device_kind="TPU v5 lite", platform="tpu")] * 2
    assert peak_of(two, "bfloat16", probe=True).flops == 2 * 197e12
    unknown = peak_of(jax.devices()[:1], "float32", probe=False)
    assert (unknown.flops, unknown.source) == (None, "unknown")


@pytest.mark.long
def test_a_bench_of_a_tiny_run(tiny_overrides: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = jax.devices()[:1]
    monkeypatch.setattr(jax, "devices", lambda: one)
    made: list[Bench] = []
    monkeypatch.setattr(study, "Bench", lambda run: made.append(Bench(run)) or made[0])
    monkeypatch.setattr(study, "peak_of", lambda *of, **more: Peak(1e9, "measured", "a test"))
    config = build_config({**tiny_overrides, "transfer.method": "top-layers", "transfer.trainable_layers": 1})
    found = study.bench(config, tmp_path / "w", steps=3)
    kept = json.loads((tmp_path / "w" / "bench.json").read_text(encoding="utf-8"))
    assert kept["shapes"] == found["shapes"] and sum(shape["steps"] for shape in kept["shapes"]) == 3
    assert len(found["losses"]) == 3 and all(0 < loss < 10 for loss in found["losses"])
    assert 0 < found["tokens_per_second"] <= found["places_per_second"]
    assert 0 <= found["data_wait_share"] < 1
    # Of what trains: less than three passes over all blocks.
    shape = kept["shapes"][0]
    whole = 6 * shape["rows"] * shape["length"] * 4 * (4 * 32 * 32 + 2 * 32 * 64)
    assert 0 < shape["flops"] < whole
    lines = "\n".join(study.bench_lines(found))
    assert "MFU" in lines and "without padding" in lines
    # The state's buffers are given to the step: every trained parameter's, at the least.
    (programme,) = made[0]._programmes.values()
    header = programme.as_text().splitlines()[0]
    assert header.count("may-alias") + header.count("must-alias") >= len(jax.tree.leaves(made[0].state.trainable))
    assert main(["bench", "--config", "classify", "--workdir", str(tmp_path / "w")]) == 73
    assert main(["bench", "--config", "classify", "--workdir", str(tmp_path / "x"), "--steps", "1"]) == 78


def test_compiled_programmes_are_kept_where_it_is_said(tmp_path: Path) -> None:
    before = jax.config.jax_compilation_cache_dir
    try:
        keep_compiled(None)
        assert before == jax.config.jax_compilation_cache_dir
        keep_compiled(str(tmp_path / "deep" / "cache"))
        jax.jit(lambda x: x * 3 + 1)(jax.numpy.arange(7)).block_until_ready()
        assert list((tmp_path / "deep" / "cache").iterdir())
    finally:
        keep_compiled(before)
