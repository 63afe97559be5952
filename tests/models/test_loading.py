"""Reading directories of every shape: prefixes, labels, precisions, shards, the hub's cache, wrong configs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx, serialization
from reference_checkpoints import ALL, Checkpoint, assert_close, inputs_of, mask_of
from safetensors.numpy import load_file, save_file

import amharic_tl as atl
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import BadInputError, ConfigError, MissingInputError
from amharic_tl.models.finite import refuse_non_finite

BY_NAME = {f"{found.model.name}/{found.variant}": found for found in ALL}
HEAD = {f"classifier.{part}.{leaf}" for part in ("dense", "out_proj") for leaf in ("weight", "bias")}


@pytest.fixture
def classifier(tiny_base: Path, tmp_path: Path) -> Path:
    """A directory with a head of three named classes."""
    model = atl.from_pretrained(str(tiny_base), "sequence-classification", labels=["ሀ", "ለ", "መ"], seed=1)
    return atl.save_pretrained(model, tmp_path / "classifier")


def _value(model: Any, name: str) -> np.ndarray:
    return np.asarray(atl.named_parameters(model)[name].value())


def _edit(folder: Path, target: Path, **changes: Any) -> Path:
    """A copy of a directory with other values in its config; a value of None takes the key out."""
    shutil.copytree(folder, target)
    config = json.loads((target / "config.json").read_text()) | changes
    config = {key: value for key, value in config.items() if value is not None}
    (target / "config.json").write_text(json.dumps(config))
    return target


@pytest.mark.parametrize("variant", ["safetensors", "flax"])
def test_a_backbone_gets_a_head_and_a_head_gives_up_its_backbone(variant: str, checkpoints_dir: Path) -> None:
    base = checkpoints_dir / "bert-base-model" / variant
    tuned = atl.from_pretrained(str(base), "sequence-classification")
    assert set(tuned.load_report.newly_initialised) == {"classifier.weight", "classifier.bias"}
    assert tuned.load_report.dropped == ()
    backbone = atl.from_pretrained(str(base))
    name = "encoder.layer.1.intermediate.dense.weight"
    np.testing.assert_array_equal(_value(tuned, f"bert.{name}"), _value(backbone, name))

    masked = checkpoints_dir / "bert-mlm" / variant
    backbone = atl.from_pretrained(str(masked))
    assert set(backbone.load_report.newly_initialised) == {"pooler.dense.weight", "pooler.dense.bias"}
    assert len(backbone.load_report.dropped) == 5
    whole = atl.from_pretrained(str(masked), "masked-lm")
    np.testing.assert_array_equal(_value(backbone, name), _value(whole, f"bert.{name}"))


def test_what_old_names_leave_over_is_listed_once(checkpoints_dir: Path) -> None:
    report = atl.from_pretrained(
        str(checkpoints_dir / "bert-mlm" / "safetensors-legacy-names"), "masked-lm"
    ).load_report
    assert report.newly_initialised == ()
    assert set(report.dropped) == {
        "bert.embeddings.position_ids",
        "bert.pooler.dense.bias",
        "bert.pooler.dense.weight",
        "cls.predictions.bias",  # the decoder's, by its older name
        "cls.predictions.decoder.weight",
        "cls.seq_relationship.bias",
        "cls.seq_relationship.weight",
    }


def test_labels_in_another_order_take_their_rows_along(classifier: Path) -> None:
    kept = atl.from_pretrained(str(classifier), "sequence-classification", labels=["ሀ", "ለ", "መ"])
    moved = atl.from_pretrained(str(classifier), "sequence-classification", labels=["መ", "ሀ", "ለ"])
    assert moved.load_report.newly_initialised == kept.load_report.newly_initialised == ()
    for leaf in ("weight", "bias"):
        name = f"classifier.out_proj.{leaf}"
        np.testing.assert_array_equal(_value(moved, name), _value(kept, name)[[2, 0, 1]])
    assert moved.hf_config["id2label"] == {"0": "መ", "1": "ሀ", "2": "ለ"}


def test_other_labels_draw_the_head_anew(classifier: Path) -> None:
    for labels in (["ሀ", "ለ", "ሐ"], ["ሀ", "ለ"], ["ሀ", "ለ", "መ", "ሐ"]):
        model = atl.from_pretrained(str(classifier), "sequence-classification", labels=labels)
        assert set(model.load_report.newly_initialised) == HEAD == set(model.load_report.dropped)
        assert model(jnp.asarray([[0, 7, 2]])).logits.shape == (1, len(labels))
    assert atl.from_pretrained(str(classifier), "sequence-classification").load_report.newly_initialised == ()


def test_half_a_head_is_drawn_whole(classifier: Path) -> None:
    tensors = load_file(classifier / "model.safetensors")
    kept = {name: array for name, array in tensors.items() if not name.startswith("classifier.dense.")}
    save_file(kept, classifier / "model.safetensors")
    report = atl.from_pretrained(str(classifier), "sequence-classification").load_report
    assert set(report.newly_initialised) == HEAD
    assert set(report.dropped) == {name for name in HEAD if "out_proj" in name}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(value: float, classifier: Path) -> None:
    tensors = load_file(classifier / "model.safetensors")
    name = "roberta.encoder.layer.1.output.dense.weight"
    tensors[name][3, 5] = value
    save_file(tensors, classifier / "model.safetensors")
    model = atl.from_pretrained(str(classifier), "sequence-classification")
    with pytest.raises(BadInputError, match=r"here.* not finite.*encoder\.layer\.1\.output\.dense\.weight"):
        refuse_non_finite(model, "here")


def test_a_dtype_that_is_none_is_refused(tiny_base: Path) -> None:
    for dtype in ("float33", "int32", 7.5):
        with pytest.raises(ConfigError, match="dtype: expected a floating-point type"):
            atl.from_pretrained(str(tiny_base), dtype=dtype)


def test_classes_without_names_fit_as_many_labels(classifier: Path, tmp_path: Path) -> None:
    unnamed = {"id2label": {str(index): f"LABEL_{index}" for index in range(3)}}
    folder = _edit(classifier, tmp_path / "unnamed", **unnamed)
    kept = atl.from_pretrained(str(folder), "sequence-classification", labels=["a", "b", "c"])
    assert kept.load_report.newly_initialised == ()
    assert (
        set(
            atl.from_pretrained(str(folder), "sequence-classification", labels=["a", "b"]).load_report.newly_initialised
        )
        == HEAD
    )


def test_a_new_head_depends_on_the_seed_alone(tiny_base: Path) -> None:
    def drawn(seed: int) -> np.ndarray:
        model = atl.from_pretrained(str(tiny_base), "sequence-classification", labels=["a", "b"], seed=seed)
        return _value(model, "classifier.dense.weight")

    np.testing.assert_array_equal(drawn(0), drawn(0))
    assert np.abs(drawn(0) - drawn(1)).max() > 1e-3
    config = json.loads((tiny_base / "config.json").read_text())
    random = atl.from_config(config, "sequence-classification", labels=["a", "b"], seed=0)
    np.testing.assert_array_equal(drawn(0), _value(random, "classifier.dense.weight"))


def test_random_weights_are_drawn_as_hugging_face_draws_them() -> None:
    config = {
        "model_type": "bert",
        "vocab_size": 500,
        "hidden_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
    }
    config |= {"intermediate_size": 128, "max_position_embeddings": 64, "initializer_range": 0.05}
    views = atl.named_parameters(atl.from_config(config, "masked-lm", seed=5))
    drawn = {}
    for name, view in views.items():
        value = np.asarray(view.value())
        if value.ndim > 1 and value.size > 1000:
            assert abs(value.std() - 0.05) < 0.005, name
            drawn[value.tobytes()] = name
        elif name.endswith("bias"):
            assert not value.any(), name
        elif "LayerNorm" in name:
            assert (value == 1).all(), name
    # No two parameters, and no two layers of one, are alike.
    assert len(drawn) == sum(view.size > 1000 and len(view.shape) > 1 for view in views.values())


def test_precisions(tiny_base: Path, tmp_path: Path) -> None:
    rounded = str(atl.save_pretrained(atl.from_pretrained(str(tiny_base), "masked-lm"), tmp_path, dtype="bfloat16"))

    def what(**settings: Any) -> tuple[set[str], str]:
        model = atl.from_pretrained(rounded, "masked-lm", **settings)
        return {str(view.dtype) for view in atl.named_parameters(model).values()}, model.compute_dtype

    assert what() == ({"bfloat16"}, "float32")
    assert what(dtype="float32") == ({"float32"}, "float32")
    assert what(dtype="bfloat16") == ({"bfloat16"}, "bfloat16")
    assert what(dtype="float32", compute_dtype="bfloat16") == ({"float32"}, "bfloat16")
    with pytest.raises(ConfigError, match="float16"):
        what(compute_dtype="float16")


def test_layers_of_different_precision_share_the_wider_one(tiny_base: Path, tmp_path: Path) -> None:
    folder = _edit(tiny_base, tmp_path / "mixed")
    tensors = load_file(folder / "model.safetensors")
    name = "roberta.encoder.layer.{}.output.dense.weight"
    tensors[name.format(0)] = tensors[name.format(0)].astype(jnp.bfloat16)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    model = atl.from_pretrained(str(folder), "masked-lm")
    for layer in range(4):
        np.testing.assert_array_equal(_value(model, name.format(layer)), tensors[name.format(layer)].astype(np.float32))


@pytest.mark.parametrize(
    "name",
    [
        "bert-mlm/flax-sharded",
        "xlmr-seqcls/safetensors",
        "t5-relu-tied/flax-sharded",
        "mbart-seq2seq/safetensors",
        "gpt2-lm/safetensors",
    ],
)
def test_a_mesh_changes_nothing_even_where_it_divides_nothing(name: str, checkpoints_dir: Path) -> None:
    checkpoint: Checkpoint = BY_NAME[name]
    mesh = make_mesh(1, 4, 2)
    sharded, whole = checkpoint.load(mesh=mesh), checkpoint.load()
    views = atl.named_parameters(whole)
    for name, view in atl.named_parameters(sharded).items():
        assert set(view.stored.sharding.mesh.axis_names) == {"data", "fsdp", "tensor"}
        np.testing.assert_array_equal(np.asarray(view.value()), np.asarray(views[name].value()))
    reference = checkpoint.reference()
    with jax.set_mesh(mesh):
        logits = nnx.jit(lambda m, x: m(**x).logits)(sharded, inputs_of(reference))
    mask = mask_of(reference) if reference["logits"].ndim == 3 else None
    assert_close(logits, reference["logits"], mask, "logits")


def _shard(folder: Path) -> dict[str, Any]:
    """Splits a directory's weights over two files and returns the index."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, held in parts.items():
        save_file({name: tensors[name] for name in held}, folder / file, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: file for file, held in parts.items() for name in held}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return index


def test_the_index_says_which_shard_a_tensor_is_taken_from(tiny_base: Path, tmp_path: Path) -> None:
    folder = _edit(tiny_base, tmp_path / "sharded")
    name = "roberta.embeddings.LayerNorm.bias"
    index = _shard(folder)
    owner = index["weight_map"][name]
    other = ({"a.safetensors", "b.safetensors"} - {owner}).pop()
    tensors = load_file(folder / other)
    save_file({**tensors, name: np.full(32, 9, np.float32)}, folder / other, metadata={"format": "pt"})
    model = atl.from_pretrained(str(folder), "masked-lm")
    np.testing.assert_array_equal(_value(model, name), load_file(folder / owner)[name])
    kept = {key: value for key, value in load_file(folder / owner).items() if key != name}
    save_file(kept, folder / owner, metadata={"format": "pt"})
    with pytest.raises(BadInputError, match=rf"promises 1 tensors.*{name} \(in {owner}\)"):
        atl.from_pretrained(str(folder), "masked-lm")


@pytest.mark.parametrize("text", ["{", "[]", '{"weight_map": 3}', '{"weight_map": {"a": ["b"]}}', "{}", "[" * 100_000])
def test_an_index_that_is_none_is_refused(text: str, tiny_base: Path, tmp_path: Path) -> None:
    folder = _edit(tiny_base, tmp_path / "sharded")
    _shard(folder)
    (folder / "model.safetensors.index.json").write_text(text)
    with pytest.raises(BadInputError, match="is not an index"):
        atl.from_pretrained(str(folder), "masked-lm")


def test_flax_names_are_known_without_being_announced(checkpoints_dir: Path, tmp_path: Path) -> None:
    source = checkpoints_dir / "bert-mlm" / "flax-safetensors"
    folder = _edit(source, tmp_path / "unsaid")
    save_file(load_file(folder / "model.safetensors"), folder / "model.safetensors")
    name = "bert.encoder.layer.0.output.dense.weight"
    unsaid, said = (atl.from_pretrained(str(f), "masked-lm") for f in (folder, source))
    np.testing.assert_array_equal(_value(unsaid, name), _value(said, name))


def test_an_outer_params_level_is_taken_off(checkpoints_dir: Path, tmp_path: Path) -> None:
    folder = _edit(checkpoints_dir / "bert-seqcls" / "flax", tmp_path / "outer")
    path = folder / "flax_model.msgpack"
    path.write_bytes(serialization.msgpack_serialize({"params": serialization.msgpack_restore(path.read_bytes())}))
    assert atl.from_pretrained(str(folder), "sequence-classification").load_report.newly_initialised == ()


@pytest.mark.parametrize("tree", [{"bert": [1, 2]}, {"bert": {"a": "text"}}, 3, {"params": None}])
def test_a_tree_of_other_things_is_refused(tree: Any, checkpoints_dir: Path, tmp_path: Path) -> None:
    folder = _edit(checkpoints_dir / "bert-seqcls" / "flax", tmp_path / "tree")
    (folder / "flax_model.msgpack").write_bytes(serialization.msgpack_serialize(tree))
    with pytest.raises(BadInputError, match="expected"):
        atl.from_pretrained(str(folder), "sequence-classification")


def test_all_wrong_shapes_are_named_together(tiny_base: Path, tmp_path: Path) -> None:
    folder = _edit(tiny_base, tmp_path / "wide", intermediate_size=48)
    with pytest.raises(BadInputError) as caught:
        atl.from_pretrained(str(folder), "masked-lm")
    message = str(caught.value)
    assert "12 tensors have other shapes" in message
    assert "expected (48, 32), found (64, 32)" in message
    assert "and 2 more" in message


def test_whole_numbers_are_no_weights(tiny_base: Path, tmp_path: Path) -> None:
    folder = _edit(tiny_base, tmp_path / "whole")
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.bias"] = tensors["lm_head.bias"].astype(np.int32)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadInputError, match="lm_head.bias holds int32"):
        atl.from_pretrained(str(folder), "masked-lm")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model_type", ["roberta"]),
        ("hidden_size", 0),
        ("hidden_size", True),
        ("num_hidden_layers", -1),
        ("num_attention_heads", 0),
        ("vocab_size", "many"),
        ("intermediate_size", 64.0),
        ("max_position_embeddings", "a" * 1000),
        ("type_vocab_size", -1),
        ("layer_norm_eps", "small"),
        ("hidden_dropout_prob", 1.5),
        ("attention_probs_dropout_prob", "none"),
        ("pad_token_id", -1),
        ("hidden_act", ["gelu"]),
        ("is_decoder", "yes"),
        ("tie_word_embeddings", 1),
        ("id2label", ["a", "b"]),
        ("id2label", {"a": 0, "b": 1}),
        ("num_labels", 0),
    ],
)
def test_a_wrong_value_in_a_config_is_named(key: str, value: Any, tiny_base: Path, tmp_path: Path) -> None:
    folder = _edit(tiny_base, tmp_path / "wrong", **{key: value})
    with pytest.raises(BadInputError, match=key) as caught:
        atl.from_pretrained(str(folder), "sequence-classification")
    assert len(str(caught.value)) < 600


def test_a_config_may_leave_out_what_has_a_default(tiny_base: Path, tmp_path: Path) -> None:
    folder = _edit(tiny_base, tmp_path / "short", pad_token_id=None, initializer_range=None)
    ids = jnp.asarray([[0, 7, 8, 2, 1, 1]])
    ours, before = (atl.from_pretrained(str(f), "masked-lm")(ids).logits for f in (folder, tiny_base))
    np.testing.assert_array_equal(ours, before)
    with pytest.raises(BadInputError, match="lacks hidden_size"):
        atl.from_pretrained(str(_edit(tiny_base, tmp_path / "shorter", hidden_size=None)), "masked-lm")


def test_an_input_longer_than_the_positions_is_refused(tiny_base: Path) -> None:
    model = atl.from_pretrained(str(tiny_base), "masked-lm")
    assert model(jnp.full((1, 64), 7)).logits.shape[1] == model.max_positions == 64
    with pytest.raises(BadInputError, match="65 tokens wide, but the model has 64"):
        model(jnp.full((1, 65), 7))


def test_safetensors_go_before_flax(tiny_base: Path, tmp_path: Path) -> None:
    folder = _edit(tiny_base, tmp_path / "both")
    (folder / "flax_model.msgpack").write_bytes(b"not read")
    assert "safetensors" in atl.from_pretrained(str(folder), "masked-lm").load_report.source


def test_a_task_that_is_none_is_refused(tiny_base: Path) -> None:
    with pytest.raises(ConfigError, match="sequence-classification, masked-lm"):
        atl.from_pretrained(str(tiny_base), "poetry")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's client, which is offline."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def _cache(hub: Path, name: str, revision: str, source: Path) -> None:
    repository = hub / f"models--{name.replace('/', '--')}"
    commit = "0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(source, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / revision).write_text(commit)


def test_a_cached_model_of_the_hub_loads_offline(hub_cache: Path, tiny_base: Path, checkpoints_dir: Path) -> None:
    _cache(hub_cache, "someone/tiny", "main", tiny_base)
    _cache(hub_cache, "someone/flax", "v2", checkpoints_dir / "bert-mlm" / "flax")
    assert atl.from_pretrained("someone/tiny", "masked-lm").load_report.newly_initialised == ()
    _cache(hub_cache, "someone/torch", "main", checkpoints_dir / "xlmr-mlm" / "pytorch-bin")
    assert "msgpack" in atl.from_pretrained("someone/flax@v2", "masked-lm").load_report.source
    assert "torch.save" in atl.from_pretrained("someone/torch", "masked-lm").load_report.source
    for name in ("someone/flax", "someone/other", "someone/tiny@v3"):
        with pytest.raises(MissingInputError, match="could not be fetched"):
            atl.from_pretrained(name, "masked-lm")
