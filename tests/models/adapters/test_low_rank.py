"""Low-rank adapters: nothing at first, equal when merged, and only where they were asked for."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import amharic_tl as atl
from amharic_tl.errors import ConfigError
from amharic_tl.models.adapters.adapt import Adaptation, add_adapters, merged, with_dropout
from amharic_tl.models.adapters.low_rank import LoraSettings, LowRank, drop_inputs
from amharic_tl.models.adapters.places import (
    adapters_of,
    match_linear,
    match_modules,
    stacks_of,
    whole_modules,
)
from amharic_tl.models.layers import Conv1D, Linear, normal
from amharic_tl.models.registry import FAMILIES

SETTINGS = LoraSettings(rank=3, alpha=6.0, scaling="lora")
SMALL = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "roberta": (SMALL | {"max_position_embeddings": 20, "type_vocab_size": 1, "pad_token_id": 1}, "masked-lm"),
    "t5": (
        {"vocab_size": 40, "d_model": 16, "d_kv": 8, "num_heads": 2, "d_ff": 24, "num_layers": 2}
        | {"decoder_start_token_id": 0, "pad_token_id": 0, "feed_forward_proj": "relu"},
        "seq2seq-lm",
    ),
}
IDS = np.random.default_rng(0).integers(5, 40, (2, 7))


def _model(kind: str, **changes: float) -> Any:
    """Every parameter noise, made without compiling anything."""
    config, task = CONFIGS[kind]
    family = FAMILIES[kind]
    settings = {"model_type": kind, **config, **changes}
    graphdef, state = nnx.split(nnx.eval_shape(lambda: family.build(settings, task, jax.random.key(0))))
    draw = np.random.default_rng(0)
    values = jax.tree.map(lambda leaf: jnp.asarray(draw.normal(size=leaf.shape, scale=0.3).astype(np.float32)), state)
    return nnx.merge(graphdef, values)


def _adapt(model: Any, names: list[str], settings: LoraSettings = SETTINGS) -> None:
    add_adapters(model, dict.fromkeys(names, settings), jax.random.key(0), Adaptation())


def _fill(model: Any) -> None:
    """B as if it had been trained."""
    for number, adapter in enumerate(dict.fromkeys(adapters_of(model).values())):
        shape = adapter.up.get_value().shape
        adapter.up.set_value(np.random.default_rng(number).normal(size=shape, scale=0.3).astype(np.float32))


def _logits(model: Any) -> np.ndarray:
    inputs = {"decoder_input_ids": IDS[:, :4]} if hasattr(model, "encode") else {}
    return np.asarray(nnx.jit(lambda model: model(IDS, **inputs).logits)(model))


def test_adapters_add_nothing_at_first_and_the_same_when_merged() -> None:
    model = _model("t5")
    before, parameters = _logits(model), list(atl.named_parameters(model))
    names = match_linear(model, ["all-linear"], "targets")
    # All layers but one of a stack: blocks with and without adapters become runs of their own.
    _adapt(model, [name for name in names if ".1." not in name])
    assert _logits(model).tobytes() == before.tobytes()
    _fill(model)
    adapted = _logits(model)
    assert np.abs(adapted - before).max() > 1e-2
    whole = merged(model)
    np.testing.assert_allclose(_logits(whole), adapted, atol=1e-5 * max(1.0, np.abs(adapted).max()))
    assert list(atl.named_parameters(whole)) == parameters
    assert [stack.spans for stack in stacks_of(whole)] == [stack.spans for stack in stacks_of(_model("t5"))]
    assert adapters_of(model) and not adapters_of(whole)


def test_the_product_is_divided_by_the_rank_or_its_root() -> None:
    assert LoraSettings(16, 8.0, "lora").factor == 0.5
    assert LoraSettings(16, 8.0, "rslora").factor == 2.0


@pytest.mark.parametrize("kind", [Linear, Conv1D])
def test_what_is_added_is_the_scaled_product_of_b_and_a(kind: type) -> None:
    base = kind("layer", 5, 4, normal(0.5), jax.random.key(0))
    adapter = LowRank(base, LoraSettings(2, 3.0, "rslora"), jax.random.key(1))
    assert not np.asarray(adapter.up.get_value()).any()
    adapter.up.set_value(jax.random.normal(jax.random.key(2), (4, 2)))
    x = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    down, up = np.asarray(adapter.down.get_value()), np.asarray(adapter.up.get_value())
    expected = 3.0 / np.sqrt(2) * x @ down.T @ up.T
    np.testing.assert_allclose(adapter(jnp.asarray(x)), expected, atol=1e-5)
    np.testing.assert_allclose(x @ np.asarray(adapter.delta()).T, expected, atol=1e-5)
    names = {view.name for view in atl.named_parameters(nnx.state(adapter)).values()}
    assert names == {"layer.lora_A.weight", "layer.lora_B.weight"}


def test_each_layer_draws_from_a_stream_of_its_own() -> None:
    """Which other layers have adapters changes nothing, and no two layers are alike."""
    some, every = _model("roberta"), _model("roberta")
    name = "roberta.encoder.layer.1.attention.self.query"
    _adapt(some, [name])
    _adapt(every, match_linear(every, ["query", "key"], "targets"))
    one, all_of_them = atl.named_parameters(some), atl.named_parameters(every)
    drawn = {n: np.asarray(view.value()) for n, view in all_of_them.items() if "lora_A" in n}
    np.testing.assert_array_equal(np.asarray(one[f"{name}.lora_A.weight"].value()), drawn[f"{name}.lora_A.weight"])
    assert len({array.tobytes() for array in drawn.values()}) == len(drawn) == 6
    assert all(abs(array).max() <= 16**-0.5 for array in drawn.values())


def test_inputs_are_dropped_under_a_key_alone() -> None:
    base = Linear("layer", 50, 4, normal(0.5), jax.random.key(0))
    base.adapter = nnx.data(LowRank(base, LoraSettings(2, 2.0, "lora", dropout=0.5), jax.random.key(1)))
    base.adapter.up.set_value(jnp.ones((4, 2)))
    x = jnp.ones((1, 50))
    plain = base(x)
    drop_inputs(base, None)
    assert np.array_equal(base(x), plain)
    drop_inputs(base, jax.random.key(3))
    dropped = base(x)
    assert not np.array_equal(dropped, plain) and np.array_equal(base(x), dropped)


def test_blocks_drop_by_the_key_of_the_step() -> None:
    run = nnx.jit(lambda model, key: model(IDS, dropout_key=key).logits)
    quiet = _model("roberta", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    _adapt(quiet, match_linear(quiet, ["query", "value"], "targets"))
    _fill(quiet)
    same = _logits(quiet)
    quiet = with_dropout(quiet, 0.5)
    assert not np.allclose(run(quiet, jax.random.key(1)), same)
    assert not np.allclose(run(quiet, jax.random.key(1)), run(quiet, jax.random.key(2)))
    assert np.allclose(_logits(quiet), same, atol=1e-6)
    assert {adapter.settings.dropout for adapter in adapters_of(quiet).values()} == {0.5}


def test_patterns_are_the_last_parts_of_names() -> None:
    model = _model("roberta")
    assert len(match_linear(model, ["query"], "targets")) == 3
    assert match_linear(model, [r"layer\.1\..*\.(query|value)"], "targets") == [
        f"roberta.encoder.layer.1.attention.self.{part}" for part in ("query", "value")
    ]
    every = match_linear(model, ["all-linear"], "targets")
    assert len(every) == 18 and not any("lm_head" in name for name in every)
    assert match_modules(model, ["lm_head", r"lm_head\.dense"], "modules") == ["lm_head"]
    with pytest.raises(ConfigError, match=r"leaf: 'querry' matches no linear layer of the model; did you mean 'query'"):
        match_linear(model, ["querry"], "leaf")
    with pytest.raises(ConfigError, match="leaf: 'quer\\(' is not a regular expression"):
        match_linear(model, ["quer("], "leaf")


def test_whole_modules_hold_nothing_else() -> None:
    names = ["a.b.weight", "a.b.bias", "a.c.weight", "d.weight", "d.e.weight"]
    assert whole_modules(["a.b.weight", "a.b.bias", "d.e.weight"], names) == ["a.b", "d.e"]
    assert whole_modules(names[:3], names) == ["a"]
    assert whole_modules(["d.weight"], names) == ["d"]


def test_every_family_says_which_layers_make_queries_and_values() -> None:
    fused = {kind for kind, family in FAMILIES.items() if len(family.query_value) == 1}
    assert fused == {"gpt2", "modernbert"}
    assert all(len(family.query_value) <= 2 for family in FAMILIES.values())
