"""Optimisers against optax's own on unstacked parameters, their state's size and place, and thaws."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from optax import contrib

import amharic_tl as atl
from amharic_tl.config import OptimConfig, TransferConfig
from amharic_tl.config.optim import AdafactorConfig, LionConfig
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.models.sharding import parameter_shardings
from amharic_tl.transfer.optimizers import Generations, make_optimizer
from amharic_tl.transfer.plan import make_plan
from amharic_tl.transfer.thaw import carried_over, state_shardings

ADAFACTOR = {"smallest_side": 8, "clip_rms": 0.9}
SETTINGS: dict[str, OptimConfig] = {
    "adafactor": OptimConfig(name="adafactor", adafactor=AdafactorConfig(**ADAFACTOR)),
    "adafactor, relative": OptimConfig(name="adafactor", adafactor=AdafactorConfig(**ADAFACTOR, relative=True)),
    "lion": OptimConfig(name="lion", lion=LionConfig(beta2=0.95)),
    "muon": OptimConfig(name="muon"),
}


class Small(nnx.Module):
    """A table, three stacked blocks of a matrix, a vector and a table of positions, and a head."""

    def __init__(self) -> None:
        def made(name: str, *shape: int, layers: tuple[int, ...] | None = None) -> nnx.Param[Any]:
            values = jax.random.normal(jax.random.key(len(name)), (*(() if layers is None else (3,)), *shape))
            return nnx.Param(0.1 * values, hf_name=name, layers=layers, flax_leaf="kernel", block=None)

        self.table = made("embeddings.weight", 20, 8)
        self.up = made("layer.{}.up.weight", 16, 8, layers=(0, 1, 2))
        self.bias = made("layer.{}.up.bias", 16, layers=(0, 1, 2))
        self.positions = made("layer.{}.relative_attention_bias.weight", 12, 2, layers=(0, 1, 2))
        self.head = made("classifier.weight", 3, 8)


@pytest.fixture(scope="module")
def model() -> nnx.Module:
    return Small()


def _parts(model: nnx.Module, optim: OptimConfig) -> tuple[nnx.State, Any]:
    plan = make_plan(model, TransferConfig(layer_decay=0.9), optim.weight_decay)
    return nnx.state(model, nnx.Param), plan


def _by_name(tree: Any) -> dict[str, np.ndarray]:
    return {name: np.asarray(view.value()) for name, view in atl.named_parameters(tree).items()}


def _gradients(state: nnx.State, number: int) -> nnx.State:
    return jax.tree.map(lambda p: 1e-3 * jnp.cos(p * 7.0 + number) * (1 + p), state)


def _theirs(name: str, parameters: dict[str, Any]) -> optax.GradientTransformation:
    """optax's own, for parameters one by one."""
    if name == "lion":
        return optax.scale_by_lion(0.9, 0.95)
    if name == "muon":
        labels = {key: "matrix" if "up.weight" in key else "other" for key in parameters}
        return optax.partition(
            {"matrix": contrib.muon(-1.0, consistent_rms=0.2), "other": optax.scale_by_adam()}, labels
        )
    parts = [optax.scale_by_factored_rms(min_dim_size_to_factor=8), optax.clip_by_block_rms(0.9)]
    return optax.chain(*parts, *([optax.scale_by_param_block_rms()] if "relative" in name else []))


@pytest.mark.parametrize("name", ["adafactor, relative", "lion", "muon"])
def test_a_stack_is_updated_as_optax_updates_its_layers_one_by_one(model: nnx.Module, name: str) -> None:
    optim = SETTINGS[name]
    state, plan = _parts(model, optim)
    ours = make_optimizer(optim, plan, state)
    single = {key: jnp.asarray(value) for key, value in _by_name(state).items()}
    theirs = optax.chain(optax.clip_by_global_norm(1.0), _theirs(name, single))
    mine, kept = jax.jit(ours.init)(state), theirs.init(single)
    update, other = jax.jit(ours.update), jax.jit(theirs.update)
    for number in range(3):
        gradients = _gradients(state, number)
        direction, mine = update(gradients, mine, state)
        named = {key: jnp.asarray(value) for key, value in _by_name(gradients).items()}
        expected, kept = other(named, kept, single)
        for key, value in _by_name(direction).items():
            row = plan.rows[key]
            wanted = row.learning_rate_multiplier * (expected[key] + row.weight_decay * single[key])
            np.testing.assert_allclose(value, wanted, rtol=2e-4, atol=2e-5, err_msg=key)


def test_bytes_of_state_a_parameter(model: nnx.Module) -> None:
    state, _ = _parts(model, OptimConfig())
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state))
    shapes = [value.shape for value in _by_name(state).values()]
    matrices = [shape for shape in shapes if len(shape) == 2 and min(shape) >= 8]
    in_blocks = 3 * 16 * 8
    expected = {
        "adamw": 8 * parameters,
        "adafactor": 4 * sum(n + m for n, m in matrices) + 4 * (parameters - sum(n * m for n, m in matrices)),
        "lion": 4 * parameters,
        "muon": 4 * in_blocks + 8 * (parameters - in_blocks),
    }
    for name, wanted in expected.items():
        assert _bytes_of(SETTINGS.get(name, OptimConfig()), model) == wanted, name
    half = {name: OptimConfig(name=name, momentum_dtype="bfloat16") for name in ("adamw", "lion", "muon")}
    assert {name: expected[name] - _bytes_of(optim, model) for name, optim in half.items()} == {
        "adamw": 2 * parameters,
        "lion": 2 * parameters,
        "muon": 2 * parameters,
    }


def _bytes_of(optim: OptimConfig, model: nnx.Module) -> int:
    state, plan = _parts(model, optim)
    kept = jax.eval_shape(make_optimizer(optim, plan, state).init, state)
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(kept) if leaf.size > 3)


@pytest.mark.parametrize("name", ["adafactor", "muon"])
def test_a_sharded_state_gives_what_a_whole_one_gives(model: nnx.Module, name: str) -> None:
    optim = SETTINGS[name]
    state, plan = _parts(model, optim)
    mesh = make_mesh(2, 2, 2)
    shardings = parameter_shardings(
        state, mesh, [(r".*up\.weight", ("fsdp", "tensor")), (r".*weight", (None, "tensor"))]
    )
    optimizer = make_optimizer(optim, plan, state)
    places = state_shardings(jax.eval_shape(optimizer.init, state), state, shardings, mesh)
    update = jax.jit(optimizer.update)
    whole, kept = update(_gradients(state, 0), jax.jit(optimizer.init)(state), state)
    placed = jax.device_put(state, shardings)
    moments = jax.jit(optimizer.init, out_shardings=places)(placed)
    split, after = jax.jit(optimizer.update, out_shardings=(shardings, places))(_gradients(placed, 0), moments, placed)
    for one, many in zip(jax.tree.leaves((whole, kept)), jax.tree.leaves((split, after)), strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(many), rtol=1e-3, atol=1e-4)
    if name == "adafactor":
        # A vector of means is split as the axis it runs along is; the axis that is gone is not.
        rows, columns = (tree["up"].get_value().sharding.spec for tree in (after[1].rows, after[1].columns))
        assert (tuple(rows), tuple(columns)) == ((None, "fsdp", None), (None, None, "tensor"))


def test_what_thaws_later_has_a_count_and_a_warm_up_of_its_own_and_the_rest_keeps_its_moments(
    model: nnx.Module,
) -> None:
    optim = OptimConfig(name="adafactor", clip_norm=None, adafactor=AdafactorConfig(smallest_side=8))
    state, plan = _parts(model, optim)
    early, late = _split(state)

    def optimizer(part: nnx.State, warmups: dict[str, int]) -> optax.GradientTransformation:
        labels = jax.tree.map(
            lambda v: v.replace("head" if "classifier" in v.get_metadata()["hf_name"] else "thaw-1"),
            part,
            is_leaf=lambda leaf: isinstance(leaf, nnx.Variable),
        )
        return make_optimizer(optim, plan, part, Generations(labels, warmups))

    before = optimizer(early, {"head": 0})
    moments = before.init(early)
    for number in range(2):
        _, moments = before.update(_gradients(early, number), moments, early)
    after = optimizer(state, {"head": 0, "thaw-1": 3})
    carried = carried_over(moments, after.init(state))
    for number in range(2, 4):
        updates, carried = after.update(_gradients(state, number), carried, state)
    for part, counted, share in ((early, range(4), 1.0), (late, range(2, 4), 0.5)):
        alone = make_optimizer(optim, plan, part)
        kept = alone.init(part)
        for number in counted:
            expected, kept = alone.update(_gradients(part, number), kept, part)
        found = _by_name(updates)
        for key, value in _by_name(expected).items():
            np.testing.assert_allclose(found[key], share * value, rtol=1e-5, atol=1e-9, err_msg=key)


def _split(state: nnx.State) -> tuple[nnx.State, nnx.State]:
    early, late = nnx.split_state(state, lambda path, variable: "head" in path, ...)
    return early, late


def test_layers_are_carried_by_name_however_they_are_stacked() -> None:
    def stack(values: list[float], layers: tuple[int, ...]) -> nnx.Param[Any]:
        return nnx.Param(jnp.asarray(values), hf_name="layer.{}.bias", layers=layers, flax_leaf="bias", block=None)

    old = {"kept": nnx.State({"whole": stack([1.0, 2.0, 3.0], (1, 2, 3))}), "count": jnp.asarray(7)}
    parts = nnx.State({"lower": stack([0.0, 0.0], (0, 1)), "upper": stack([0.0, 0.0], (2, 3))})
    found = carried_over(old, {"kept": parts, "count": jnp.asarray(0), "new": jnp.asarray(5)})
    assert _by_name(found["kept"]) == {f"layer.{layer}.bias": float(layer) for layer in range(4)}
    assert (int(found["count"]), int(found["new"])) == (7, 5)
