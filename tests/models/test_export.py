"""What is written: equal when read back, named as Hugging Face names it, whole or not at all."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx, serialization
from reference_checkpoints import ALL, Checkpoint, assert_close, every_model, inputs_of, mask_of

import amharic_tl as atl
from amharic_tl.errors import CannotCreateError, ConfigError

FLAX = [found for found in ALL if found.variant == "flax"]
STORED = [found for found in ALL if found.variant in ("safetensors", "flax-bf16")]


def _name(found: Checkpoint) -> str:
    return f"{found.model.name}/{found.variant}"


def _leaves(path: Path) -> dict[str, np.ndarray]:
    tree = serialization.msgpack_restore(path.read_bytes())
    flat = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {"/".join(part.key for part in where): leaf for where, leaf in flat}


def _same(first: Any, second: Any) -> None:
    ours, theirs = atl.named_parameters(first), atl.named_parameters(second)
    assert list(ours) == list(theirs)
    for name, view in ours.items():
        assert view.dtype == theirs[name].dtype
        np.testing.assert_array_equal(np.asarray(view.value()), np.asarray(theirs[name].value()), err_msg=name)


@pytest.mark.parametrize("checkpoint", FLAX, ids=_name)
def test_a_flax_export_is_the_one_of_hugging_face(checkpoint: Checkpoint, tmp_path: Path) -> None:
    atl.save_pretrained(checkpoint.load(), tmp_path, format="flax")
    ours, theirs = _leaves(tmp_path / "flax_model.msgpack"), _leaves(checkpoint.folder / "flax_model.msgpack")
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array, err_msg=name)
    named = json.loads((checkpoint.model / "name_map.json").read_text(encoding="utf-8"))["rows"]
    assert {row["flax"] for row in named} == ours.keys()
    written = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    original = json.loads((checkpoint.folder / "config.json").read_text(encoding="utf-8"))
    assert written == original


@pytest.mark.parametrize(
    "checkpoint", [c for c in ALL if c.variant in ("safetensors-sharded", "flax-sharded")], ids=_name
)
def test_an_index_names_what_hugging_faces_names(checkpoint: Checkpoint, tmp_path: Path) -> None:
    format = "flax" if checkpoint.variant.startswith("flax") else "safetensors"
    atl.save_pretrained(checkpoint.load(), tmp_path, format=format, max_shard_bytes=90_000)
    (path,) = tmp_path.glob("*.index.json")
    ours = json.loads(path.read_text(encoding="utf-8"))
    theirs = json.loads((checkpoint.folder / path.name).read_text(encoding="utf-8"))
    assert ours["weight_map"].keys() == theirs["weight_map"].keys()
    assert ours["metadata"]["total_size"] == theirs["metadata"]["total_size"]
    assert {file.name for file in tmp_path.glob("*-of-*")} == set(ours["weight_map"].values())


@pytest.mark.parametrize("checkpoint", STORED, ids=_name)
@pytest.mark.parametrize("format", ["safetensors", "flax"])
@pytest.mark.parametrize("limit", [5_000_000_000, 60_000])
def test_an_export_loads_back_identically(checkpoint: Checkpoint, format: str, limit: int, tmp_path: Path) -> None:
    model = checkpoint.load(dtype=None)
    atl.save_pretrained(model, tmp_path, format=format, max_shard_bytes=limit)
    assert (len(list(tmp_path.glob("*.index.json"))) == 1) == (limit < 1_000_000)
    assert not list(tmp_path.glob(".*"))
    again = atl.from_pretrained(str(tmp_path), checkpoint.task)
    assert again.load_report.newly_initialised == again.load_report.dropped == ()
    _same(model, again)


@pytest.mark.slow
@every_model
@pytest.mark.parametrize("limit", [5_000_000_000, 60_000])
def test_an_export_loads_in_the_torch_class(checkpoint: Checkpoint, limit: int, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of this test")
    import transformers

    atl.save_pretrained(checkpoint.load(), tmp_path, max_shard_bytes=limit)
    oracle = getattr(transformers, checkpoint.manifest()["torch_class"])
    oracle, said = oracle.from_pretrained(tmp_path, attn_implementation="eager", output_loading_info=True)
    assert not any(said[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    reference = checkpoint.reference()
    inputs = {name: torch.tensor(np.asarray(value)) for name, value in inputs_of(reference).items()}
    with torch.no_grad():
        output = oracle.eval()(**inputs)
    name = "logits" if "logits" in reference else "last_hidden_state"
    mask = mask_of(reference) if reference[name].ndim == 3 else None
    assert_close(output[name].numpy(), reference[name], mask, name)


def test_an_export_can_be_rounded(tiny_base: Path, tmp_path: Path) -> None:
    model = atl.from_pretrained(str(tiny_base), "masked-lm")
    for format in ("safetensors", "flax"):
        atl.save_pretrained(model, tmp_path / format, format=format, dtype="bfloat16")
        again = atl.named_parameters(atl.from_pretrained(str(tmp_path / format), "masked-lm"))
        for name, view in atl.named_parameters(model).items():
            rounded = np.asarray(view.value().astype(jnp.bfloat16), np.float32)
            assert again[name].dtype == jnp.bfloat16
            np.testing.assert_array_equal(np.asarray(again[name].value(), np.float32), rounded)
        assert json.loads((tmp_path / format / "config.json").read_text())["dtype"] == "bfloat16"
    for arguments in ({"dtype": "int8"}, {"format": "pickle"}):
        with pytest.raises(ConfigError, match="expected"):
            atl.save_pretrained(model, tmp_path, **arguments)


def test_a_regrouped_model_exports_the_same_files(tiny_base: Path, tmp_path: Path) -> None:
    model = atl.from_pretrained(str(tiny_base), "masked-lm")
    atl.save_pretrained(model, tmp_path / "whole")
    model.encoder.regroup([0, 0, 1, 0])
    atl.save_pretrained(model, tmp_path / "cut")
    whole, cut = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "cut"))
    assert whole == cut


def test_a_later_save_leaves_nothing_of_an_earlier_one(tiny_base: Path, tmp_path: Path) -> None:
    model = atl.from_pretrained(str(tiny_base), "masked-lm")
    other = jax.tree.map(lambda leaf: leaf + 1, nnx.state(model))
    for format in ("safetensors", "flax"):
        folder = tmp_path / format
        atl.save_pretrained(model, folder, format=format)
        nnx.update(model, other)
        atl.save_pretrained(model, folder, format=format, max_shard_bytes=30_000)
        many = len(list(folder.iterdir()))
        _same(model, atl.from_pretrained(str(folder), "masked-lm"))
        atl.save_pretrained(model, folder, format=format, max_shard_bytes=60_000)
        assert len(list(folder.iterdir())) < many
        _same(model, atl.from_pretrained(str(folder), "masked-lm"))
        atl.save_pretrained(model, folder, format=format)
        assert len(list(folder.iterdir())) == 2


def test_the_tokenizer_travels_along(tiny_base: Path, tmp_path: Path) -> None:
    model = atl.from_pretrained(str(tiny_base), "masked-lm")
    atl.save_pretrained(model, tmp_path, tokenizer_from=tiny_base)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / name).read_bytes() == (tiny_base / name).read_bytes()
    atl.save_pretrained(model, tmp_path, tokenizer_from=tmp_path)
    assert (tmp_path / "tokenizer.json").read_bytes() == (tiny_base / "tokenizer.json").read_bytes()


@contextmanager
def _files_no_larger_than(size: int) -> Iterator[None]:
    """What a disk that is nearly full does to a large file: the write fails part of the way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("format", ["safetensors", "flax"])
def test_a_write_that_fails_leaves_the_earlier_model(format: str, tiny_base: Path, tmp_path: Path) -> None:
    model = atl.from_pretrained(str(tiny_base), "masked-lm")
    atl.save_pretrained(model, tmp_path, format=format)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    nnx.update(model, jax.tree.map(lambda leaf: leaf + 1, nnx.state(model)))
    with _files_no_larger_than(20_000), pytest.raises(CannotCreateError, match="could not write") as caught:
        atl.save_pretrained(model, tmp_path, format=format)
    assert caught.value.exit_code == 73
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_place_that_cannot_be_written_is_named(tiny_base: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    model = atl.from_pretrained(str(tiny_base), "masked-lm")
    with pytest.raises(CannotCreateError, match="file"):
        atl.save_pretrained(model, tmp_path / "file" / "below")
