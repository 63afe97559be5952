"""Adapters of the PEFT library: its own are read, ours are loaded by it, and both compute the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import amharic_tl as atl

torch = pytest.importorskip("torch", reason="torch is the oracle of these tests")
peft = pytest.importorskip("peft", reason="the PEFT library is the oracle of these tests")

IDS = np.random.default_rng(0).integers(5, 60, (2, 9))
# Class, its config, our task, PEFT's settings.
CASES: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "bert": (
        "BertForSequenceClassification",
        {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 40}
        | {"max_position_embeddings": 30, "num_labels": 3},
        "sequence-classification",
        {
            "task_type": "SEQ_CLS",
            "target_modules": ["query", "value"],
            "use_rslora": True,
            "rank_pattern": {r"layer\.1\.attention\.self\.query": 2},
            "alpha_pattern": {"layer.2.attention.self.value": 9},
        },
    ),
    "llama": (
        "LlamaForCausalLM",
        {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2}
        | {"intermediate_size": 40, "max_position_embeddings": 30},
        "causal-lm",
        {"task_type": "CAUSAL_LM", "target_modules": ["q_proj", "v_proj", "down_proj"], "layers_to_transform": [0, 2]},
    ),
    "gpt2": (
        "GPT2LMHeadModel",
        {"n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 30},
        "causal-lm",
        {"task_type": "CAUSAL_LM", "target_modules": ["c_attn", "c_fc"], "fan_in_fan_out": True},
    ),
    "t5": (
        "T5ForConditionalGeneration",
        {"d_model": 24, "d_kv": 8, "num_heads": 3, "d_ff": 40, "num_layers": 2, "decoder_start_token_id": 0},
        "seq2seq-lm",
        {"task_type": "SEQ_2_SEQ_LM", "target_modules": "all-linear", "use_rslora": True},
    ),
}


def _theirs(model: Any, inputs: dict[str, np.ndarray]) -> np.ndarray:
    with torch.no_grad():
        return model.eval()(**{name: torch.tensor(value) for name, value in inputs.items()}).logits.numpy()


@pytest.mark.parametrize("case", CASES)
def test_adapters_of_peft_are_read_and_ours_are_loaded_by_it(case: str, tmp_path: Path) -> None:
    import transformers
    from safetensors.numpy import load_file

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    name, sizes, task, settings = CASES[case]
    oracle = getattr(transformers, name)
    torch.manual_seed(0)
    oracle(oracle.config_class(vocab_size=60, **sizes)).save_pretrained(tmp_path / "base")
    base = oracle.from_pretrained(tmp_path / "base")
    inputs = {"input_ids": IDS} | ({"decoder_input_ids": IDS[:, :5]} if task == "seq2seq-lm" else {})
    plain = _theirs(base, inputs)
    adapted = peft.get_peft_model(base, peft.LoraConfig(r=4, lora_alpha=7, **settings))
    with torch.no_grad():
        for parameter_name, parameter in adapted.named_parameters():
            if "lora_" in parameter_name or "modules_to_save" in parameter_name:
                parameter.normal_(std=0.3)
    adapted.save_pretrained(tmp_path / "theirs")
    expected = _theirs(adapted, inputs)
    assert np.abs(expected - plain).max() > 0.05
    bound = max(1e-4, 1e-5 * np.abs(expected).max())

    model = atl.from_pretrained(str(tmp_path / "theirs"), task)
    assert not model.load_report.newly_initialised and not model.load_report.dropped
    found = nnx.jit(lambda model, inputs: model(**inputs).logits)(model, {k: jnp.asarray(v) for k, v in inputs.items()})
    np.testing.assert_allclose(found, expected, atol=bound, rtol=0)

    atl.save_pretrained(model, tmp_path / "ours", format="peft")
    ours, theirs = (load_file(tmp_path / place / "adapter_model.safetensors") for place in ("ours", "theirs"))
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        np.testing.assert_array_equal(ours[key], value, err_msg=key)
    again = peft.PeftModel.from_pretrained(oracle.from_pretrained(tmp_path / "base"), tmp_path / "ours")
    np.testing.assert_allclose(_theirs(again, inputs), expected, atol=1e-6, rtol=0)
    said = json.loads((tmp_path / "ours" / "adapter_config.json").read_text())
    assert said["base_model_name_or_path"] == str(tmp_path / "base")
    assert said["use_rslora"] is settings.get("use_rslora", False)
    assert said["task_type"] == settings["task_type"]


def test_a_masked_language_model_is_found_by_its_class(tmp_path: Path) -> None:
    """PEFT has no word for the task; its automatic class takes the one that is named."""
    from amharic_tl.models.interchange.adapter_write import _class_of

    class Model:
        hf_config = {"model_type": "xlm-roberta", "architectures": ["XLMRobertaForMaskedLM"]}

    found = _class_of(Model())
    module = __import__(found["parent_library"], fromlist=["x"])
    assert hasattr(module, found["base_model_class"])
