"""``amharic-tl plan``, from the command line: on CPU devices with a tiny model, and for TPUs with real sizes."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import pytest

from amharic_tl.cli.main import main

MEMORY = "0.002GiB"


@pytest.fixture
def environment_kept() -> Iterator[None]:
    """The verb says to JAX what to start as; here it has started, with the devices of all tests."""
    assert len(jax.devices()) >= 3
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def config_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is a config and nothing else."""
    folder = tmp_path_factory.mktemp("config-alone")
    sizes = {"vocab_size": 200, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
    more = {"model_type": "roberta", "intermediate_size": 64, "max_position_embeddings": 66, "pad_token_id": 1}
    (folder / "config.json").write_text(json.dumps({**sizes, **more, "type_vocab_size": 1}), encoding="utf-8")
    return folder


def _arguments(folder: Path, *more: str) -> list[str]:
    fixed = [f"--config.model.path={folder}", "--config.data.max_length=64", "--config.train.batch_size=32"]
    return ["plan", "--topology", "cpu:2", *fixed, *more]


@pytest.mark.usefixtures("environment_kept")
def test_what_does_not_fit_and_what_would(
    config_alone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "deep" / "plan.json"
    arguments = _arguments(config_alone, "--memory", MEMORY, "--attempts", "1", "--no-batch", "--output", str(output))
    assert main(arguments) == 0
    assert "It does not fit" in capsys.readouterr().out
    found: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    asked, tried = found["asked"], found["tried"]
    assert asked["fits"] is False
    assert [one["change"] for one in tried] == [{"train.remat": "dots"}]
    assert tried[0]["memory"]["total"] < asked["memory"]["total"]
    # Exact, with nothing sharded: float32 parameters, their gradients, two moments and counters.
    parameters = 4 * found["parameters"]["parameters"]
    memory = asked["memory"]
    assert memory["parameters"] == memory["gradients"] == parameters
    assert 0 <= memory["optimiser"] - 2 * parameters < 64
    # Gradients of every replica are summed: at least they are sent.
    assert sum(asked["sent"]["data"].values()) >= 0.9 * parameters
    assert main(arguments) == 78  # it is there already


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--topology", "v7:4x4"], 2),
        (["--topology", "v4:4x4"], 2),
        (["--topology", "cpu:2", "--memory", "much"], 2),
        (["--topology", "cpu:2", "--tokens", "many"], 2),
        (["--topology", "cpu:2", "--price-per-chip-hour", "3"], 2),
        (["--topology", "cpu:2", "--labels", "0"], 2),
        ([], 2),
        (["--topology", "cpu:3", "--config.mesh.fsdp=2"], 78),
        (["--topology", "cpu:2", "--config.train.batch_size=3"], 78),
        (["--topology", "cpu:2", "--config.model.path=/no/such/model"], 66),
    ],
)
@pytest.mark.usefixtures("environment_kept")
def test_what_is_wrong_is_said(more: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *more]) == code
    assert "Traceback" not in capsys.readouterr().err


XLM_R_LARGE = {
    "model_type": "xlm-roberta",
    "vocab_size": 250002,
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "pad_token_id": 1,
}
LLAMA_1B = {
    "model_type": "llama",
    "vocab_size": 128256,
    "hidden_size": 2048,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "intermediate_size": 8192,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": True,
}
CAUSAL = ["--config.task.kind=causal-lm", "--config.train.select_by=validation/loss", "--config.train.remat=full"]


def _compiler() -> bool:
    return bool(os.environ.get("TPU_LIBRARY_PATH")) or find_spec("libtpu") is not None


@pytest.mark.slow
@pytest.mark.tpu
@pytest.mark.skipif(not _compiler(), reason='needs the TPU compiler: pip install "amharic-tl[tpu-plan]"')
@pytest.mark.parametrize("chips", ["4x4", "16x16"])
@pytest.mark.parametrize(
    ("model", "parameters", "length", "rows", "more"),
    [(XLM_R_LARGE, 560e6, 256, 4, []), (LLAMA_1B, 1.24e9, 1024, 4, CAUSAL)],
    ids=["XLM-R-large", "1B causal"],
)
def test_real_sizes_on_tpus(
    model: dict[str, Any], parameters: float, length: int, rows: int, more: list[str], chips: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(model), encoding="utf-8")
    output = tmp_path / "plan.json"
    count = math.prod(map(int, chips.split("x")))
    fixed = [f"--config.model.path={tmp_path}", "--config.model.compute_dtype=bfloat16", "--config.mesh.fsdp=16"]
    fixed += [f"--config.data.max_length={length}", f"--config.train.batch_size={rows * count}"]
    command = ["plan", "--topology", f"v5e:{chips}", *fixed, *more, "--no-batch", "--attempts", "0"]
    flags = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    whole = [sys.executable, "-m", "amharic_tl", *command, "--output", str(output)]
    subprocess.run(whole, env=flags, check=True, timeout=1500)
    found = json.loads(output.read_text(encoding="utf-8"))
    asked = found["asked"]
    assert asked["fits"]
    assert found["parameters"]["parameters"] == pytest.approx(parameters, rel=0.01)
    # Sharded sixteen ways but for what does not divide; two moments.
    assert asked["memory"]["parameters"] == pytest.approx(4 * parameters / 16, rel=0.05)
    assert asked["memory"]["optimiser"] == pytest.approx(8 * parameters / 16, rel=0.05)
    # 6 FLOPs a parameter of the blocks (and of the head) and token (Kaplan et al. 2020), and attention.
    computed = parameters if model is LLAMA_1B else parameters - 250002 * 1024
    assert 6 * computed * asked["tokens"] < asked["model_flops"] < 8 * computed * asked["tokens"]
    # Weights are gathered in two passes and gradients reduced: no activations of other devices, no table per chunk.
    assert sum(asked["sent"]["fsdp"].values()) < 4.5 * 4 * parameters
    assert 0 < asked["step_time"]["mfu_least"] < asked["step_time"]["mfu_most"] <= 1
