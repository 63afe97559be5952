"""Whole runs of causal and sequence-to-sequence language models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jax
import pytest

import amharic_tl as atl
from amharic_tl.config import build_config
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import ConfigError
from amharic_tl.records.files import read_json, read_lines
from amharic_tl.run import train

WORDS = ["ባለ", "ቦሎ", "ቢሊ", "ታመ", "ቶሞ", "ቲሚ", "ካነ", "ኮኖ"]


def base(folder: Path, tiny_base: Path, config: dict[str, Any], task: str) -> Path:
    """A model of ``config`` with random weights and the tiny tokenizer."""
    size = len(load_tokenizer(tiny_base))
    special = {"vocab_size": size, "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
    atl.save_pretrained(atl.from_config({**config, **special}, task, seed=0), folder, tokenizer_from=tiny_base)
    return folder


def run(overrides: dict[str, object], workdir: Path) -> dict[str, Any]:
    usual: dict[str, object] = {
        "train.steps": 40,
        "train.batch_size": 8,
        "train.evaluate_every": 20,
        "train.select_by": "validation/bits_per_character",
        "optim.lr": 1e-2,
        "output.tensorboard": False,
    }
    return train(build_config({**usual, **overrides}), workdir, make_mesh(1, 1, 1, jax.devices()[:1]))


def lowered(workdir: Path) -> bool:
    lines = [line for line in read_lines(workdir / "metrics.jsonl") if line["split"] == "validation"]
    return bool(lines[-1]["bits_per_character"] < lines[0]["bits_per_character"])


def test_a_causal_model_trains_on_packed_text(tiny_base: Path, tmp_path: Path) -> None:
    config = {
        "model_type": "llama",
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
    }
    model = base(tmp_path / "llama", tiny_base, config, "causal-lm")
    text = tmp_path / "text.txt"
    text.write_text("\n".join([" ".join(WORDS), " ".join(WORDS[::-1])] * 80) + "\n", encoding="utf-8")
    overrides: dict[str, object] = {"task.kind": "causal-lm", "model.path": str(model), "data.max_length": 24}
    overrides |= {"data.train": str(text), "data.validation": str(text), "train.microbatch": 4}
    found = run(overrides, tmp_path / "w")
    assert lowered(tmp_path / "w")
    assert set(found["final"]["validation"]) == {"loss", "accuracy", "perplexity", "bits_per_character"}
    assert "perplexity" in (tmp_path / "w" / "report.html").read_text(encoding="utf-8")
    again = atl.from_pretrained(str(tmp_path / "w" / "export"), "causal-lm")
    assert again.load_report.newly_initialised == ()


def test_a_translator_trains_on_pairs_and_is_judged_by_what_it_writes(tiny_base: Path, tmp_path: Path) -> None:
    config = {
        "model_type": "t5",
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 48,
        "num_layers": 2,
        "num_heads": 4,
        "dropout_rate": 0.0,
        "decoder_start_token_id": 1,
        "feed_forward_proj": "relu",
    }
    model = base(tmp_path / "t5", tiny_base, config, "seq2seq-lm")
    pairs = [(WORDS[a], WORDS[7 - a]) for a in range(8)]
    lines = [json.dumps({"translation": {"en": source, "amh": target}}) for source, target in pairs * 20]
    data = tmp_path / "pairs.json"
    data.write_text("\n".join(lines) + "\n", encoding="utf-8")
    pytest.importorskip("sacrebleu", reason="scores are sacreBLEU's: pip install 'amharic-tl[translate]'")
    overrides: dict[str, object] = {
        "task.kind": "seq2seq-lm",
        "task.generate_rows": 8,
        "model.path": str(model),
        **{f"data.{name}": str(data) for name in ("train", "validation", "test")},
        "data.source": "en",
        "data.target": "amh",
        "data.max_length": 8,
        "data.max_target_length": 8,
        "train.steps": 120,
        "train.evaluate_every": 60,
        "train.select_by": "validation/chrf",
        "data.gates": None,  # it is to learn a few pairs by heart
    }
    found = run(overrides, tmp_path / "w")
    assert lowered(tmp_path / "w")
    assert found["final"]["test"]["chrf"] > 50 and found["final"]["test"]["bleu"] >= 0
    assert found["final"]["test"]["chrf_normalised"] > 50, "beside the raw one, where references are Ethiopic"
    assert "chrF, normalised" in (tmp_path / "w" / "report.html").read_text(encoding="utf-8")
    described = read_json(tmp_path / "w" / "data.json")
    assert described["splits"]["train"]["target"]["truncated"] == 0
    assert any("8 rows, evenly spread over 160" in note for note in described["warnings"])
    assert "BLEU" in (tmp_path / "w" / "report.html").read_text(encoding="utf-8")


@pytest.mark.long
def test_t5_trains_on_spans_of_running_text(checkpoints_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(checkpoints_dir / "t5-relu-tied" / "safetensors", tmp_path / "t5")
    text = tmp_path / "text.txt"
    text.write_text("\n".join(["ሰላም ለዓለም ሁሉ ይሁን", "ልጆች በጠዋት ወደ ትምህርት ቤት ሄዱ"] * 40) + "\n", encoding="utf-8")
    overrides: dict[str, object] = {
        "task.kind": "seq2seq-lm",
        "task.objective": "span-corruption",
        "model.path": str(tmp_path / "t5"),
        "data.train": str(text),
        "data.validation": str(text),
        "data.max_length": 24,
        "train.steps": 16,
        "train.evaluate_every": 8,
    }
    run(overrides, tmp_path / "w")
    assert lowered(tmp_path / "w")
    export = tmp_path / "w" / "export"
    assert atl.from_pretrained(str(export), "seq2seq-lm").load_report.newly_initialised == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"task.kind": "causal-lm"}, "causal-lm has no 'macro_f1'; the figures are validation/bits_per_character"),
        ({"data.prefix": "translate: "}, "only text-to-text"),
        ({"task.objective": "span-corruption"}, "has one objective only"),
        (
            {"task.kind": "seq2seq-lm", "task.objective": "span-corruption", "train.select_by": "validation/bleu"},
            "translates nothing",
        ),
        ({"task.kind": "seq2seq-lm", "train.select_by": "validation/bleu_normalised"}, "use validation/bleu"),
        ({"task.kind": "masked-lm", "train.select_by": "validation/loss", "train.label_smoothing": 0.1}, "no classes"),
    ],
)
def test_settings_that_do_not_fit_the_task_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build_config(change)
