"""Outputs, gradients and first training steps against Hugging Face's own numbers, for every form of every
checkpoint.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from reference_checkpoints import (
    ALL,
    MODELS,
    Checkpoint,
    assert_close,
    every_form,
    every_model,
    inputs_of,
    loss_of,
    mask_of,
    prompts_of,
)

from amharic_tl.models import named_parameters
from amharic_tl.models.generate import generate
from amharic_tl.models.interchange.weights import open_weights
from amharic_tl.models.naming import named_tensors


def _name(found: Checkpoint) -> str:
    return f"{found.model.name}/{found.variant}"


TRAINED = [found for found in MODELS if (found.model / "train_reference.json").is_file()]
# Losses that the numbers pin down, where not all six: later ones depend on how float32 rounds, and Hugging Face's own
# model in float64 leaves them by more than the bound (test_seq2seq_oracle.py shows it).
PINNED_LOSSES = {"t5-relu-tied": 2}
GENERATING = [found for found in ALL if found.task in ("causal-lm", "seq2seq-lm")]


def test_the_known_checkpoints_were_found(checkpoints_dir: Path) -> None:
    found = {(c.model.name, c.variant) for c in ALL}
    bert = ("safetensors", "safetensors-sharded", "safetensors-bf16", "safetensors-legacy-names")
    flax = ("flax", "flax-sharded", "flax-bf16", "flax-safetensors")
    assert {("bert-mlm", variant) for variant in bert + flax} <= found
    assert {("xlmr-mlm", "flax-chunked"), ("xlmr-seqcls", "flax-sharded"), ("v5-xlmr-seqcls", "safetensors")} <= found
    torch = ("pytorch-bin", "pytorch-bin-sharded", "pytorch-bin-v4.30")
    assert {("xlmr-mlm", variant) for variant in torch} <= found
    assert {"bert-base-model", "bert-seqcls", "roberta-mlm", "v5-bert-mlm"} <= {name for name, _ in found}
    assert {
        (name, form) for name in ("distilbert-mlm", "electra-mlm", "xlmr-tokcls") for form in ("safetensors", "flax")
    } <= found
    assert {"v5-electra-disc", "v5-modernbert-mlm", "v5-deberta-v2-mlm", "v5-xlmr-xl-mlm"} <= {
        name for name, _ in found
    }
    assert {"gemma-mqa-lm", "mistral-window-lm", "v5-gemma2-lm", "v5-gemma3-text-lm", "v5-qwen2-lm", "v5-qwen3-lm"} <= {
        c.model.name for c in GENERATING
    }
    assert {
        ("llama-gqa-lm", variant) for variant in ("safetensors", "safetensors-bf16", "flax", "flax-sharded")
    } <= found
    assert {c.model.name for c in TRAINED} >= {"bert-mlm", "xlmr-seqcls", "llama-gqa-lm", "v5-llama31-rope"}


@every_form
def test_outputs_equal_the_reference(checkpoint: Checkpoint) -> None:
    reference = checkpoint.reference()
    mask = mask_of(reference)
    model = checkpoint.load()
    assert not model.load_report.newly_initialised
    output = nnx.jit(lambda m, x: m(**x, output_hidden_states=True))(model, inputs_of(reference))
    assert_close(output.last_hidden_state, reference["last_hidden_state"], mask, "last_hidden_state")
    if "hidden_states" in reference:
        assert_close(np.stack(output.hidden_states), reference["hidden_states"], mask, "hidden_states")
    if "pooler_output" in reference:
        assert_close(output.pooler_output, reference["pooler_output"], None, "pooler_output")
    if "logits" in reference:
        assert_close(output.logits, reference["logits"], mask if reference["logits"].ndim == 3 else None, "logits")
    # HF's Flax Mistral sees one token more through its window than torch does; torch is right.
    if "flax_logits" in reference and checkpoint.variant == "flax" and model.hf_config["model_type"] != "mistral":
        flax = reference["flax_logits"]
        assert_close(output.logits, flax, mask if flax.ndim == 3 else None, "HF Flax logits")
    if "loss" in reference:
        loss = loss_of(output, jnp.asarray(reference["labels"]), checkpoint.task)
        assert abs(float(loss) - float(reference["loss"])) <= 1e-4


@every_model
def test_names_and_shapes_are_those_of_the_torch_class(checkpoint: Checkpoint) -> None:
    expected = {name: tuple(shape) for name, (shape, _) in checkpoint.manifest()["torch_params"].items()}
    found = {name: view.shape for name, view in named_tensors(checkpoint.load()).items()}
    # The manifest names a tied parameter by all its names, the file by one.
    stored = open_weights(checkpoint.folder).tensors
    assert found == {name: shape for name, shape in expected.items() if name in stored}


def _differentiated(model: Any, reference: dict[str, np.ndarray]) -> tuple[Any, Any, Any]:
    graphdef, parameters = nnx.split(model)
    inputs, labels, task = inputs_of(reference), jnp.asarray(reference["labels"]), model.task

    def loss(parameters: Any) -> jax.Array:
        return loss_of(nnx.merge(graphdef, parameters, copy=True)(**inputs), labels, task)

    return jax.jit(jax.value_and_grad(loss)), parameters, graphdef


@pytest.mark.parametrize("checkpoint", TRAINED, ids=lambda found: found.model.name)
def test_gradient_norms_equal_the_reference(checkpoint: Checkpoint) -> None:
    expected = json.loads((checkpoint.model / "train_reference.json").read_text(encoding="utf-8"))
    value_and_grad, parameters, _ = _differentiated(checkpoint.load(), checkpoint.reference())
    value, gradients = value_and_grad(parameters)
    assert abs(float(value) - expected["loss"]) <= 1e-4
    views = named_parameters(gradients)
    assert set(expected["grad_norms"]) == set(views)
    for name, norm in expected["grad_norms"].items():
        ours = float(jnp.linalg.norm(views[name].value()))
        assert abs(ours - norm) <= 1e-3 * norm + 1e-6 * expected["total_grad_norm"], name
    total = float(optax.global_norm(gradients))
    assert abs(total - expected["total_grad_norm"]) <= 1e-3 * expected["total_grad_norm"]


@pytest.mark.parametrize("checkpoint", TRAINED, ids=lambda found: found.model.name)
@pytest.mark.parametrize(
    ("key", "optimizer"),
    [
        ("losses_sgd_lr0.05", optax.sgd(0.05)),
        (
            "losses_adamw_lr1e-3_b0.9_0.999_eps1e-8_wd0.01_all_params",
            optax.adamw(1e-3, b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.01),
        ),
    ],
    ids=["sgd", "adamw"],
)
def test_training_losses_equal_the_reference(checkpoint: Checkpoint, key: str, optimizer: Any) -> None:
    expected = json.loads((checkpoint.model / "train_reference.json").read_text(encoding="utf-8"))[key]
    assert len(expected) == 6
    expected = expected[: PINNED_LOSSES.get(checkpoint.model.name, 6)]
    value_and_grad, parameters, _ = _differentiated(checkpoint.load(), checkpoint.reference())

    @jax.jit
    def step(parameters: Any, moments: Any) -> tuple[Any, Any, jax.Array]:
        value, gradients = value_and_grad(parameters)
        updates, moments = optimizer.update(gradients, moments, parameters)
        return optax.apply_updates(parameters, updates), moments, value

    moments, losses = optimizer.init(parameters), []
    for _ in expected:
        parameters, moments, value = step(parameters, moments)
        losses.append(float(value))
    for ours, theirs in zip(losses, expected, strict=True):
        assert abs(ours - theirs) <= max(1e-4, 1e-4 * abs(theirs)), (losses, expected)


@pytest.mark.parametrize("checkpoint", GENERATING, ids=_name)
def test_greedy_generation_equals_the_reference(checkpoint: Checkpoint) -> None:
    reference = checkpoint.reference()
    model = checkpoint.load()
    prompts = prompts_of(reference)
    np.testing.assert_array_equal(generate(model, **prompts, max_new_tokens=12), reference["generated"])
    if "generated_eos" in reference:
        ended = generate(
            model,
            **prompts,
            max_new_tokens=12,
            eos_token_id=int(reference["gen_eos_token_id"]),
            pad_token_id=int(reference["gen_pad_token_id"]),
        )
        np.testing.assert_array_equal(ended, reference["generated_eos"])


@pytest.mark.slow
@pytest.mark.parametrize("checkpoint", [c for c in ALL if c.variant.startswith("safetensors")], ids=_name)
def test_bfloat16_is_as_close_as_torch_in_bfloat16(checkpoint: Checkpoint) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of this test")
    transformers = pytest.importorskip("transformers")
    reference = checkpoint.reference()
    oracle = getattr(transformers, checkpoint.manifest()["torch_class"])
    oracle = oracle.from_pretrained(checkpoint.folder, dtype=torch.bfloat16, attn_implementation="eager").eval()
    with torch.no_grad():
        theirs = oracle(**{name: torch.tensor(np.asarray(value)) for name, value in inputs_of(reference).items()})
    ours = checkpoint.load(compute_dtype="bfloat16")(**inputs_of(reference))
    name = "logits" if "logits" in reference else "last_hidden_state"
    exact = reference[name]
    kept = mask_of(reference).astype(bool) if exact.ndim == 3 else np.ones(len(exact), bool)

    def error(found: np.ndarray) -> float:
        return float(np.linalg.norm((found - exact)[kept]) / np.linalg.norm(exact[kept]))

    ours_error = error(np.asarray(getattr(ours, name), np.float32))
    torch_error = error(getattr(theirs, name).float().numpy())
    assert ours_error <= 1.25 * torch_error, f"{ours_error:.2e} against torch's {torch_error:.2e}"
