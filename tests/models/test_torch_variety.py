"""Checkpoints of all the kinds a config.json can describe: made by the torch classes, read here and given back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from torch_oracle import compare, given_back, oracle_of, torch, torch_class

import amharic_tl as atl

pytestmark = pytest.mark.slow

ACTIVATIONS = ["gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu", "swish"]


@pytest.mark.parametrize(("kind", "activation"), [*(("bert", name) for name in ACTIVATIONS), ("roberta", "relu")])
def test_activations(kind: str, activation: str, tmp_path: Path) -> None:
    oracle = oracle_of(kind, "masked-lm", hidden_act=activation)
    oracle.save_pretrained(tmp_path)
    compare(oracle, tmp_path, "masked-lm")


@pytest.mark.parametrize(
    ("kind", "task", "changes"),
    [
        ("bert", None, {"type_vocab_size": 1, "layer_norm_eps": 1e-3, "pad_token_id": 3}),
        ("roberta", None, {"type_vocab_size": 2, "layer_norm_eps": 1e-3, "pad_token_id": 4}),
        ("xlm-roberta", None, {"pad_token_id": 0, "type_vocab_size": 1, "num_hidden_layers": 1}),
        ("bert", "sequence-classification", {"num_labels": 1, "problem_type": "regression"}),
        ("roberta", "sequence-classification", {"num_labels": 5, "problem_type": "multi_label_classification"}),
        ("bert", "sequence-classification", {"classifier_dropout": 0.3, "id2label": {0: "ሀ", 1: "ለ", 2: "መ"}}),
        ("xlm-roberta", "sequence-classification", {"num_attention_heads": 1, "hidden_dropout_prob": 0.0}),
        ("roberta", "masked-lm", {"num_attention_heads": 24, "type_vocab_size": 1}),
    ],
)
def test_shapes_and_heads(kind: str, task: str | None, changes: dict[str, Any], tmp_path: Path) -> None:
    oracle = oracle_of(kind, task, **changes)
    oracle.save_pretrained(tmp_path / "theirs")
    model = compare(oracle, tmp_path / "theirs", task)
    assert model.load_report.newly_initialised == ()
    for key in ("problem_type", "id2label"):
        value = model.hf_config.get(key)
        assert value is None or str(value).replace("'", "") == str(getattr(oracle.config, key)).replace("'", "")
    given_back(model, oracle, tmp_path / "ours", task)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_an_untied_decoder(kind: str, tmp_path: Path) -> None:
    oracle = oracle_of(kind, "masked-lm", tie_word_embeddings=False)
    oracle.save_pretrained(tmp_path / "theirs")
    model = compare(oracle, tmp_path / "theirs", "masked-lm")
    assert model.load_report.newly_initialised == ()
    assert any(name.endswith("decoder.weight") for name in atl.named_parameters(model))
    given_back(model, oracle, tmp_path / "ours", "masked-lm")
    atl.save_pretrained(model, tmp_path / "flax", format="flax")
    compare(oracle, tmp_path / "flax", "masked-lm")


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_an_untied_decoder_of_transformers_4_has_its_bias_by_one_name(kind: str, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    oracle = oracle_of(kind, "masked-lm", tie_word_embeddings=False)
    head = oracle.cls.predictions if kind == "bert" else oracle.lm_head
    with torch.no_grad():
        head.bias.copy_(head.decoder.bias)
    oracle.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["cls.predictions.decoder.bias" if kind == "bert" else "lm_head.decoder.bias"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    compare(oracle, tmp_path, "masked-lm")


@pytest.mark.parametrize(
    "kind", ["bert", "roberta", "xlm-roberta-xl", "distilbert", "electra", "modernbert", "deberta-v2"]
)
def test_a_decoder_of_its_own_beside_a_config_that_ties(kind: str, tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "deberta-v2": {"legacy": True},
        "modernbert": dict.fromkeys(
            ("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 0
        ),
    }.get(kind, {})
    oracle_of(kind, "masked-lm", tie_word_embeddings=False, **changes).save_pretrained(tmp_path / "theirs")
    config = json.loads((tmp_path / "theirs" / "config.json").read_text(encoding="utf-8"))
    said = json.dumps({**config, "tie_word_embeddings": True})
    (tmp_path / "theirs" / "config.json").write_text(said, encoding="utf-8")
    oracle = torch_class(kind, "ForMaskedLM").from_pretrained(tmp_path / "theirs", attn_implementation="eager").eval()
    model = compare(oracle, tmp_path / "theirs", "masked-lm")
    atl.save_pretrained(model, tmp_path / "ours")
    compare(oracle, tmp_path / "ours", "masked-lm")
    again = torch_class(kind, "ForMaskedLM").from_pretrained(tmp_path / "ours", attn_implementation="eager").eval()
    compare(again, tmp_path / "theirs", "masked-lm")


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_a_backbone_without_pooler(kind: str, tmp_path: Path) -> None:
    full = oracle_of(kind, None)
    oracle = torch_class(kind, "Model")(full.config, add_pooling_layer=False).eval()
    oracle.load_state_dict(full.state_dict(), strict=False)
    oracle.save_pretrained(tmp_path)
    model = compare(oracle, tmp_path, None)
    assert set(model.load_report.newly_initialised) == {"pooler.dense.weight", "pooler.dense.bias"}
