"""What blocks keep for the backward pass: the same gradients, less memory, and FLOPs that are the model's."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from amharic_tl.config import build_config
from amharic_tl.config.remat import remat_rules
from amharic_tl.errors import ConfigError
from amharic_tl.models import from_config, named_parameters
from amharic_tl.models.remat import without_remat
from amharic_tl.models.stack import Stack
from amharic_tl.training.flops import count_flops
from amharic_tl.training.remat import set_remat

SIZES = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 64}
IDS = jnp.ones((4, 32), jnp.int32)


def _model(remat: str) -> Any:
    config = {"model_type": "roberta", "max_position_embeddings": 70, "type_vocab_size": 1, "pad_token_id": 1, **SIZES}
    model = from_config(config, None)
    set_remat(model, remat_rules(remat))
    return model


def _gradient(model: Any) -> tuple[Any, Any]:
    graphdef, state = nnx.split(model)

    def loss(state: Any) -> jax.Array:
        outputs = nnx.merge(graphdef, state, copy=True)(IDS, attention_mask=IDS, dropout_key=jax.random.key(1))
        return jnp.square(outputs.last_hidden_state).mean() + outputs.last_hidden_state[:, 0].sum()

    return jax.grad(loss), state


def test_gradients_are_the_same_and_memory_falls() -> None:
    memory, kept, again = {}, {}, {}
    model = _model("none")
    for remat in ("none", "dots", "full"):
        set_remat(model, remat_rules(remat))
        gradient, state = _gradient(model)
        compiled = jax.jit(gradient).lower(state).compile()
        memory[remat] = compiled.memory_analysis().temp_size_in_bytes
        kept[remat] = {name: np.asarray(view.value()) for name, view in named_parameters(compiled(state)).items()}
        again[remat] = count_flops(gradient, state)
        with without_remat():
            assert count_flops(_gradient(model)[0], state) == again["none"]
    for remat, arrays in kept.items():
        for name, array in arrays.items():
            np.testing.assert_allclose(array, kept["none"][name], atol=1e-5, err_msg=f"{remat} {name}")
    assert memory["full"] < memory["dots"] < memory["none"]
    assert again["none"] < again["dots"] < again["full"]
    set_remat(model, remat_rules(".*layer.[0-1]=full"))
    assert again["none"] < count_flops(*_gradient(model)) < again["full"]


def test_stacks_are_cut_where_the_policy_changes_and_joined_again() -> None:
    model = _model("encoder.layer.[01]=full, .*=dots")
    stack = next(module for _, module in nnx.iter_modules(model) if isinstance(module, Stack))
    assert stack.spans == [(0, 1), (2, 3)]
    assert stack.remat == ("full",) * 2 + ("dots",) * 2
    set_remat(model, remat_rules("full"))
    assert stack.spans == [tuple(range(4))]


def test_a_pattern_that_matches_no_block_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"config.train.remat: .*h\.3.* blocks are .*encoder.layer.0"):
        _model("h.3=full")


@pytest.mark.parametrize("text", ["some", "=full", "a=b", "(=full", "full,dots=none,x"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="config.train.remat: "):
        build_config({"train.remat": text})


def test_a_policy_is_a_rule_for_all_blocks() -> None:
    assert remat_rules("dots") == [(".*", "dots")]
    assert remat_rules(("a.1=full", "none")) == [("a.1", "full"), (".*", "none")]
