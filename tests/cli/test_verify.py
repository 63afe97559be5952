"""amharic-tl verify: equal models pass, a model that is another one is found, layer by layer."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flax import nnx

import amharic_tl as atl
from amharic_tl.cli.main import main
from amharic_tl.models.interchange import verify as module

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is what models are compared with"
)


@needs_torch
@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "xlmr-mlm/pytorch-bin",
        "bert-mlm/flax",
        "bert-base-model/safetensors",
        "llama-gqa-lm/safetensors",
        "mbart-seq2seq/flax",
    ],
)
def test_a_checkpoint_equals_hugging_faces_class(
    name: str, checkpoints_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(checkpoints_dir / name)]) == 0
    shown = capsys.readouterr().out
    assert shown.rstrip().endswith("equal within the tolerance")
    for said in ("embeddings", "layer 1", "layer 2", "last hidden state" if "base" in name else "logits"):
        assert said in shown
    assert ("reading is not compared" in shown) == name.endswith("flax")
    assert ("encoder layer 1" in shown and "decoder layer 1" in shown) == name.startswith("mbart")


@needs_torch
@pytest.mark.slow
def test_what_differs_is_named(
    tiny_base: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slightly_wrong(*arguments: Any, **settings: Any) -> Any:
        model = atl.from_pretrained(*arguments, **settings)
        state = nnx.state(model)
        bias = state["encoder"]["runs"][0]["output_norm"]["bias"]
        bias.set_value(bias.get_value().at[2].add(0.01))  # of layer 2, the third
        nnx.update(model, state)
        return model

    monkeypatch.setattr(module, "from_pretrained", slightly_wrong)
    assert main(["verify", str(tiny_base), "--text", "ባለ ታመ ካነ"]) == 65
    shown = capsys.readouterr().out
    lines = {line.split("  ")[0]: line for line in shown.splitlines()}
    assert "DIFFERS" not in lines["layer 2"] and "DIFFERS" in lines["layer 3"] and "DIFFERS" in lines["logits"]
    assert "differs beyond the tolerance: layer 3, layer 4, logits" in shown


@needs_torch
@pytest.mark.slow
def test_without_tokenizer_or_head_the_rest_is_compared(
    tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(tiny_base, tmp_path / "bare")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    assert main(["verify", str(folder), "--task", "sequence-classification"]) == 0
    shown = capsys.readouterr().out
    assert "random token ids" in shown and "not in the checkpoint, so not compared: classifier" in shown
    assert "layer 4" in shown and "logits" not in shown
    assert main(["verify", str(folder), "--task", "backbone"]) == 0
    assert "pooler output" not in capsys.readouterr().out


def test_without_torch_it_says_how_to_get_it(
    tiny_base: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else find(name, *rest))
    assert main(["verify", str(tiny_base)]) == 66
    assert "pip install 'amharic-tl[oracle]'" in capsys.readouterr().err


def test_the_model_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify"]) == 2
    assert "the model is missing" in capsys.readouterr().err


def test_a_difference_that_is_no_number_is_none_within_the_tolerance() -> None:
    ours, theirs = np.full((1, 2, 3), np.nan, np.float32), np.ones((1, 2, 3), np.float32)
    assert not module._difference("x", ours, theirs, np.ones((1, 2))).within
    assert module._difference("x", theirs, theirs, np.ones((1, 2))).within
    ours[0, 0] = 1.0
    assert module._difference("x", ours, theirs, np.asarray([[1, 0]])).within
