"""Encoders beside BERT and RoBERTa in the kinds that their configs can describe: made by the torch classes, read here
and given back.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from reference_checkpoints import loss_of
from safetensors.numpy import load_file, save_file
from torch_oracle import SMALL, compare, given_back, oracle_of, torch

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
RELATIVE = {"relative_attention": True, "position_biased_input": False, "norm_rel_ebd": "layer_norm"}
BUCKETS = {**RELATIVE, "position_buckets": 4, "share_att_key": True, "pos_att_type": ["p2c", "c2p"]}
DEBERTA = [
    ("deberta-v2", None, {}),
    ("deberta-v2", None, {**BUCKETS, "max_relative_positions": 7, "hidden_act": "relu"}),
    ("deberta-v2", None, {**RELATIVE, "pos_att_type": "p2c|c2p", "norm_rel_ebd": "none", "max_relative_positions": 5}),
    ("deberta-v2", None, {**BUCKETS, "share_att_key": False, "pos_att_type": ["p2c"], "embedding_size": 16}),
    ("deberta-v2", None, {"relative_attention": True, "pos_att_type": "c2p", "type_vocab_size": 2}),
    ("deberta-v2", None, {**BUCKETS, "pos_att_type": None, "num_hidden_layers": 1}),
    ("deberta-v2", None, {**BUCKETS, "conv_kernel_size": 3, "conv_act": "gelu", "num_hidden_layers": 3}),
    ("deberta-v2", None, {"conv_kernel_size": 5, "conv_groups": 4, "num_hidden_layers": 1}),
    ("deberta-v2", CLASSIFY, {**BUCKETS, "num_labels": 3, "pooler_hidden_act": "tanh", "cls_dropout": 0.3}),
    ("deberta-v2", TAG, {**BUCKETS, "num_labels": 5}),
    ("deberta-v2", FILL, {**BUCKETS, "embedding_size": 16, "tie_word_embeddings": False}),
    ("deberta-v2", FILL, {**BUCKETS, "legacy": False, "hidden_act": "gelu_new"}),
]


def _name(value: Any) -> str:
    return ",".join(f"{key}={item}" for key, item in value.items()) if isinstance(value, dict) else str(value)


EVERY = [*DISTILBERT, *ELECTRA, *XLM_ROBERTA_XL, *TAGGERS, *MODERNBERT, *DEBERTA]


@pytest.mark.parametrize(("kind", "task", "changes"), EVERY, ids=_name)
def test_outputs_and_exports(kind: str, task: str | None, changes: dict[str, Any], tmp_path: Path) -> None:
    oracle = oracle_of(kind, task, **changes)
    oracle.save_pretrained(tmp_path / "theirs")
    model = compare(oracle, tmp_path / "theirs", task)
    assert model.load_report.newly_initialised == ()
    given_back(model, oracle, tmp_path / "ours", task)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("distilbert", {}),
        ("electra", {"embedding_size": 16}),
        ("xlm-roberta-xl", {}),
        ("modernbert", {**SPECIAL, **WINDOWS, **BIASES}),
        ("deberta-v2", {**BUCKETS, "share_att_key": False, "conv_kernel_size": 3}),
    ],
    ids=_name,
)
def test_gradients(kind: str, changes: dict[str, Any], tmp_path: Path) -> None:
    oracle = oracle_of(kind, TAG, num_labels=4, **changes)
    oracle.save_pretrained(tmp_path)
    generator = np.random.default_rng(2)
    ids, labels = generator.integers(5, SMALL["vocab_size"], (2, 9)), generator.integers(0, 4, (2, 9))
    labels[0, 6:] = -100
    oracle(input_ids=torch.tensor(ids), labels=torch.tensor(labels)).loss.backward()
    theirs = {name: p.grad.numpy() for name, p in oracle.named_parameters() if p.grad is not None}
    graphdef, state = nnx.split(atl.from_pretrained(str(tmp_path), TAG))

    def loss(state: Any) -> Any:
        return loss_of(nnx.merge(graphdef, state, copy=True)(jnp.asarray(ids)), jnp.asarray(labels))

    ours = atl.named_parameters(jax.jit(jax.grad(loss))(state))
    assert set(ours) == set(theirs)
    total = float(np.sqrt(sum(np.square(gradient).sum() for gradient in theirs.values())))
    for name, gradient in theirs.items():
        difference = np.abs(np.asarray(ours[name].value()) - gradient).max()
        assert difference <= 1e-3 * np.linalg.norm(gradient) + 1e-6 * total, name


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


def test_a_deberta_as_it_was_first_published(tmp_path: Path) -> None:
    """The names of microsoft/mdeberta-v3-base: its masked-LM head is the newer one, which the config does not say."""
    oracle = oracle_of("deberta-v2", FILL, **BUCKETS)
    oracle.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    for name in list(tensors):
        if name.startswith("cls."):
            tensors[name.replace("cls.predictions", "lm_predictions.lm_head").replace(".transform", "")] = tensors.pop(
                name
            )
    rows = tensors["deberta.embeddings.word_embeddings.weight"]
    unused = {
        "deberta.embeddings.position_embeddings.weight": rows[:30],
        "deberta.embeddings.word_embeddings._weight": rows,
        "mask_predictions.dense.weight": rows[:24],
        "mask_predictions.classifier.bias": rows[0, :1],
    }
    save_file({**tensors, **unused}, path, metadata={"format": "pt"})
    model = compare(oracle, tmp_path, FILL)
    assert model.load_report.newly_initialised == ()
    assert set(model.load_report.dropped) == set(unused)
    tagger = atl.from_pretrained(str(tmp_path), TAG)
    assert set(tagger.load_report.newly_initialised) == {"classifier.weight", "classifier.bias"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pos_att_type": "p2p"}, "pos_att_type"),
        ({"norm_rel_ebd": "batch_norm"}, "norm_rel_ebd"),
        ({"conv_kernel_size": 4}, "conv_kernel_size must be odd"),
        ({"position_buckets": 200}, "position_buckets 200 do not fit max_relative_positions 30"),
        ({"pooler_hidden_size": 8}, "pooler_hidden_size: expected 24, found 8"),
        ({"attention_head_size": 9}, "attention_head_size: expected 8, found 9"),
        ({"max_relative_positions": 4.5}, "max_relative_positions"),
    ],
)
def test_what_deberta_does_not_have_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        atl.from_config({"model_type": "deberta-v2", **SMALL, **changes})
