"""A learning-rate range test: what it writes, and what trains in it."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import pytest
from safetensors.numpy import load_file

from amharic_tl.cli.main import main
from amharic_tl.records.files import read_json
from tests.tiny import overrides


def test_a_range_of_rates_is_found_and_the_run_is_left_alone(
    tiny_base: Path,
    tiny_files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = jax.devices()[:1]
    monkeypatch.setattr(jax, "devices", lambda: one)  # programs for eight take long to compile
    settings = {
        **overrides(tiny_base, tiny_files),
        "optim.ema": 0.9,
        "transfer.method": "lp-ft",
        "transfer.stage_length": "5steps",
    }
    words = [f"--config.{name}={value}" for name, value in settings.items()]
    place = tmp_path / "rates"
    command = ["rate-range", "--config", "classify", *words, "--workdir", str(place), "--lowest=1e-5", "--steps=40"]
    assert main(command) == 0
    record = read_json(place / "rate_range.json")
    assert record["range"] is None or record["range"]["low"] <= record["range"]["high"]
    lines = [json.loads(line) for line in (place / "rate_range.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [lines[0]["learning_rate"], len(lines)] == [pytest.approx(1e-5), record["steps"]]
    ratios = {round(b["learning_rate"] / a["learning_rate"], 6) for a, b in zip(lines, lines[1:], strict=False)}
    assert len(ratios) == 1
    body = load_file(tiny_base / "model.safetensors")
    # The first stage trains the head alone; rates are sought for the last.
    assert record["trainable"] > sum(value.size for name, value in body.items() if "encoder" in name)
    assert sorted(path.name for path in place.iterdir()) == ["rate_range.html", "rate_range.json", "rate_range.jsonl"]
    assert main(command) == 73
    assert main([*command[:-4], f"--workdir={tmp_path / 'new'}", "--lowest=2"]) == 78
    assert "--lowest < --highest" in capsys.readouterr().err
