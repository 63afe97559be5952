"""Each regulariser does what its paper says: values, gradients, and the minimum that they lead to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy.special import log_softmax, rel_entr, softmax

from amharic_tl.tasks.sequence_classification import SequenceClassification, class_losses
from amharic_tl.transfer.regularizers import L2SP, BaseKL, RDrop

ALPHA, BETA = 0.5, 0.25


def _parameters(old: float, new: float) -> nnx.State:
    """A vector with a pretrained value, a stack of two layers of which the upper is new, and a new head."""

    def param(name: str, value: Any, layers: tuple[int, ...] | None = None) -> nnx.Param[Any]:
        return nnx.Param(jnp.asarray(value, jnp.float32), hf_name=name, layers=layers, flax_leaf="bias", block=None)

    return nnx.State(
        {
            "embedding": param("embedding.weight", [old, old]),
            "stack": param("layer.{}.bias", [[old, old], [new, new]], (0, 1)),
            "head": param("head.weight", [new, new]),
        }
    )


def _term() -> L2SP:
    return L2SP(ALPHA, BETA, frozenset({"layer.1.bias", "head.weight"}))


def test_l2_sp_pulls_pretrained_parameters_to_their_start_and_new_ones_to_zero() -> None:
    start, now = _parameters(1.0, 5.0), _parameters(3.0, 2.0)
    term = _term()
    value, gradient = jax.jit(jax.value_and_grad(term.of_parameters))(now, start)
    expected = ALPHA / 2 * 4 * (3.0 - 1.0) ** 2 + BETA / 2 * 4 * 2.0**2
    assert term.weight * float(value) == pytest.approx(expected)
    pulls = {path[0]: np.asarray(leaf.get_value()) * term.weight for path, leaf in nnx.to_flat_state(gradient)}
    np.testing.assert_allclose(pulls["embedding"], ALPHA * 2.0)
    np.testing.assert_allclose(pulls["stack"], [[ALPHA * 2.0] * 2, [BETA * 2.0] * 2])
    np.testing.assert_allclose(pulls["head"], BETA * 2.0)


def test_l2_sp_ends_between_the_start_and_what_the_data_want() -> None:
    """For a loss of curvature c around t the minimum is (c t + alpha w0) / (c + alpha), not that of weight decay."""
    start, now, wanted, curvature = _parameters(1.0, 5.0), _parameters(1.0, 5.0), 4.0, 2.0
    term = _term()

    def objective(parameters: nnx.State) -> jax.Array:
        data = sum(0.5 * curvature * jnp.sum((leaf - wanted) ** 2) for leaf in jax.tree.leaves(parameters))
        return data + term.weight * term.of_parameters(parameters, start)

    descend = jax.jit(lambda p: jax.tree.map(lambda a, g: a - 0.3 * g, p, jax.grad(objective)(p)))
    for _ in range(60):
        now = descend(now)
    old, new = (curvature * wanted + ALPHA) / (curvature + ALPHA), curvature * wanted / (curvature + BETA)
    values = {path[0]: np.asarray(leaf.get_value()) for path, leaf in nnx.to_flat_state(now)}
    np.testing.assert_allclose(values["embedding"], old, rtol=1e-4)
    np.testing.assert_allclose(values["stack"], [[old] * 2, [new] * 2], rtol=1e-4)


TASK = SequenceClassification(["a", "b", "c"])
BATCH: Any = {"labels": jnp.asarray([0, 1, 2]), "weights": jnp.asarray([1.0, 1.0, 0.0])}


def _logits(seed: int) -> Any:
    return SimpleNamespace(logits=jnp.asarray(np.random.default_rng(seed).normal(size=(3, 3)), jnp.float32))


def _kl(first: Any, second: Any) -> float:
    """Of the two rows that weigh something, by scipy."""
    p, q = (np.exp(log_softmax(np.asarray(of.logits, np.float64)[:2], axis=1)) for of in (first, second))
    return float(rel_entr(p, q).sum())


def test_r_drop_is_half_its_papers_objective() -> None:
    part: Any = SimpleNamespace(outputs=_logits(0), again=_logits(1), batch=BATCH)
    term = RDrop(alpha=0.7, task=TASK)
    both = 0.5 * (_kl(part.outputs, part.again) + _kl(part.again, part.outputs))
    assert float(term.value(part)) == pytest.approx(both, rel=1e-5)
    first, second = (float(TASK.loss(of, BATCH)) for of in (part.outputs, part.again))
    # What the step minimises where a term asks for a second pass: the mean of both losses, and weight * value.
    assert 0.5 * (first + second) + term.weight * both == pytest.approx(0.5 * (first + second + 0.7 * both))
    assert np.asarray(term.item_weights(BATCH)).tolist() == [1.0, 1.0, 0.0]


def test_r_drop_of_two_equal_passes_is_nothing() -> None:
    """The same dropout twice: neither a value nor a gradient, which is why a run without dropout is refused."""
    task_value = lambda logits: RDrop(1.0, TASK).value(  # noqa: E731
        SimpleNamespace(outputs=SimpleNamespace(logits=logits), again=SimpleNamespace(logits=logits), batch=BATCH)
    )
    value, gradient = jax.jit(jax.value_and_grad(task_value))(_logits(0).logits)
    assert float(value) == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(np.asarray(gradient), 0.0, atol=1e-6)


def test_base_kl_is_the_divergence_from_the_base() -> None:
    part: Any = SimpleNamespace(outputs=_logits(0), base=_logits(1), batch=BATCH)
    assert float(BaseKL(1.0, TASK).value(part)) == pytest.approx(_kl(part.base, part.outputs), rel=1e-5)


def test_label_smoothing_stops_at_the_smoothed_distribution() -> None:
    """Szegedy et al. 2016, section 7: the target is (1 - e) 1[y] + e / K, so that the best logits stay apart by a
    finite gap; the gradient is the softmax less that target.
    """
    logits, smoothing = jnp.asarray([[2.0, -1.0, 0.5]]), 0.3
    gradient_at = jax.jit(jax.grad(lambda x: class_losses(x, jnp.asarray([0]), smoothing).sum()))
    gradient = gradient_at(logits)
    target = np.asarray([[1 - smoothing + smoothing / 3, smoothing / 3, smoothing / 3]])
    np.testing.assert_allclose(np.asarray(gradient), softmax(np.asarray(logits), axis=1) - target, atol=1e-6)
    best = jnp.asarray(np.log(target), jnp.float32)
    np.testing.assert_allclose(np.asarray(gradient_at(best)), 0.0, atol=1e-6)
