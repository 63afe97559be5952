"""Decoders of all the kinds a config.json can describe: made by the torch classes, read here and given back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from reference_checkpoints import assert_close

import amharic_tl as atl
from amharic_tl.models.registry import FAMILIES

torch = pytest.importorskip("torch", reason="torch is the oracle of these tests")
pytestmark = pytest.mark.slow

SMALL = {
    "vocab_size": 70,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 40,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
LLAMA3 = {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
LLAMA3["original_max_position_embeddings"] = 16


def _oracle(kind: str, task: str | None, **changes: Any) -> Any:
    """A torch model whose every parameter is noise, so that none is 0 or 1 and no two are alike."""
    import transformers

    settings = {**SMALL, **changes}
    for absent in [name for name, value in settings.items() if value == "absent"]:
        del settings[absent]
    config = transformers.AutoConfig.for_model(kind, **settings)
    config._attn_implementation = "eager"
    torch.manual_seed(0)
    model = getattr(transformers, FAMILIES[kind].architectures[task][kind])(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter) * 0.2
            parameter.copy_(noise + (1.0 if "norm" in name and not kind.startswith("gemma") else 0.0))
    return model.eval()


def _padded(side: str) -> tuple[np.ndarray, np.ndarray]:
    ids = np.random.default_rng(1).integers(3, SMALL["vocab_size"], (3, 14))
    mask = np.ones_like(ids)
    for row, count in ((1, 5), (2, 2)):
        mask[row, slice(count) if side == "left" else slice(-count, None)] = 0
    return ids * mask, mask


def _compare(oracle: Any, folder: Path, task: str | None, side: str = "right") -> Any:
    """Our outputs of the saved model against the oracle's; returns our model."""
    ids, mask = _padded(side)
    with torch.no_grad():
        theirs = oracle(torch.tensor(ids), attention_mask=torch.tensor(mask), output_hidden_states=True)
    model = atl.from_pretrained(str(folder), task)
    assert model.load_report.newly_initialised == ()
    ours = model(jnp.asarray(ids), attention_mask=jnp.asarray(mask), output_hidden_states=True)
    assert_close(np.stack(ours.hidden_states), torch.stack(theirs.hidden_states).numpy(), mask, "hidden_states")
    if task is None:
        assert_close(ours.last_hidden_state, theirs.last_hidden_state.numpy(), mask, "last_hidden_state")
    else:
        logits = theirs.logits.numpy()
        assert_close(ours.logits, logits, mask if logits.ndim == 3 else None, "logits")
    return model


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("llama", {"attention_bias": True, "mlp_bias": True, "num_key_value_heads": 4}),
        ("llama", {"num_key_value_heads": 1, "tie_word_embeddings": True, "hidden_act": "gelu", "rms_norm_eps": 1e-3}),
        ("llama", {"head_dim": "absent", "num_key_value_heads": None, "pad_token_id": None}),
        ("llama", {"head_dim": 10, "rope_parameters": {**LLAMA3, "rope_theta": 5000.0}}),
        ("llama", {"rope_parameters": {"rope_type": "linear", "factor": 3.0, "rope_theta": 500.0}}),
        ("mistral", {"sliding_window": None, "tie_word_embeddings": True}),
        ("mistral", {"sliding_window": 3, "head_dim": None, "num_key_value_heads": 4}),
        ("mistral", {"num_attention_heads": 8, "num_key_value_heads": "absent", "sliding_window": "absent"}),
        ("qwen2", {"tie_word_embeddings": True, "head_dim": "absent"}),
        ("qwen2", {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1}),
        ("qwen3", {"attention_bias": True, "tie_word_embeddings": True, "head_dim": "absent"}),
        (
            "qwen3",
            {
                "use_sliding_window": True,
                "sliding_window": 2,
                "layer_types": ["full_attention", "sliding_attention", "full_attention"],
            },
        ),
        ("gemma", {"hidden_act": "gelu", "attention_bias": True, "tie_word_embeddings": False}),
        ("gemma", {"num_key_value_heads": 4, "head_dim": 6, "hidden_act": "relu"}),
        ("gemma2", {"sliding_window": 3, "query_pre_attn_scalar": 5}),
        ("gemma2", {"attn_logit_softcapping": None, "final_logit_softcapping": None, "hidden_activation": "silu"}),
        ("gemma2", {"attn_logit_softcapping": 1.5, "final_logit_softcapping": 2.0, "sliding_window": 5}),
        ("gemma3_text", {"sliding_window": 3, "num_hidden_layers": 7, "final_logit_softcapping": 3.0}),
        ("gemma3_text", {"sliding_window": 4, "sliding_window_pattern": 2, "attn_logit_softcapping": 1.0}),
        (
            "gemma3_text",
            {
                "attention_bias": True,
                "rope_parameters": {
                    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 2000.0},
                    "sliding_attention": {"rope_type": "default", "rope_theta": 300.0},
                },
            },
        ),
    ],
)
def test_language_models(kind: str, changes: dict[str, Any], tmp_path: Path) -> None:
    oracle = _oracle(kind, "causal-lm", **changes)
    oracle.save_pretrained(tmp_path / "theirs")
    model = _compare(oracle, tmp_path / "theirs", "causal-lm")
    prompts, mask = _padded("left")
    theirs = oracle.generate(
        torch.tensor(prompts), attention_mask=torch.tensor(mask), max_new_tokens=8, do_sample=False, pad_token_id=0
    )
    np.testing.assert_array_equal(
        atl.generate(model, prompts, attention_mask=mask, max_new_tokens=8, pad_token_id=0), theirs.numpy()
    )
    _given_back(model, oracle, tmp_path / "ours")


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen3", "gemma2"])
def test_an_output_table_of_its_own_beside_a_config_that_ties(kind: str, tmp_path: Path) -> None:
    untied = _oracle(kind, "causal-lm", tie_word_embeddings=False)
    untied.save_pretrained(tmp_path / "theirs")
    config = json.loads((tmp_path / "theirs" / "config.json").read_text(encoding="utf-8"))
    said = json.dumps({**config, "tie_word_embeddings": True})
    (tmp_path / "theirs" / "config.json").write_text(said, encoding="utf-8")
    oracle = type(untied).from_pretrained(tmp_path / "theirs", attn_implementation="eager").eval()
    model = _compare(oracle, tmp_path / "theirs", "causal-lm")
    atl.save_pretrained(model, tmp_path / "ours")
    again = type(untied).from_pretrained(tmp_path / "ours", attn_implementation="eager").eval()
    _compare(again, tmp_path / "theirs", "causal-lm")


@pytest.mark.parametrize(
    ("kind", "task", "changes"),
    [
        ("llama", None, {}),
        ("gemma3_text", None, {"sliding_window": 3}),
        ("llama", "sequence-classification", {"num_labels": 3}),
        ("qwen2", "sequence-classification", {"num_labels": 1, "problem_type": "regression"}),
        ("gemma2", "sequence-classification", {"num_labels": 4}),
        ("gemma3_text", "sequence-classification", {"num_labels": 3, "sliding_window": 3}),
        ("llama", "token-classification", {"num_labels": 5}),
        ("mistral", "token-classification", {"num_labels": 3, "classifier_dropout": 0.4}),
        ("qwen3", "token-classification", {"num_labels": 3, "token_classification_bias": False}),
        ("gemma", "token-classification", {"num_labels": 2}),
    ],
)
def test_backbones_and_classifiers(kind: str, task: str | None, changes: dict[str, Any], tmp_path: Path) -> None:
    oracle = _oracle(kind, task, **changes)
    oracle.save_pretrained(tmp_path / "theirs")
    for side in ("right", "left"):
        model = _compare(oracle, tmp_path / "theirs", task, side)
    _given_back(model, oracle, tmp_path / "ours")


@pytest.mark.parametrize(
    ("kind", "changes", "old"),
    [
        ("llama", {"rope_parameters": {**LLAMA3, "rope_theta": 700.0}}, {"rope_theta": 700.0, "rope_scaling": LLAMA3}),
        (
            "llama",
            {"rope_parameters": {"rope_type": "linear", "factor": 2.0}},
            {"rope_scaling": {"type": "linear", "factor": 2.0}},
        ),
        ("qwen2", {"rope_parameters": {"rope_type": "default", "rope_theta": 300.0}}, {"rope_theta": 300.0}),
        (
            "gemma3_text",
            {
                "sliding_window_pattern": 3,
                "rope_parameters": {
                    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 2000.0},
                    "sliding_attention": {"rope_type": "default", "rope_theta": 300.0},
                },
            },
            {
                "sliding_window_pattern": 3,
                "rope_theta": 2000.0,
                "rope_local_base_freq": 300.0,
                "rope_scaling": {"rope_type": "linear", "factor": 8.0},
            },
        ),
        ("gemma3_text", {"num_hidden_layers": 6}, {"rope_scaling": None}),
        ("gemma2", {"sliding_window": 3}, {"rope_theta": 10000.0, "torch_dtype": "float32"}),
    ],
)
def test_configs_of_transformers_4(kind: str, changes: dict[str, Any], old: dict[str, Any], tmp_path: Path) -> None:
    oracle = _oracle(kind, "causal-lm", **changes)
    oracle.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for name in ("rope_parameters", "layer_types", "dtype", "use_bidirectional_attention", "_sliding_window_pattern"):
        config.pop(name, None)
    (tmp_path / "config.json").write_text(json.dumps({**config, **old}))
    _compare(oracle, tmp_path, "causal-lm")


def test_old_buffers_and_question_answering_checkpoints(tmp_path: Path) -> None:
    import transformers
    from safetensors.numpy import load_file, save_file

    oracle = _oracle("llama", None)
    asked = transformers.LlamaForQuestionAnswering(oracle.config)
    asked.transformer.load_state_dict(oracle.state_dict())
    asked.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    assert "transformer.norm.weight" in tensors
    tensors["transformer.layers.0.self_attn.rotary_emb.inv_freq"] = np.ones(4, np.float32)
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    model = _compare(oracle, tmp_path, None)
    assert set(model.load_report.dropped) == {
        "qa_outputs.weight",
        "qa_outputs.bias",
        "transformer.layers.0.self_attn.rotary_emb.inv_freq",
    }


def _given_back(model: Any, oracle: Any, folder: Path) -> None:
    """Our export, in the torch class: every tensor as it was, none missing or left over."""
    atl.save_pretrained(model, folder)
    again, said = type(oracle).from_pretrained(folder, output_loading_info=True)
    assert not any(said[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    before, after = oracle.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    for name in before:
        assert torch.equal(before[name], after[name]), name
