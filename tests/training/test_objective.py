"""The objective with terms of each kind, on a model of one matrix: values, gradients, parts, devices, costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from amharic_tl.distributed.mesh import make_mesh, put_batch, replicated
from amharic_tl.tasks.terms import Term, TermState
from amharic_tl.training.flops import count_flops
from amharic_tl.training.objective import Objective

ROWS, WIDTH = 16, 8


class Line(nnx.Module):
    """``y = dropout(x) W``."""

    def __init__(self) -> None:
        self.weight = nnx.Param(jax.random.normal(jax.random.key(0), (WIDTH, WIDTH)))

    def __call__(self, x: jax.Array, dropout_key: jax.Array | None = None) -> Any:
        if dropout_key is not None:
            x = jnp.where(jax.random.bernoulli(dropout_key, 0.5, x.shape), 2 * x, 0.0)
        return SimpleNamespace(logits=x @ self.weight.get_value())


class Squares:
    """The mean square of the outputs over rows of weight 1."""

    def model_inputs(self, batch: Any) -> dict[str, jax.Array]:
        return {"x": batch["x"]}

    def loss_weights(self, batch: Any) -> jax.Array:
        return batch["weights"]

    def loss(self, outputs: Any, batch: Any) -> jax.Array:
        return jnp.sum(jnp.square(outputs.logits).sum(-1) * batch["weights"])


@dataclass(frozen=True)
class Items:
    """The mean distance of a row's outputs from what ``sees`` gives."""

    sees: str
    weight: float = 0.5
    name: ClassVar[str] = "items"

    @property
    def needs(self) -> Any:
        return frozenset({"again": {"again"}, "base": {"initial"}, "outputs": set(), "run": set()}[self.sees])

    def item_weights(self, batch: Any) -> jax.Array:
        return batch["weights"]

    def value(self, part: Any) -> jax.Array:
        other = part.run({"x": part.batch["x"]}, "items") if self.sees == "run" else getattr(part, self.sees)
        return jnp.sum(jnp.abs(part.outputs.logits - 0.9 * other.logits).sum(-1) * part.batch["weights"])


@dataclass(frozen=True)
class Covariance:
    """The squared norm of the outputs' covariance, which no sum over parts gives."""

    weight: float = 0.5
    name: ClassVar[str] = "covariance"
    needs: ClassVar[Any] = frozenset()

    def rows(self, part: Any) -> Any:
        return {"y": part.outputs.logits, "weights": part.batch["weights"]}

    def statistic(self, rows: Any) -> jax.Array:
        mean = (rows["y"] * rows["weights"][:, None]).sum(0) / rows["weights"].sum()
        centred = (rows["y"] - mean) * rows["weights"][:, None]
        return jnp.sum(jnp.square(centred.T @ centred)) / rows["weights"].sum() ** 2


@dataclass(frozen=True)
class Pull:
    """Half the squared distance from the start."""

    weight: float = 0.5
    name: ClassVar[str] = "pull"
    needs: ClassVar[Any] = frozenset({"initial"})

    def of_parameters(self, trainable: Any, initial: Any) -> jax.Array:
        squares = jax.tree.map(lambda a, b: 0.5 * jnp.sum(jnp.square(a - b)), trainable, initial)
        return sum(jax.tree.leaves(squares), jnp.zeros(()))


@dataclass
class Case:
    objective: Objective
    trainable: Any
    initial: Any
    batch: Any
    compiled: Any

    def gradients(self) -> tuple[dict[str, jax.Array], Any]:
        summands, gradient, _ = self.after(self.objective.beginning())
        return summands, gradient

    def after(self, kept: TermState) -> tuple[dict[str, jax.Array], Any, TermState]:
        return self.compiled(self.trainable, nnx.State({}), self.initial, self.batch, jax.random.key(1), kept)

    def flops(self) -> int:
        frozen = nnx.State({})
        return count_flops(
            self.objective.gradients,
            self.trainable,
            frozen,
            self.initial,
            self.batch,
            jax.random.key(1),
            self.objective.beginning(),
        )


def case(*terms: Term, parts: int = 1, devices: int = 1, dropout: bool = True) -> Case:
    """The model one step away from where it began, on rows of which the last three are filler."""
    mesh = make_mesh(devices, 1, 1, jax.devices()[:devices])
    model = Line()
    graphdef, initial = nnx.split(model)
    generator = np.random.default_rng(0)
    batch = {
        "x": generator.standard_normal((ROWS, WIDTH)).astype(np.float32),
        "weights": np.asarray([1.0] * (ROWS - 3) + [0.0] * 3, np.float32),
    }
    task: Any = Squares()
    if not dropout:
        task.forward = lambda model, batch, key=None: model(batch["x"])
    objective = Objective(graphdef, task, terms, mesh, parts)
    start, compiled = jax.tree.map(lambda a: 1.1 * a, initial), jax.jit(objective.gradients)
    return Case(objective, start, initial, put_batch(batch, mesh), compiled)


def _array(grads: Any) -> np.ndarray:
    (leaf,) = jax.tree.leaves(grads)
    return np.asarray(leaf)


@pytest.mark.parametrize(
    ("parts", "devices"), [(4, 1), (1, 8), (2, 8)], ids=["accumulated", "eight devices", "accumulated on eight"]
)
def test_parts_and_devices_change_neither_values_nor_gradient(parts: int, devices: int) -> None:
    terms = Items("base"), Covariance(), Pull()
    whole, gradient = case(*terms, dropout=False).gradients()
    summands, other = case(*terms, parts=parts, devices=devices, dropout=False).gradients()
    assert summands.keys() == whole.keys() == {"loss", "penalty/items", "penalty/covariance", "penalty/pull"}
    for name, value in whole.items():
        assert float(summands[name]) == pytest.approx(float(value), rel=1e-5), name
    np.testing.assert_allclose(_array(other), _array(gradient), rtol=1e-4, atol=1e-4)


def test_the_dropout_of_a_statistic_under_accumulation_is_that_of_the_pass_it_is_pulled_in() -> None:
    """Both looks at a part must see the same units dropped, or the gradient would be of no function."""
    on = case(Covariance(weight=1.0), parts=4)
    summands, gradient = on.gradients()
    _, loss_gradient = case(parts=4).gradients()
    direction = np.random.default_rng(1).standard_normal((WIDTH, WIDTH)).astype(np.float32)
    step = 1e-2
    moved = [
        replace(on, trainable=jax.tree.map(lambda a, s=sign: a + s * step * direction, on.trainable))
        for sign in (1, -1)
    ]
    up, down = (float(one.gradients()[0]["penalty/covariance"]) for one in moved)
    slope = float(np.sum((_array(gradient) - _array(loss_gradient)) * direction))
    assert slope == pytest.approx((up - down) / (2 * step), rel=1e-2)
    assert float(summands["penalty/covariance"]) > 0


def test_a_second_pass_has_other_dropout_and_is_learned_from() -> None:
    plain, plain_gradient = case().gradients()
    both, gradient = case(Items("again", weight=0.0)).gradients()
    assert float(both["penalty/items"]) > 0
    assert float(both["loss"]) != float(plain["loss"])
    assert not np.allclose(_array(gradient), _array(plain_gradient))


def test_the_base_is_that_of_the_start_and_gets_no_gradient() -> None:
    on = case(Items("base", weight=1.0), dropout=False)
    summands, gradient = on.gradients()
    x, weights = np.asarray(on.batch["x"]), np.asarray(on.batch["weights"])
    moved, start = x @ _array(on.trainable), 0.9 * x @ _array(on.initial)
    count = weights.sum()
    assert float(summands["penalty/items"]) == pytest.approx((np.abs(moved - start).sum(-1) * weights).sum() / count)
    own = x.T @ ((np.sign(moved - start) + 2 * moved) * weights[:, None]) / count
    np.testing.assert_allclose(_array(gradient), own, rtol=1e-4, atol=1e-4)


def test_a_term_that_does_not_name_what_it_looks_at_is_a_mistake() -> None:
    on = case(Items("base"))
    with pytest.raises(TypeError, match="without naming it"):
        replace(on, initial=None).gradients()


PASS = 2 * ROWS * WIDTH * WIDTH  # one forward pass; its gradient with respect to the matrix costs as much again


@pytest.mark.parametrize(
    ("terms", "parts", "passes"),
    [
        ((), 1, 2),
        ((Items("outputs"),), 1, 2),
        ((Pull(),), 4, 2),
        ((Items("again"),), 1, 4),
        ((Items("base"),), 1, 3),
        ((Items("run"),), 1, 4),
        ((Covariance(),), 1, 2),
        ((Covariance(),), 4, 3),
    ],
    ids=["none", "own outputs", "parameters", "again", "base", "run", "statistic", "statistic, accumulated"],
)
def test_a_term_costs_the_passes_it_asks_for(terms: Any, parts: int, passes: int) -> None:
    own = 0
    if terms and isinstance(terms[0], Covariance):  # the product with itself, and its gradient
        own = 3 * 2 * ROWS * WIDTH * WIDTH
    found = case(*terms, parts=parts).flops()
    assert found == pytest.approx(passes * PASS + own, abs=PASS / 2 if own else 0)


def test_what_several_terms_ask_for_is_there_once() -> None:
    @dataclass(frozen=True)
    class Others(Items):
        name: ClassVar[str] = "others"

    assert case(Items("again"), Others("again")).flops() == case(Items("again")).flops()


@dataclass(frozen=True)
class Smoothed:
    """A mean of the outputs that goes on from the updates before."""

    weight: float = 0.5
    name: ClassVar[str] = "smoothed"
    needs: ClassVar[Any] = frozenset()

    def beginning(self) -> np.ndarray:
        return np.ones(WIDTH, np.float32)

    def rows(self, part: Any) -> Any:
        return {"y": part.outputs.logits, "weights": part.batch["weights"]}

    def advanced(self, rows: Any, kept: jax.Array) -> tuple[jax.Array, jax.Array]:
        mean = (rows["y"] * rows["weights"][:, None]).sum(0) / rows["weights"].sum()
        moved = 0.5 * kept + 0.5 * jax.lax.stop_gradient(mean)
        return jnp.sum(moved * mean), moved


def test_what_a_term_keeps_and_a_weight_that_moves_are_inputs_of_one_programme() -> None:
    """Whole on one device and in parts on eight alike; and another weight is no other programme."""
    one, many = case(Smoothed(), dropout=False), case(Smoothed(), parts=2, devices=8, dropout=False)
    found = []
    for of in (one, many):
        driven = replace(of.objective, driven=frozenset({"smoothed"}))
        on = replace(of, objective=driven, compiled=jax.jit(driven.gradients))
        everywhere = replicated(driven.mesh)
        first = jax.device_put(driven.beginning(), everywhere)
        assert float(first.weights["smoothed"]) == 0.5
        summands, gradient, kept = on.after(first)
        heavier = jax.device_put(replace(kept, weights={"smoothed": np.float32(3.0)}), everywhere)
        again, steeper, _ = on.after(heavier)
        assert on.compiled._cache_size() == 1
        assert float(again["penalty/smoothed"]) != float(summands["penalty/smoothed"])
        value, moved = float(summands["penalty/smoothed"]), np.asarray(kept.kept["smoothed"])
        found.append((value, _array(gradient), moved, _array(steeper)))
    for left, right in zip(*found, strict=True):
        np.testing.assert_allclose(right, left, rtol=1e-4, atol=1e-4)
    x, weights = np.asarray(one.batch["x"]), np.asarray(one.batch["weights"])
    mean = ((x @ _array(one.trainable)) * weights[:, None]).sum(0) / weights.sum()
    np.testing.assert_allclose(found[0][2], 0.5 + 0.5 * mean, rtol=1e-4, atol=1e-5)
