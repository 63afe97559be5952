"""Encoders beside BERT and RoBERTa in the kinds that their configs can describe: made by the torch classes, read here
and given back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch_oracle import compare, given_back, oracle_of

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


def _name(value: Any) -> str:
    return ",".join(f"{key}={item}" for key, item in value.items()) if isinstance(value, dict) else str(value)


@pytest.mark.parametrize(("kind", "task", "changes"), [*DISTILBERT, *ELECTRA, *XLM_ROBERTA_XL, *TAGGERS], ids=_name)
def test_outputs_and_exports(kind: str, task: str | None, changes: dict[str, Any], tmp_path: Path) -> None:
    oracle = oracle_of(kind, task, **changes)
    oracle.save_pretrained(tmp_path / "theirs")
    model = compare(oracle, tmp_path / "theirs", task)
    assert model.load_report.newly_initialised == ()
    given_back(model, oracle, tmp_path / "ours", task)
