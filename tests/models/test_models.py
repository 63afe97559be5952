"""What models do beyond parity: runs, gathered positions, dropout, sharding, and refusals."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import amharic_tl as atl
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import AmharicTLError, BadInputError, MissingInputError, UnsafeInputError
from amharic_tl.models.stack import Stack

IDS = jnp.asarray([[0, 7, 8, 9, 2, 1], [0, 10, 11, 2, 1, 1]], jnp.int32)
MASK = (IDS != 1).astype(jnp.int32)


@pytest.fixture
def model(tiny_base: Path) -> nnx.Module:
    return atl.from_pretrained(str(tiny_base), "masked-lm")


def test_regrouping_changes_no_output_and_no_name(model: nnx.Module) -> None:
    @nnx.jit
    def outputs(model: nnx.Module) -> tuple[Any, jax.Array]:
        dropped = model(IDS, attention_mask=MASK, dropout_key=jax.random.key(1)).logits
        return model(IDS, attention_mask=MASK, output_hidden_states=True), dropped

    before, dropped = outputs(model)
    names = list(atl.named_parameters(model))
    for signature in ([0, 1, 2, 3], [0, 1, 1, 0], [0, 0, 0, 0]):
        model.encoder.regroup(signature)
        assert len(model.encoder.spans) == 1 + sum(a != b for a, b in zip(signature, signature[1:], strict=False))
        after, again = outputs(model)
        np.testing.assert_allclose(after.logits, before.logits, atol=1e-5)
        assert len(after.hidden_states) == 5
        assert list(atl.named_parameters(model)) == names
        np.testing.assert_allclose(again, dropped, atol=1e-5)
    with pytest.raises(ValueError, match="4 signatures"):
        model.encoder.regroup([0])


def test_gathered_positions_are_those_of_the_full_logits(model: nnx.Module) -> None:
    positions = jnp.asarray([[1, 3], [2, 0]])
    full = model(IDS, attention_mask=MASK).logits
    some = model(IDS, attention_mask=MASK, masked_positions=positions).logits
    np.testing.assert_allclose(some, jnp.take_along_axis(full, positions[..., None], axis=1), atol=1e-5)


def test_dropout_follows_its_key_and_is_off_without_one(model: nnx.Module) -> None:
    run = nnx.jit(lambda model, key: model(IDS, attention_mask=MASK, dropout_key=key).logits)

    def logits(key: jax.Array | None) -> np.ndarray:
        return np.asarray(run(model, key))

    np.testing.assert_array_equal(logits(None), logits(None))
    np.testing.assert_array_equal(logits(jax.random.key(0)), logits(jax.random.key(0)))
    assert np.abs(logits(jax.random.key(0)) - logits(jax.random.key(1))).max() > 1e-3


def test_padding_changes_nothing_and_a_row_of_padding_is_finite(model: nnx.Module) -> None:
    longer = jnp.pad(IDS, ((0, 0), (0, 4)), constant_values=1)
    short = model(IDS, attention_mask=MASK).logits
    padded = model(longer, attention_mask=(longer != 1).astype(jnp.int32)).logits[:, : IDS.shape[1]]
    np.testing.assert_allclose(np.where(MASK[..., None], short, 0), np.where(MASK[..., None], padded, 0), atol=1e-4)
    empty = model(IDS, attention_mask=jnp.zeros_like(MASK)).logits
    assert np.isfinite(np.asarray(empty)).all()


def test_sharded_loading_gives_the_same_model(tiny_base: Path) -> None:
    mesh = make_mesh(2, 2, 2)
    sharded = atl.from_pretrained(str(tiny_base), "masked-lm", mesh=mesh)
    whole = atl.from_pretrained(str(tiny_base), "masked-lm")
    weights = atl.named_parameters(sharded)
    name = "roberta.encoder.layer.1.intermediate.dense.weight"
    assert {shard.data.shape for shard in weights[name].stored.addressable_shards} == {(4, 32, 16)}
    for name, view in atl.named_parameters(whole).items():
        np.testing.assert_array_equal(np.asarray(weights[name].value()), np.asarray(view.value()))
    with jax.set_mesh(mesh):
        np.testing.assert_allclose(
            sharded(IDS, attention_mask=MASK).logits, whole(IDS, attention_mask=MASK).logits, atol=1e-5
        )


def test_names_reach_gradients_and_moments(model: nnx.Module) -> None:
    graphdef, state = nnx.split(model)
    gradients = jax.grad(lambda s: nnx.merge(graphdef, s, copy=True)(IDS, attention_mask=MASK).logits.sum())(state)
    moments = optax.adam(1e-3).init(state)
    names = list(atl.named_parameters(model))
    assert list(atl.named_parameters(gradients)) == names
    assert list(atl.named_parameters(moments[0].mu)) == names
    assert atl.named_parameters(gradients)["roberta.encoder.layer.2.output.dense.bias"].layer == 2


def test_a_head_is_drawn_only_where_it_must_be(tiny_base: Path, tmp_path: Path) -> None:
    three = atl.from_pretrained(str(tiny_base), "sequence-classification", labels=["ሀ", "ለ", "መ"], seed=1)
    assert set(three.load_report.newly_initialised) == {
        f"classifier.{part}.{leaf}" for part in ("dense", "out_proj") for leaf in ("weight", "bias")
    }
    assert any(name.startswith("lm_head") for name in three.load_report.dropped)
    atl.save_pretrained(three, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["label2id"] == {"ሀ": 0, "ለ": 1, "መ": 2}
    again = atl.from_pretrained(str(tmp_path), "sequence-classification", labels=["ሀ", "ለ", "መ"])
    assert again.load_report.newly_initialised == ()
    other = atl.from_pretrained(str(tmp_path), "sequence-classification", labels=["ሀ", "ለ"])
    assert len(other.load_report.newly_initialised) == 4
    backbone = atl.from_pretrained(str(tmp_path))
    assert set(backbone.load_report.newly_initialised) == {"pooler.dense.weight", "pooler.dense.bias"}
    name = "encoder.layer.0.output.dense.weight"
    np.testing.assert_array_equal(
        np.asarray(atl.named_parameters(backbone)[name].value()),
        np.asarray(atl.named_parameters(again)[f"roberta.{name}"].value()),
    )


def test_an_untied_head_has_a_table_of_its_own(tiny_base: Path, tmp_path: Path) -> None:
    config = json.loads((tiny_base / "config.json").read_text()) | {"tie_word_embeddings": False}
    model = atl.from_config(config, "masked-lm")
    assert "lm_head.decoder.weight" in atl.named_parameters(model)
    atl.save_pretrained(model, tmp_path)
    assert atl.from_pretrained(str(tmp_path), "masked-lm").load_report.newly_initialised == ()


def test_a_stack_without_layers_is_the_identity() -> None:
    stack = Stack(lambda key: nnx.Module(), 0, jax.random.key(0))
    x = jnp.ones((1, 2, 3))
    np.testing.assert_array_equal(stack(x)[0], x)


def _edit_config(**changes: object) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text()) | changes
        (folder / "config.json").write_text(json.dumps(config))

    return harm


def _rename(old: str, new: str) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        from safetensors.numpy import load_file, save_file

        tensors = load_file(folder / "model.safetensors")
        if new:
            tensors[new] = tensors[old]
        del tensors[old]
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    return harm


def _truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _absurd_header(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes((2**60).to_bytes(8, "little") + b"{}")


def _index(name: str) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))

    return harm


def _msgpack(data: bytes) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "flax_model.msgpack").write_bytes(data)

    return harm


def _misnamed(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _pickle(name: str) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / name).write_bytes(b"\x80\x02cos\nsystem\n(X\x04\x00\x00\x00exittR.")
        index = {"weight_map": {"a": name}}
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))

    return harm


def _pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


WEIGHT = "roberta.encoder.layer.1.output.dense.weight"


@pytest.mark.parametrize(
    ("harm", "error", "said"),
    [
        (_edit_config(model_type="gpt9"), BadInputError, "gpt9"),
        (_edit_config(hidden_act="sinus"), BadInputError, "sinus"),
        (_edit_config(position_embedding_type="relative_key"), BadInputError, "relative_key"),
        (_edit_config(is_decoder=True), BadInputError, "encoder only"),
        (_edit_config(num_attention_heads=5), BadInputError, "does not divide"),
        (_edit_config(vocab_size="many"), BadInputError, "vocab_size"),
        (_edit_config(intermediate_size=48), BadInputError, "(32, 48)"),
        (_edit_config(num_hidden_layers=5), BadInputError, "roberta.encoder.layer.4"),
        (_edit_config(num_hidden_layers=3), BadInputError, "roberta.encoder.layer.3"),
        (_rename(WEIGHT, ""), BadInputError, WEIGHT),
        (_rename("lm_head.bias", "lm_heat.bias"), BadInputError, "lm_heat.bias"),
        (_truncate, BadInputError, "not a whole safetensors file"),
        (_absurd_header, BadInputError, "not a whole safetensors file"),
        (_index("../model-00001-of-00001.safetensors"), UnsafeInputError, "nothing was read"),
        (_index("/etc/passwd"), UnsafeInputError, "nothing was read"),
        (_index("model-00002-of-00002.safetensors"), MissingInputError, "model-00002-of-00002"),
        (_msgpack(b"\xdf\xff\xff\xff\xff"), BadInputError, "not a whole Flax msgpack"),
        (_msgpack(b"\x81\xa1a" * 200_000), BadInputError, "not a whole Flax msgpack"),
        (_msgpack(b""), BadInputError, "not a whole Flax msgpack"),
        (_misnamed, BadInputError, "is no pickle of torch"),
        (_pickle("pytorch_model.bin"), UnsafeInputError, "asks for os.system"),
        (_pickle("pytorch_model-00001-of-00001.bin"), UnsafeInputError, "asks for os.system"),
        (_pointer, BadInputError, "git lfs pull"),
        (lambda folder: (folder / "model.safetensors").unlink(), MissingInputError, "no weights"),
        (lambda folder: (folder / "config.json").unlink(), MissingInputError, "config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), BadInputError, "not valid JSON"),
    ],
)  # fmt: skip
def test_a_harmed_checkpoint_is_refused_by_name(
    harm: Callable[[Path], None], error: type[AmharicTLError], said: str, tiny_base: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_base, folder)
    harm(folder)
    with pytest.raises(error) as caught:
        atl.from_pretrained(str(folder), "masked-lm")
    assert said in str(caught.value)


def test_a_name_that_is_nothing_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="amharic-tiny"):
        atl.from_pretrained("amharic-tinny")
    with pytest.raises(MissingInputError, match="hub"):
        atl.from_pretrained("nobody/no-such-model")
