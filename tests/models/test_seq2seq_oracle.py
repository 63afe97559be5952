"""T5, M2M100, mBART, XGLM and GPT-2 of the kinds a config.json can describe: made by the torch classes, read here,
given back; and where float32 rounding itself decides, the same models in float64.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from reference_checkpoints import MODELS, assert_close, inputs_of, mask_of, tolerance
from test_parity import PINNED_LOSSES
from test_seq2seq_parity import MAGNIFIED

import amharic_tl as atl

torch = pytest.importorskip("torch", reason="torch is the oracle of these tests")
pytestmark = pytest.mark.slow

VOCABULARY = 60
T5 = {"vocab_size": VOCABULARY, "d_model": 24, "d_kv": 5, "d_ff": 40, "num_layers": 2, "num_heads": 3}
BART = {"vocab_size": VOCABULARY, "d_model": 24, "max_position_embeddings": 40, "encoder_layers": 2} | {
    f"{side}_{key}": size
    for side, layers in (("encoder", 2), ("decoder", 1))
    for key, size in (("layers", layers), ("attention_heads", 3), ("ffn_dim", 40))
}
XGLM = {"vocab_size": VOCABULARY, "d_model": 24, "ffn_dim": 40, "num_layers": 2, "attention_heads": 3}
GPT2 = {"vocab_size": VOCABULARY, "n_positions": 40, "n_embd": 24, "n_layer": 3, "n_head": 3}
# The stem of the classes, the config's sizes, the class of each task.
LANGUAGE_MODEL, SEQUENCE, TOKEN = "seq2seq-lm", "sequence-classification", "token-classification"
T5_CLASSES: dict[str | None, str] = {
    LANGUAGE_MODEL: "ForConditionalGeneration",
    SEQUENCE: "ForSequenceClassification",
    TOKEN: "ForTokenClassification",
}
KINDS: dict[str, tuple[str, dict[str, Any], dict[str | None, str]]] = {
    "t5": ("T5", T5, T5_CLASSES),
    "mt5": ("MT5", T5, T5_CLASSES),
    "umt5": ("UMT5", T5, T5_CLASSES),
    "m2m_100": ("M2M100", BART, {LANGUAGE_MODEL: "ForConditionalGeneration"}),
    "mbart": ("MBart", BART, {LANGUAGE_MODEL: "ForConditionalGeneration", SEQUENCE: "ForSequenceClassification"}),
    "xglm": ("XGLM", XGLM, {"causal-lm": "ForCausalLM"}),
    "gpt2": (
        "GPT2",
        GPT2,
        {"causal-lm": "LMHeadModel", SEQUENCE: "ForSequenceClassification", TOKEN: "ForTokenClassification"},
    ),
}


def _oracle(kind: str, task: str | None, **changes: Any) -> Any:
    """A torch model whose every parameter and saved buffer is noise, so that none is 0 or 1 and no two are alike."""
    import transformers

    stem, sizes, classes = KINDS[kind]
    config = getattr(transformers, f"{stem}Config")(**{**sizes, **changes}, attn_implementation="eager")
    torch.manual_seed(0)
    model = getattr(transformers, stem + ("Model" if task is None else classes[task]))(config)
    with torch.no_grad():
        for name, values in model.state_dict().items():
            is_norm = values.ndim == 1 and name.endswith("weight")
            values.copy_(torch.randn_like(values) * 0.2 + (1.0 if is_norm else 0.0))
    return model.eval()


def _inputs(oracle: Any, left: bool) -> dict[str, np.ndarray]:
    config = oracle.config
    random, pad = np.random.default_rng(1), config.pad_token_id
    ids = random.integers(5, VOCABULARY, (3, 12))
    mask = np.ones_like(ids)
    for row, padding in ((1, 5), (2, 2)):
        mask[row, slice(0, padding) if left else slice(12 - padding, 12)] = 0
    ids = np.where(mask == 1, ids, pad)
    inputs = {"input_ids": ids, "attention_mask": mask}
    if config.is_encoder_decoder and "TokenClassification" not in type(oracle).__name__:
        if "Classification" in type(oracle).__name__:
            inputs["input_ids"][np.arange(3), [11, 6, 9]] = config.eos_token_id
        else:
            inputs["decoder_input_ids"] = random.integers(5, VOCABULARY, (3, 7))
            inputs["decoder_attention_mask"] = np.asarray([[1] * 7, [1] * 7, [1] * 4 + [0] * 3])
    return inputs


def _compare(oracle: Any, folder: Path, task: str | None, left: bool = False) -> Any:
    """Our outputs of the saved model against the oracle's; returns our model."""
    inputs = _inputs(oracle, left)
    with torch.no_grad():
        theirs = oracle(**{name: torch.tensor(value) for name, value in inputs.items()}, output_hidden_states=True)
    model = atl.from_pretrained(str(folder), task)
    assert model.load_report.newly_initialised == ()
    ours = model(**{name: jnp.asarray(value) for name, value in inputs.items()}, output_hidden_states=True)
    mask = inputs.get("decoder_attention_mask", inputs["attention_mask"])
    if oracle.config.is_encoder_decoder and task != TOKEN:
        for what in ("encoder_hidden_states", "decoder_hidden_states"):
            found = np.stack(getattr(ours, what.removeprefix("decoder_")))
            kept = inputs["attention_mask"] if what.startswith("encoder") else mask
            if kept.shape == found.shape[1:3]:
                assert_close(found, torch.stack(theirs[what]).numpy(), kept, what)
    else:
        assert_close(np.stack(ours.hidden_states), torch.stack(theirs.hidden_states).numpy(), mask, "hidden_states")
    if task is None:
        assert_close(ours.last_hidden_state, theirs.last_hidden_state.numpy(), mask, "last_hidden_state")
    else:
        logits = theirs.logits.numpy()
        assert_close(ours.logits, logits, mask if logits.ndim == 3 else None, "logits")
    return model


def _given_back(model: Any, oracle: Any, folder: Path) -> None:
    """Our export, in the torch class: every tensor as it was, none missing or left over."""
    atl.save_pretrained(model, folder)
    again, said = type(oracle).from_pretrained(folder, output_loading_info=True)
    assert not any(said[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    before, after = oracle.state_dict(), again.state_dict()
    assert before.keys() == after.keys()
    for name in before:
        assert torch.equal(before[name], after[name]), name


@pytest.mark.parametrize(
    ("kind", "task", "changes"),
    [
        ("t5", LANGUAGE_MODEL, {"feed_forward_proj": "gated-silu", "num_decoder_layers": 1}),
        ("t5", LANGUAGE_MODEL, {"feed_forward_proj": "gelu", "layer_norm_epsilon": 1e-3, "d_kv": 8}),
        ("t5", LANGUAGE_MODEL, {"relative_attention_num_buckets": 6, "relative_attention_max_distance": 5}),
        ("t5", LANGUAGE_MODEL, {"tie_word_embeddings": False, "num_layers": 1, "pad_token_id": 3}),
        ("t5", None, {"feed_forward_proj": "gated-gelu"}),
        ("t5", SEQUENCE, {"num_labels": 4, "classifier_dropout": 0.3, "decoder_start_token_id": 0}),
        ("mt5", LANGUAGE_MODEL, {"num_decoder_layers": 3, "feed_forward_proj": "gated-relu"}),
        ("mt5", None, {}),
        ("mt5", SEQUENCE, {"num_labels": 1, "problem_type": "regression"}),
        ("umt5", LANGUAGE_MODEL, {"num_decoder_layers": 3, "feed_forward_proj": "relu"}),
        ("umt5", None, {"relative_attention_num_buckets": 9}),
        ("umt5", SEQUENCE, {"num_labels": 5}),
        ("t5", TOKEN, {"num_labels": 5, "classifier_dropout": 0.2}),
        ("mt5", TOKEN, {"num_labels": 3, "feed_forward_proj": "gated-gelu"}),
        ("umt5", TOKEN, {"num_labels": 4}),
        ("m2m_100", LANGUAGE_MODEL, {"scale_embedding": False, "activation_function": "gelu", "decoder_layers": 3}),
        ("m2m_100", LANGUAGE_MODEL, {"d_model": 27, "pad_token_id": 4}),
        ("m2m_100", LANGUAGE_MODEL, {"tie_word_embeddings": False, "decoder_attention_heads": 6}),
        ("m2m_100", None, {"encoder_layers": 1}),
        ("mbart", LANGUAGE_MODEL, {"scale_embedding": True, "decoder_layers": 3}),
        ("mbart", LANGUAGE_MODEL, {"tie_word_embeddings": False, "activation_function": "relu"}),
        ("mbart", None, {"encoder_attention_heads": 2}),
        ("mbart", SEQUENCE, {"num_labels": 3, "decoder_start_token_id": 2}),
        ("xglm", "causal-lm", {"scale_embedding": False, "activation_function": "gelu_new"}),
        ("xglm", "causal-lm", {"tie_word_embeddings": False, "d_model": 27}),
        ("xglm", None, {"pad_token_id": 7}),
        ("gpt2", "causal-lm", {"n_inner": 30, "activation_function": "relu", "layer_norm_epsilon": 1e-3}),
        ("gpt2", "causal-lm", {"scale_attn_by_inverse_layer_idx": True}),
        ("gpt2", "causal-lm", {"scale_attn_weights": False, "scale_attn_by_inverse_layer_idx": True}),
        ("gpt2", "causal-lm", {"reorder_and_upcast_attn": True, "tie_word_embeddings": False}),
        ("gpt2", None, {}),
        ("gpt2", SEQUENCE, {"num_labels": 4}),
        ("gpt2", TOKEN, {"num_labels": 5, "classifier_dropout": 0.2}),
    ],
)
def test_shapes_options_and_heads(kind: str, task: str | None, changes: dict[str, Any], tmp_path: Path) -> None:
    oracle = _oracle(kind, task, **({"pad_token_id": 0} if kind == "gpt2" else {}), **changes)
    oracle.save_pretrained(tmp_path / "theirs")
    model = _compare(oracle, tmp_path / "theirs", task)
    _given_back(model, oracle, tmp_path / "ours")
    atl.save_pretrained(model, tmp_path / "flax", format="flax")
    _compare(oracle, tmp_path / "flax", task)


def test_a_tagger_takes_the_encoder_of_a_whole_model_and_leaves_its_decoder_aside(tmp_path: Path) -> None:
    whole = _oracle("t5", LANGUAGE_MODEL)
    whole.save_pretrained(tmp_path)
    tagger = atl.from_pretrained(str(tmp_path), TOKEN, labels=["O", "B-PER"])
    report = tagger.load_report
    assert set(report.newly_initialised) == {"classifier.weight", "classifier.bias"}
    assert report.dropped and all(name.startswith("decoder.") for name in report.dropped)
    inputs = _inputs(whole, left=False)
    with torch.no_grad():
        encoder = whole.encoder(torch.tensor(inputs["input_ids"]), torch.tensor(inputs["attention_mask"]))
    found = tagger(jnp.asarray(inputs["input_ids"]), attention_mask=jnp.asarray(inputs["attention_mask"]))
    assert_close(found.last_hidden_state, encoder[0].numpy(), inputs["attention_mask"], "encoder")
    assert found.logits.shape == (3, 12, 2)


@pytest.mark.parametrize("kind", ["t5", "umt5", "m2m_100", "mbart"])
def test_sources_padded_on_the_left(kind: str, tmp_path: Path) -> None:
    oracle = _oracle(kind, LANGUAGE_MODEL)
    oracle.save_pretrained(tmp_path)
    _compare(oracle, tmp_path, LANGUAGE_MODEL, left=True)


@pytest.mark.parametrize(("kind", "task"), [("xglm", "causal-lm"), ("gpt2", "causal-lm"), ("gpt2", SEQUENCE)])
def test_decoders_padded_on_the_left(kind: str, task: str, tmp_path: Path) -> None:
    oracle = _oracle(kind, task, pad_token_id=1)
    oracle.save_pretrained(tmp_path)
    _compare(oracle, tmp_path, task, left=True)


@pytest.mark.parametrize(("kind", "stem"), [("t5", "T5"), ("mt5", "MT5"), ("umt5", "UMT5")])
def test_a_head_of_its_own_beside_a_config_that_ties(kind: str, stem: str, tmp_path: Path) -> None:
    import transformers
    from safetensors.numpy import load_file, save_file

    _oracle(kind, LANGUAGE_MODEL, tie_word_embeddings=False).save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["lm_head.weight"] = tensors["shared.weight"][::-1].copy()
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    oracle = getattr(transformers, f"{stem}ForConditionalGeneration")
    oracle = oracle.from_pretrained(tmp_path, attn_implementation="eager").eval()
    _compare(oracle, tmp_path, LANGUAGE_MODEL)


def test_old_keys_of_a_config_are_defaults(tmp_path: Path) -> None:
    oracle = _oracle("mt5", LANGUAGE_MODEL)
    oracle.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    kept = ("vocab_size", "d_model", "d_kv", "d_ff", "num_layers", "num_heads", "model_type")
    (tmp_path / "config.json").write_text(json.dumps({key: config[key] for key in kept}))
    _compare(oracle, tmp_path, LANGUAGE_MODEL)


REFERENCE = {found.model.name: found for found in MODELS}


@pytest.mark.parametrize("name", ["v5-t5-tied", "v5-umt5-seq2seq", "mbart-seq2seq", "v5-m2m100-nllb"])
def test_a_forced_first_token_and_sources_padded_on_the_left(name: str) -> None:
    import transformers

    found = REFERENCE[name]
    reference = found.reference()
    ids, mask = reference["input_ids"], reference["attention_mask"]
    # Padded on the left, which no stored reference is.
    padding = (1 - mask).sum(axis=1)
    ids, mask = (np.stack([np.roll(row, by) for row, by in zip(a, padding, strict=True)]) for a in (ids, mask))
    oracle = getattr(transformers, found.manifest()["torch_class"])
    oracle = oracle.from_pretrained(found.folder, attn_implementation="eager").eval()
    theirs = oracle.generate(
        input_ids=torch.tensor(ids),
        attention_mask=torch.tensor(mask),
        max_new_tokens=8,
        do_sample=False,
        num_beams=1,
        forced_bos_token_id=9,
    )
    ours = atl.generate(found.load(), ids, attention_mask=mask, max_new_tokens=8, forced_bos_token_id=9)
    np.testing.assert_array_equal(ours, theirs.numpy())


def _in_double(name: str) -> Any:
    import transformers

    found = REFERENCE[name]
    oracle = getattr(transformers, found.manifest()["torch_class"])
    return oracle.from_pretrained(found.folder, attn_implementation="eager").eval().double()


@pytest.mark.parametrize("name", sorted(MAGNIFIED))
def test_where_rounding_is_magnified_the_exact_numbers_hold(name: str) -> None:
    found, oracle = REFERENCE[name], _in_double(name)
    reference = found.reference()
    stored, mask = reference["decoder_hidden_states"], mask_of(reference)
    inputs = inputs_of(reference)
    with torch.no_grad():
        exact = oracle(
            **{key: torch.tensor(np.asarray(value)) for key, value in inputs.items()}, output_hidden_states=True
        )
    exact = torch.stack(exact.decoder_hidden_states).numpy()
    # The stored numbers miss the exact ones at this position: that is why it is left out of the comparison with them.
    gap = np.abs(stored - exact)[(slice(None), *MAGNIFIED[name])].max()
    assert gap > tolerance(stored)
    ours = found.load()(**inputs, output_hidden_states=True)
    assert_close(np.stack(ours.hidden_states), exact, mask, "decoder_hidden_states")


@pytest.mark.parametrize("name", sorted(PINNED_LOSSES))
@pytest.mark.parametrize(
    ("key", "optimizer"),
    [
        ("losses_sgd_lr0.05", lambda parameters: torch.optim.SGD(parameters, lr=0.05)),
        (
            "losses_adamw_lr1e-3_b0.9_0.999_eps1e-8_wd0.01_all_params",
            lambda parameters: torch.optim.AdamW(parameters, lr=1e-3, eps=1e-8, weight_decay=0.01),
        ),
    ],
    ids=["sgd", "adamw"],
)
def test_losses_that_are_not_pinned_depend_on_rounding(name: str, key: str, optimizer: Any) -> None:
    found, oracle = REFERENCE[name], _in_double(name)
    reference = found.reference()
    expected = json.loads((found.model / "train_reference.json").read_text(encoding="utf-8"))[key]
    inputs = {key: torch.tensor(np.asarray(value)) for key, value in inputs_of(reference).items()}
    stepper, losses = optimizer(oracle.parameters()), []
    for _ in expected:
        stepper.zero_grad()
        loss = oracle(**inputs, labels=torch.tensor(reference["labels"])).loss
        losses.append(float(loss.detach()))
        loss.backward()
        stepper.step()
    near = [abs(a - b) <= max(1e-4, 1e-4 * abs(b)) for a, b in zip(losses, expected, strict=True)]
    assert all(near[: PINNED_LOSSES[name]])
    assert not all(near[: PINNED_LOSSES[name] + 2])
