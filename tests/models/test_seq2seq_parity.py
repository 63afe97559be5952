"""Encoder-decoders: both towers' hidden states against Hugging Face's numbers, step-by-step decoding, the decoder's
input, saved buffers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from reference_checkpoints import ALL, MODELS, Checkpoint, assert_close, inputs_of, mask_of
from safetensors.numpy import load_file, save_file

import amharic_tl as atl
from amharic_tl.config import TransferConfig
from amharic_tl.errors import BadInputError
from amharic_tl.models.encoder_decoder import shift_right
from amharic_tl.models.layers import Buffer
from amharic_tl.models.naming import named_tensors
from amharic_tl.transfer.plan import make_plan

FORMS = [found for found in ALL if found.task == "seq2seq-lm"]
SEQ2SEQ = [found for found in MODELS if found.task == "seq2seq-lm"]
DECODING = [found for found in MODELS if found.model.name in ("gpt2-lm", "xglm-lm")] + SEQ2SEQ
# Positions (row, place) where rounding is magnified so much that Hugging Face's float32 numbers are farther from its
# own float64 ones than the bound allows (test_seq2seq_oracle.py compares with those).
MAGNIFIED = {"t5-relu-tied": (0, 2)}


def _name(found: Checkpoint) -> str:
    return f"{found.model.name}/{found.variant}"


def _model_name(found: Checkpoint) -> str:
    return found.model.name


def test_the_known_checkpoints_were_found(checkpoints_dir: Path) -> None:
    forms = {(c.model.name, c.variant) for c in FORMS}
    assert {("t5-relu-tied", v) for v in ("safetensors", "safetensors-sharded", "flax", "flax-sharded")} <= forms
    assert {("mt5-gated-untied", v) for v in ("safetensors", "safetensors-sharded", "flax", "flax-sharded")} <= forms
    assert {("mbart-seq2seq", v) for v in ("safetensors", "flax")} <= forms
    assert {"v5-t5-tied", "v5-umt5-seq2seq", "v5-m2m100-nllb"} <= {name for name, _ in forms}
    gpt2 = {c.variant for c in ALL if c.model.name == "gpt2-lm"}
    assert {"safetensors", "safetensors-sharded", "flax", "flax-sharded", "safetensors-hub-gpt2-names"} <= gpt2
    assert {"safetensors", "flax"} <= {c.variant for c in ALL if c.model.name == "xglm-lm"}


@pytest.mark.parametrize("checkpoint", FORMS, ids=_name)
def test_hidden_states_of_both_towers_equal_the_reference(checkpoint: Checkpoint) -> None:
    reference = checkpoint.reference()
    output = nnx.jit(lambda m, x: m(**x, output_hidden_states=True))(checkpoint.load(), inputs_of(reference))
    encoder_mask, mask = reference["attention_mask"], mask_of(reference).copy()
    if checkpoint.model.name in MAGNIFIED:
        mask[MAGNIFIED[checkpoint.model.name]] = 0
    for what, found, kept in (
        ("encoder_last_hidden_state", output.encoder_last_hidden_state, encoder_mask),
        ("encoder_hidden_states", np.stack(output.encoder_hidden_states), encoder_mask),
        ("decoder_hidden_states", np.stack(output.hidden_states), mask),
    ):
        assert_close(found, reference[what], kept, what)


@pytest.mark.parametrize("checkpoint", DECODING, ids=_model_name)
def test_decoding_in_pieces_gives_the_logits_of_the_whole(checkpoint: Checkpoint) -> None:
    reference = checkpoint.reference()
    model, inputs = checkpoint.load(), inputs_of(reference)
    ids = inputs.get("decoder_input_ids", inputs["input_ids"])
    mask = jnp.asarray(mask_of(reference), jnp.int32)
    cross: dict[str, Any] = {}
    if "decoder_input_ids" in inputs:
        hidden = model.encode(inputs["input_ids"], inputs["attention_mask"])
        cross = {"cross": model.cross_cache(hidden), "encoder_mask_BS": inputs["attention_mask"]}
    # The cache has more room than it needs; what lies behind the tokens must not count.
    room = ids.shape[1] + 3
    key_mask = jnp.pad(mask, ((0, 0), (0, 3)), constant_values=1)
    cache = model.empty_cache(len(ids), room, jnp.float32)
    assert {leaf.shape[:3] for leaf in jax.tree.leaves(cache)} == {(cache["keys"].shape[0], len(ids), room)}
    decode = nnx.jit(lambda m, *arguments, **named: m.decode(*arguments, **named))
    pieces = []
    bounds = [0, 5, 6, 7, 9, ids.shape[1]]
    for start, stop in zip(bounds, bounds[1:], strict=False):
        positions = jnp.broadcast_to(jnp.arange(start, stop), (len(ids), stop - start))
        logits, cache = decode(
            model,
            ids[:, start:stop],
            cache,
            start=jnp.int32(start),
            key_mask_BT=key_mask,
            positions_BS=positions,
            **cross,
        )
        pieces.append(logits)
    assert_close(np.concatenate(pieces, axis=1), reference["logits"], mask_of(reference), "logits")


@pytest.mark.parametrize("checkpoint", SEQ2SEQ, ids=_model_name)
def test_labels_become_the_decoders_input(checkpoint: Checkpoint) -> None:
    reference = checkpoint.reference()
    model = checkpoint.load()
    pad, start = model.hf_config["pad_token_id"], model.hf_config["decoder_start_token_id"]
    labels = jnp.asarray(reference["labels"], jnp.int32)
    np.testing.assert_array_equal(shift_right(labels, pad, start), reference["decoder_input_ids"])
    made = model.decoder_inputs(labels)
    if model.hf_config["model_type"] == "mbart":
        last = [row[row >= 0][-1] for row in reference["labels"]]
        np.testing.assert_array_equal(made[:, 0], last)
        np.testing.assert_array_equal(made[:, 1:], reference["decoder_input_ids"][:, 1:])
    else:
        np.testing.assert_array_equal(made, reference["decoder_input_ids"])
    with pytest.raises(BadInputError, match="decoder_input_ids"):
        model(labels)


def _edited(source: Path, folder: Path, tensors: dict[str, np.ndarray] | None = None, **changes: Any) -> Path:
    """A copy of a directory with other weights and other values in its config."""
    shutil.copytree(source, folder)
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    if tensors is not None:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _logits(folder: Path, checkpoint: Checkpoint) -> np.ndarray:
    model = atl.from_pretrained(str(folder), "seq2seq-lm")
    assert not model.load_report.newly_initialised
    return np.asarray(model(**inputs_of(checkpoint.reference())).logits)


T5 = {found.model.name: found for found in SEQ2SEQ}


@pytest.mark.parametrize(
    ("name", "changes", "scaled"),
    [
        # As transformers 4 wrote them: what is tied is scaled, of every kind.
        ("t5-relu-tied", {}, True),
        ("t5-relu-tied", {"model_type": "mt5", "tie_word_embeddings": True}, True),
        ("t5-relu-tied", {"tie_word_embeddings": False}, False),
        ("mt5-gated-untied", {}, False),
        # As transformers 5 writes them: tied in any case.
        ("v5-t5-tied", {}, True),
        ("v5-t5-tied", {"scale_decoder_outputs": False}, False),
        ("v5-t5-tied", {"model_type": "mt5"}, False),
        ("v5-umt5-seq2seq", {}, True),
        ("v5-umt5-seq2seq", {"tie_word_embeddings": False}, True),
    ],
)
def test_t5_scales_its_logits_as_its_config_means(
    name: str, changes: dict[str, Any], scaled: bool, tmp_path: Path
) -> None:
    checkpoint = T5[name]
    reference = checkpoint.reference()["logits"]
    width = float(checkpoint.load().hf_config["d_model"])
    ours = _logits(_edited(checkpoint.folder, tmp_path / "edited", **changes), checkpoint)
    as_written = name != "mt5-gated-untied"
    factor = 1.0 if scaled == as_written else width**0.5
    assert_close(ours, reference * factor, mask_of(checkpoint.reference()), "logits")


@pytest.mark.parametrize("name", ["v5-t5-tied", "v5-m2m100-nllb", "mbart-seq2seq"])
def test_a_stored_output_table_is_tied_only_where_it_is_the_word_table(name: str, tmp_path: Path) -> None:
    checkpoint = T5[name]
    tensors = load_file(checkpoint.folder / "model.safetensors")
    words = next(tensors[key] for key in ("shared.weight", "model.shared.weight") if key in tensors)
    expected = _logits(checkpoint.folder, checkpoint)
    same = _edited(checkpoint.folder, tmp_path / "same", tensors | {"lm_head.weight": words})
    model = atl.from_pretrained(str(same), "seq2seq-lm")
    assert model.load_report.dropped == ("lm_head.weight",)
    np.testing.assert_array_equal(_logits(same, checkpoint), expected)
    other = _edited(checkpoint.folder, tmp_path / "other", tensors | {"lm_head.weight": words * 2})
    model = atl.from_pretrained(str(other), "seq2seq-lm")
    assert "lm_head.weight" in atl.named_parameters(model)
    bias = tensors.get("final_logits_bias", np.zeros(1, np.float32))
    np.testing.assert_allclose(_logits(other, checkpoint), (expected - bias) * 2 + bias, atol=1e-5)
    again = atl.save_pretrained(model, tmp_path / "again")
    np.testing.assert_array_equal(_logits(again, checkpoint), _logits(other, checkpoint))
    flax = atl.save_pretrained(atl.from_pretrained(str(other)), tmp_path / "backbone", format="flax")
    assert atl.from_pretrained(str(flax)).load_report.newly_initialised == ()


@pytest.mark.parametrize("name", ["v5-t5-tied", "v5-m2m100-nllb"])
def test_an_alias_stands_in_for_the_word_table(name: str, tmp_path: Path) -> None:
    checkpoint = T5[name]
    tensors = load_file(checkpoint.folder / "model.safetensors")
    prefix = "model." if "model.shared.weight" in tensors else ""
    tensors[f"{prefix}decoder.embed_tokens.weight"] = tensors.pop(f"{prefix}shared.weight")
    folder = _edited(checkpoint.folder, tmp_path / "alias", tensors)
    np.testing.assert_array_equal(_logits(folder, checkpoint), _logits(checkpoint.folder, checkpoint))


def test_names_of_older_checkpoints_are_left_aside(tmp_path: Path) -> None:
    t5, nllb = T5["t5-relu-tied"], T5["v5-m2m100-nllb"]
    old = {"decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight": np.ones((16, 4), np.float32)}
    folder = _edited(t5.folder, tmp_path / "t5", load_file(t5.folder / "model.safetensors") | old)
    assert atl.from_pretrained(str(folder), "seq2seq-lm").load_report.dropped == tuple(old)
    saved = {f"model.{side}.embed_positions.weights": np.ones((66, 40), np.float32) for side in ("encoder", "decoder")}
    folder = _edited(nllb.folder, tmp_path / "nllb", load_file(nllb.folder / "model.safetensors") | saved)
    assert set(atl.from_pretrained(str(folder), "seq2seq-lm").load_report.dropped) == set(saved)


def test_a_saved_buffer_is_kept_and_is_no_parameter(tmp_path: Path) -> None:
    checkpoint = T5["mbart-seq2seq"]
    model = checkpoint.load()
    stored = load_file(checkpoint.folder / "model.safetensors")["final_logits_bias"]
    assert np.abs(stored).max() > 0
    assert "final_logits_bias" not in atl.named_parameters(model)
    np.testing.assert_array_equal(named_tensors(model)["final_logits_bias"].value(), stored)
    plan = make_plan(model, TransferConfig(method="full"), 0.1)
    assert "final_logits_bias" not in plan.rows
    assert plan.totals["parameters"] == checkpoint.manifest()["parameters"]
    _, trainable, frozen = nnx.split(model, plan.is_trainable, ...)
    leaves = [
        leaf
        for state in (trainable, frozen)
        for leaf in jax.tree.leaves(state, is_leaf=lambda x: isinstance(x, nnx.Variable))
    ]
    assert [leaf.get_metadata()["hf_name"] for leaf in leaves if isinstance(leaf, Buffer)] == ["final_logits_bias"]
    assert not any(isinstance(x, Buffer) for x in jax.tree.leaves(trainable, is_leaf=lambda x: isinstance(x, Buffer)))
    # Nor has it a gradient where everything is differentiated.
    graphdef, state = nnx.split(model)
    inputs = inputs_of(checkpoint.reference())
    gradients = jax.grad(lambda s: nnx.merge(graphdef, s, copy=True)(**inputs).logits.var())(state)
    assert not np.asarray(named_tensors(gradients)["final_logits_bias"].value()).any()
    for format in ("safetensors", "flax"):
        again = atl.from_pretrained(str(atl.save_pretrained(model, tmp_path / format, format=format)), "seq2seq-lm")
        np.testing.assert_array_equal(named_tensors(again)["final_logits_bias"].value(), stored)
    without = {k: v for k, v in load_file(checkpoint.folder / "model.safetensors").items() if k != "final_logits_bias"}
    fresh = atl.from_pretrained(str(_edited(checkpoint.folder, tmp_path / "without", without)), "seq2seq-lm")
    assert fresh.load_report.newly_initialised == ("final_logits_bias",)
    assert not np.asarray(named_tensors(fresh)["final_logits_bias"].value()).any()


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("v5-t5-tied", {"feed_forward_proj": "gated-sinus"}, "feed_forward_proj"),
        ("v5-t5-tied", {"is_decoder": True}, "is_decoder"),
        ("v5-t5-tied", {"relative_attention_num_buckets": 2}, "relative_attention_num_buckets"),
        ("v5-t5-tied", {"relative_attention_max_distance": 16}, "relative_attention_max_distance"),
        ("v5-m2m100-nllb", {"decoder_attention_heads": 3}, "decoder_attention_heads"),
        ("v5-m2m100-nllb", {"activation_function": "sinus"}, "activation_function"),
        ("mbart-seq2seq", {"is_decoder": True}, "is_decoder"),
        ("mbart-seq2seq", {"decoder_layers": None}, "decoder_layers"),
    ],
)
def test_a_config_that_is_not_supported_is_refused(
    name: str, changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    folder = _edited(T5[name].folder, tmp_path / "wrong", **changes)
    with pytest.raises(BadInputError, match=said):
        atl.from_pretrained(str(folder), "seq2seq-lm")


def test_only_a_table_of_positions_limits_the_length() -> None:
    mbart, nllb = T5["mbart-seq2seq"].load(), T5["v5-m2m100-nllb"].load()
    assert mbart.max_positions == 64
    ids = jnp.full((1, 65), 7)
    with pytest.raises(BadInputError, match="decoder_input_ids are 65 tokens wide, but the model has 64"):
        mbart(ids[:, :3], decoder_input_ids=ids)
    with pytest.raises(BadInputError, match="input_ids are 65"):
        mbart.encode(ids)
    assert nllb(ids, decoder_input_ids=ids).logits.shape == (1, 65, 475)


def test_whole_layers_are_dropped_only_in_training() -> None:
    checkpoint = T5["v5-m2m100-nllb"]
    inputs = inputs_of(checkpoint.reference())
    config = json.loads((checkpoint.folder / "config.json").read_text())
    config |= {"encoder_layerdrop": 1.0, "decoder_layerdrop": 1.0, "dropout": 0.0, "attention_dropout": 0.0}
    dropping = atl.from_config(config, "seq2seq-lm")
    key = jax.random.key(0)
    trained = dropping(**inputs, dropout_key=key, output_hidden_states=True)
    np.testing.assert_array_equal(trained.hidden_states[0], trained.hidden_states[1])
    used = dropping(**inputs, output_hidden_states=True)
    assert np.abs(np.asarray(used.hidden_states[0] - used.hidden_states[1])).max() > 1e-3
    off = atl.from_config(config, "seq2seq-lm", dropout=0.0)
    np.testing.assert_allclose(off(**inputs, dropout_key=key).logits, used.logits, atol=1e-5)
