"""What decoders do beyond parity: documents in one row, the cache, gathered positions, dropout, sharding, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import amharic_tl as atl
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import BadInputError, ConfigError

# Two kinds of layers: windows with one rotary base, none with another.
CONFIG = {
    "model_type": "gemma3_text",
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 24,
    "max_position_embeddings": 64,
    "sliding_window": 3,
    "sliding_window_pattern": 2,
    "query_pre_attn_scalar": 8,
    "initializer_range": 0.4,
}
IDS = jnp.asarray(np.random.default_rng(0).integers(1, 50, (2, 9)), jnp.int32)


@pytest.fixture(scope="module")
def model() -> Any:
    return atl.from_config(CONFIG, "causal-lm", seed=1)


@pytest.fixture(scope="module")
def logits(model: Any) -> np.ndarray:
    return np.asarray(nnx.jit(lambda m: m(IDS).logits)(model))


def test_a_token_sees_nothing_after_it(model: Any, logits: np.ndarray) -> None:
    changed = model(IDS.at[:, 6].set((IDS[:, 6] + 1) % 50)).logits
    np.testing.assert_allclose(changed[:, :6], logits[:, :6], atol=1e-5)
    assert (np.abs(changed - logits)[:, 6:].max(axis=-1) > 1e-3).all()


def test_documents_packed_into_a_row_are_as_if_alone(model: Any) -> None:
    segments = jnp.asarray([[1, 1, 1, 1, 2, 2, 3, 0, 0]])
    packed = model(IDS[:1], segment_ids=segments).logits
    places = jnp.asarray([[0, 1, 2, 3, 0, 1, 0, 0, 0]])
    np.testing.assert_allclose(model(IDS[:1], segment_ids=segments, positions=places).logits, packed, atol=1e-4)
    for start, stop in ((0, 4), (4, 6), (6, 7)):
        np.testing.assert_allclose(packed[:, start:stop], model(IDS[:1, start:stop]).logits, atol=1e-4)
    both = model(IDS[:1], segment_ids=segments, attention_mask=jnp.asarray([[1, 1, 1, 0, 1, 1, 1, 1, 1]])).logits
    np.testing.assert_allclose(both[:, 4:6], packed[:, 4:6], atol=1e-5)


def test_padding_changes_nothing_and_a_row_of_padding_is_finite(model: Any, logits: np.ndarray) -> None:
    for side in ((0, 4), (4, 0)):
        padded = jnp.pad(IDS, ((0, 0), side))
        mask = jnp.pad(jnp.ones_like(IDS), ((0, 0), side))
        kept = slice(side[0], side[0] + IDS.shape[1])
        np.testing.assert_allclose(model(padded, attention_mask=mask).logits[:, kept], logits, atol=1e-4)
    empty = model(IDS, attention_mask=jnp.zeros_like(IDS)).logits
    assert np.isfinite(np.asarray(empty)).all()


@pytest.mark.parametrize("pieces", [[9], [5, 4], [1, 1, 6, 1]])
def test_the_cache_goes_on_where_the_last_call_ended(model: Any, logits: np.ndarray, pieces: list[int]) -> None:
    cache = model.empty_cache(2, 12, jnp.float32)
    assert all(leaf.shape == (4, 2, 12, 2, 8) for leaf in jax.tree.leaves(cache))
    found, start = [], 0
    for piece in pieces:
        span = slice(start, start + piece)
        positions = jnp.broadcast_to(jnp.arange(start, start + piece), (2, piece))
        some, cache = model.decode(
            IDS[:, span], cache, start=start, key_mask_BT=jnp.ones((2, 12), int), positions_BS=positions
        )
        found.append(some)
        start += piece
    np.testing.assert_allclose(jnp.concatenate(found, axis=1), logits, atol=1e-4)


def test_regrouping_changes_no_output_and_no_name(logits: np.ndarray) -> None:
    model = atl.from_config(CONFIG, "causal-lm", seed=1)
    names = list(atl.named_parameters(model))
    model.blocks.regroup([0, 1, 1, 0])
    np.testing.assert_allclose(model(IDS).logits, logits, atol=1e-5)
    assert len(model.blocks.spans) == 3 and list(atl.named_parameters(model)) == names


def test_gathered_positions_are_those_of_the_full_logits(model: Any, logits: np.ndarray) -> None:
    positions = jnp.asarray([[1, 3], [8, 0]])
    some = model(IDS, masked_positions=positions).logits
    np.testing.assert_allclose(some, np.take_along_axis(logits, np.asarray(positions)[..., None], axis=1), atol=1e-5)


def test_dropout_follows_its_key_and_is_off_without_one() -> None:
    model = atl.from_config(CONFIG | {"attention_dropout": 0.5}, "causal-lm", seed=1)
    run = nnx.jit(lambda model, key: model(IDS, dropout_key=key).logits)
    keys = [None, jax.random.key(0), jax.random.key(0), jax.random.key(1)]
    plain, first, again, other = (np.asarray(run(model, key)) for key in keys)
    np.testing.assert_array_equal(first, again)
    assert min(np.abs(plain - first).max(), np.abs(first - other).max()) > 1e-3
    still = atl.from_config(CONFIG | {"attention_dropout": 0.5}, "causal-lm", seed=1, dropout=0.0)
    np.testing.assert_allclose(run(still, keys[1]), plain, atol=1e-5)


def test_the_last_token_that_is_no_padding_is_classified() -> None:
    config = CONFIG | {"pad_token_id": None}
    model = atl.from_config(config, "sequence-classification", labels=["ሀ", "ለ", "መ"], seed=1)
    expected = model(IDS).logits
    assert expected.shape == (2, 3)
    for side in ((0, 3), (3, 0)):
        padded, mask = (jnp.pad(array, ((0, 0), side)) for array in (IDS, jnp.ones_like(IDS)))
        np.testing.assert_allclose(model(padded, attention_mask=mask).logits, expected, atol=1e-4)
    # Where the config names the padding, it counts without a mask too.
    named = atl.from_config(CONFIG | {"pad_token_id": 0}, "sequence-classification", labels=["ሀ", "ለ", "መ"], seed=1)
    np.testing.assert_allclose(named(jnp.pad(IDS, ((0, 0), (0, 3)))).logits, expected, atol=1e-4)


def test_sharded_loading_gives_the_same_model(model: Any, logits: np.ndarray, tmp_path: Path) -> None:
    atl.save_pretrained(model, tmp_path)
    mesh = make_mesh(2, 2, 2)
    sharded = atl.from_pretrained(str(tmp_path), "causal-lm", mesh=mesh)
    weights = atl.named_parameters(sharded)
    for name, shape in (("mlp.up_proj", (4, 12, 8)), ("mlp.down_proj", (4, 8, 12)), ("self_attn.q_proj", (4, 16, 8))):
        shards = weights[f"model.layers.1.{name}.weight"].stored.addressable_shards
        assert {shard.data.shape for shard in shards} == {shape}
    with jax.set_mesh(mesh):
        np.testing.assert_allclose(sharded(IDS).logits, logits, atol=1e-4)


def test_a_head_is_drawn_only_where_it_must_be(model: Any, tmp_path: Path) -> None:
    atl.save_pretrained(model, tmp_path)
    classifier = atl.from_pretrained(str(tmp_path), "sequence-classification", labels=["ሀ", "ለ", "መ"])
    assert classifier.load_report.newly_initialised == ("score.weight",)
    atl.save_pretrained(classifier, tmp_path)
    assert atl.from_pretrained(str(tmp_path), "sequence-classification").load_report.newly_initialised == ()
    assert atl.from_pretrained(str(tmp_path)).load_report.dropped == ("score.weight",)
    with pytest.raises(ConfigError, match="token-classification"):
        atl.from_pretrained(str(tmp_path), "token-classification")


LLAMA = {**{name: value for name, value in CONFIG.items() if "sliding" not in name}, "model_type": "llama"}
GEMMA2 = CONFIG | {"model_type": "gemma2"}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (LLAMA | {"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}, "yarn"),
        (LLAMA | {"rope_scaling": {"rope_type": "linear"}}, "factor"),
        (LLAMA | {"rope_parameters": {"sliding_attention": {"rope_type": "default"}}}, "none for full_attention"),
        (LLAMA | {"partial_rotary_factor": 0.5}, "partial_rotary_factor"),
        (LLAMA | {"num_key_value_heads": 3}, "num_key_value_heads"),
        (LLAMA | {"head_dim": 7}, "even"),
        (LLAMA | {"head_dim": None, "num_attention_heads": 5, "num_key_value_heads": 5}, "does not divide"),
        (LLAMA | {"hidden_act": "sinus"}, "sinus"),
        (LLAMA | {"attention_bias": "yes"}, "attention_bias"),
        (LLAMA | {"layer_types": ["sliding_attention"] * 4}, "in all its layers"),
        (LLAMA | {"model_type": "mistral", "sliding_window": 0}, "sliding_window"),
        (LLAMA | {"model_type": "mistral", "layer_types": ["full_attention"] * 4}, "in all its layers"),
        (LLAMA | {"model_type": "qwen2", "layer_types": ["sliding_attention"] * 4}, "no sliding_window"),
        (GEMMA2 | {"layer_types": ["full_attention"] * 3}, "4 layers"),
        (GEMMA2 | {"layer_types": ["chunked_attention"] * 4}, "chunked_attention"),
        (GEMMA2 | {"sliding_window": None}, "sliding_window"),
        (GEMMA2 | {"use_bidirectional_attention": True}, "causal decoder only"),
        (GEMMA2 | {"query_pre_attn_scalar": 0}, "query_pre_attn_scalar"),
        (GEMMA2 | {"attn_logit_softcapping": -1.0}, "attn_logit_softcapping"),
        (CONFIG | {"rope_parameters": {"rope_type": "default", "rope_theta": 10.0}}, "rope_parameters"),
        (CONFIG | {"rope_parameters": {"sliding_attention": {"rope_type": "dynamic"}}}, "dynamic"),
        (CONFIG | {"model_type": "gemma3", "text_config": CONFIG}, "gemma3_text"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(config: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        atl.from_config(config, "causal-lm")
