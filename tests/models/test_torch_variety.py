"""Checkpoints of all the kinds a config.json can describe: made by the torch classes, read here and given back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from reference_checkpoints import assert_close

import amharic_tl as atl

torch = pytest.importorskip("torch", reason="torch is the oracle of these tests")
pytestmark = pytest.mark.slow

SMALL = {
    "vocab_size": 60,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 30,
}
KINDS = {
    "bert": ("BertConfig", "BertModel", "BertForMaskedLM", "BertForSequenceClassification"),
    "roberta": ("RobertaConfig", "RobertaModel", "RobertaForMaskedLM", "RobertaForSequenceClassification"),
    "xlm-roberta": (
        "XLMRobertaConfig",
        "XLMRobertaModel",
        "XLMRobertaForMaskedLM",
        "XLMRobertaForSequenceClassification",
    ),
}
TASKS = {None: 1, "masked-lm": 2, "sequence-classification": 3}


def _oracle(kind: str, task: str | None, **changes: Any) -> Any:
    """A torch model whose every parameter is noise, so that none is 0 or 1 and no two are alike."""
    import transformers

    config = getattr(transformers, KINDS[kind][0])(**{**SMALL, **changes}, attn_implementation="eager")
    torch.manual_seed(0)
    model = getattr(transformers, KINDS[kind][TASKS[task]])(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter) * 0.2
            parameter.copy_(noise + (1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0))
    return model.eval()


def _compare(oracle: Any, folder: Path, task: str | None) -> Any:
    """Our outputs of the saved model against the oracle's; returns our model."""
    pad = oracle.config.pad_token_id
    ids = np.random.default_rng(1).integers(5, SMALL["vocab_size"], (3, 12))
    ids[1, 7:] = ids[2, 10:] = pad
    mask = (ids != pad).astype(np.int64)
    inputs = {"input_ids": ids, "attention_mask": mask}
    if oracle.config.type_vocab_size > 1:
        inputs["token_type_ids"] = np.tile(np.arange(12) // 6, (3, 1))
    with torch.no_grad():
        theirs = oracle(**{name: torch.tensor(value) for name, value in inputs.items()}, output_hidden_states=True)
    model = atl.from_pretrained(str(folder), task)
    ours = model(**{name: jnp.asarray(value) for name, value in inputs.items()}, output_hidden_states=True)
    assert_close(np.stack(ours.hidden_states), torch.stack(theirs.hidden_states).numpy(), mask, "hidden_states")
    if task is None:
        assert_close(ours.last_hidden_state, theirs.last_hidden_state.numpy(), mask, "last_hidden_state")
        if oracle.pooler is not None:
            assert_close(ours.pooler_output, theirs.pooler_output.numpy(), None, "pooler_output")
    else:
        logits = theirs.logits.numpy()
        assert_close(ours.logits, logits, mask if logits.ndim == 3 else None, "logits")
    return model


ACTIVATIONS = ["gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu", "swish"]


@pytest.mark.parametrize(("kind", "activation"), [*(("bert", name) for name in ACTIVATIONS), ("roberta", "relu")])
def test_activations(kind: str, activation: str, tmp_path: Path) -> None:
    oracle = _oracle(kind, "masked-lm", hidden_act=activation)
    oracle.save_pretrained(tmp_path)
    _compare(oracle, tmp_path, "masked-lm")


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
    oracle = _oracle(kind, task, **changes)
    oracle.save_pretrained(tmp_path / "theirs")
    model = _compare(oracle, tmp_path / "theirs", task)
    assert model.load_report.newly_initialised == ()
    for key in ("problem_type", "id2label"):
        value = model.hf_config.get(key)
        assert value is None or str(value).replace("'", "") == str(getattr(oracle.config, key)).replace("'", "")
    _given_back(model, oracle, tmp_path / "ours", task)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_an_untied_decoder(kind: str, tmp_path: Path) -> None:
    oracle = _oracle(kind, "masked-lm", tie_word_embeddings=False)
    oracle.save_pretrained(tmp_path / "theirs")
    model = _compare(oracle, tmp_path / "theirs", "masked-lm")
    assert model.load_report.newly_initialised == ()
    assert any(name.endswith("decoder.weight") for name in atl.named_parameters(model))
    _given_back(model, oracle, tmp_path / "ours", "masked-lm")
    atl.save_pretrained(model, tmp_path / "flax", format="flax")
    _compare(oracle, tmp_path / "flax", "masked-lm")


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_an_untied_decoder_of_transformers_4_has_its_bias_by_one_name(kind: str, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    oracle = _oracle(kind, "masked-lm", tie_word_embeddings=False)
    head = oracle.cls.predictions if kind == "bert" else oracle.lm_head
    with torch.no_grad():
        head.bias.copy_(head.decoder.bias)
    oracle.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["cls.predictions.decoder.bias" if kind == "bert" else "lm_head.decoder.bias"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    _compare(oracle, tmp_path, "masked-lm")


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_a_backbone_without_pooler(kind: str, tmp_path: Path) -> None:
    import transformers

    full = _oracle(kind, None)
    oracle = getattr(transformers, KINDS[kind][1])(full.config, add_pooling_layer=False).eval()
    oracle.load_state_dict(full.state_dict(), strict=False)
    oracle.save_pretrained(tmp_path)
    model = _compare(oracle, tmp_path, None)
    assert set(model.load_report.newly_initialised) == {"pooler.dense.weight", "pooler.dense.bias"}


def _given_back(model: Any, oracle: Any, folder: Path, task: str | None) -> None:
    """Our export, in the torch class: every tensor as it was, none missing or left over."""
    atl.save_pretrained(model, folder)
    again, said = type(oracle).from_pretrained(folder, output_loading_info=True)
    assert not any(said[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    before, after = oracle.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    # An untied model of transformers 5 has a second bias that nothing uses; it is written with the used one's values.
    unused = set() if oracle.config.tie_word_embeddings else {"cls.predictions.bias", "lm_head.bias"}
    for name in before.keys() - unused:
        assert torch.equal(before[name], after[name]), name
