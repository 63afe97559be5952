"""Encoders beside BERT and RoBERTa in the kinds that their configs can describe: made by the torch classes, read here
and given back.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from torch_oracle import compare, given_back, oracle_of

import amharic_tl as atl
from amharic_tl.errors import BadInputError

pytestmark = pytest.mark.slow

CLASSIFY, TAG, FILL = "sequence-classification", "token-classification", "masked-lm"

DISTILBERT = [
    ("distilbert", None, {"n_heads": 1, "n_layers": 1}),
    ("distilbert", CLASSIFY, {"num_labels": 5, "seq_classif_dropout": 0.4}),
    ("distilbert", TAG, {"num_labels": 3, "activation": "relu"}),
    ("distilbert", FILL, {"activation": "relu", "sinusoidal_pos_embds": True, "pad_token_id": 2}),
    ("distilbert", FILL, {"tie_word_embeddings": False}),
]
ELECTRA = [
    ("electra", None, {"embedding_size": 24, "type_vocab_size": 1}),
    ("electra", None, {"embedding_size": 40, "layer_norm_eps": 1e-3}),
    ("electra", CLASSIFY, {"embedding_size": 16, "num_labels": 4, "hidden_act": "relu"}),
    ("electra", TAG, {"embedding_size": 24, "num_labels": 7}),
    ("electra", FILL, {"embedding_size": 24, "hidden_act": "relu"}),
    ("electra", FILL, {"embedding_size": 16, "tie_word_embeddings": False}),
    ("electra", "replaced-token-detection", {"embedding_size": 16, "hidden_act": "relu"}),
]
XLM_ROBERTA_XL = [
    ("xlm-roberta-xl", None, {"type_vocab_size": 2, "pad_token_id": 3}),
    ("xlm-roberta-xl", CLASSIFY, {"num_labels": 3, "layer_norm_eps": 1e-3}),
    ("xlm-roberta-xl", TAG, {"num_labels": 3, "num_hidden_layers": 1}),
    ("xlm-roberta-xl", FILL, {"hidden_act": "gelu_new", "tie_word_embeddings": False}),
]
TAGGERS = [
    ("bert", TAG, {"num_labels": 3, "classifier_dropout": 0.2}),
    ("roberta", TAG, {"num_labels": 9}),
    ("xlm-roberta", TAG, {"id2label": {0: "O", 1: "B-PER", 2: "I-PER"}}),
]
WINDOWS = {
    "num_hidden_layers": 5,
    "local_attention": 6,
    "layer_types": ["sliding_attention", "full_attention", "full_attention", "sliding_attention", "sliding_attention"],
}
THETAS = {
    "full_attention": {"rope_type": "default", "rope_theta": 500.0},
    "sliding_attention": {"rope_type": "linear", "rope_theta": 50.0, "factor": 2.0},
}
BIASES = {"norm_bias": True, "attention_bias": True, "mlp_bias": True, "classifier_bias": True}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
MODERNBERT = [
    ("modernbert", task, {**SPECIAL, **changes})
    for task, changes in (
        (None, {**WINDOWS, "rope_parameters": THETAS}),
        (None, {"num_hidden_layers": 1, "num_attention_heads": 2, "hidden_activation": "silu"}),
        (None, {**BIASES, "num_hidden_layers": 4, "local_attention": 4, "norm_eps": 1e-3}),
        (CLASSIFY, {"classifier_pooling": "mean", "num_labels": 4, "classifier_activation": "relu", **BIASES}),
        (CLASSIFY, {"classifier_pooling": "cls", "num_labels": 1, "problem_type": "regression"}),
        (TAG, {"num_labels": 5, "norm_bias": True}),
        (FILL, {"decoder_bias": False, "sparse_prediction": True}),
        (FILL, {"tie_word_embeddings": False, "classifier_bias": True}),
    )
]


def _name(value: Any) -> str:
    return ",".join(f"{key}={item}" for key, item in value.items()) if isinstance(value, dict) else str(value)


@pytest.mark.parametrize(
    ("kind", "task", "changes"), [*DISTILBERT, *ELECTRA, *XLM_ROBERTA_XL, *TAGGERS, *MODERNBERT], ids=_name
)
def test_outputs_and_exports(kind: str, task: str | None, changes: dict[str, Any], tmp_path: Path) -> None:
    oracle = oracle_of(kind, task, **changes)
    oracle.save_pretrained(tmp_path / "theirs")
    model = compare(oracle, tmp_path / "theirs", task)
    assert model.load_report.newly_initialised == ()
    given_back(model, oracle, tmp_path / "ours", task)


def test_modernbert_windows_as_transformers_4_writes_them(tmp_path: Path) -> None:
    thetas = {kind: {"rope_type": "default", "rope_theta": 300.0} for kind in THETAS}
    every = [f"{'sliding' if layer % 2 else 'full'}_attention" for layer in range(5)]
    oracle = oracle_of("modernbert", FILL, **SPECIAL, **{**WINDOWS, "layer_types": every}, rope_parameters=thetas)
    oracle.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    for key in ("layer_types", "rope_parameters", "dtype"):
        config.pop(key)
    config |= {"global_attn_every_n_layers": 2, "global_rope_theta": 300.0, "local_rope_theta": None}
    config |= {"position_embedding_type": "sans_pos", "torch_dtype": "float32", "reference_compile": False}
    path.write_text(json.dumps(config))
    compare(oracle, tmp_path, FILL)
    config["layer_types"] = every[1:]
    path.write_text(json.dumps(config))
    with pytest.raises(BadInputError, match="layer_types: expected 5 entries"):
        atl.from_pretrained(str(tmp_path), FILL)
    del config["layer_types"]
    path.write_text(json.dumps(config | {"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}))
    with pytest.raises(BadInputError, match="rope_type"):
        atl.from_pretrained(str(tmp_path), FILL)
