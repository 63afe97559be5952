"""Divergences of what tasks predict, against scipy."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, rel_entr, softmax

from amharic_tl.tasks.base import Distributional
from amharic_tl.tasks.language_model import HiddenOutputs
from amharic_tl.tasks.masked_lm import MaskedLM
from amharic_tl.tasks.multi_label import MultiLabelClassification
from amharic_tl.tasks.regression import Regression
from amharic_tl.tasks.sequence_classification import SequenceClassification
from amharic_tl.tasks.token_classification import TokenClassification
from amharic_tl.tasks.token_losses import token_divergences

GENERATOR = np.random.default_rng(0)


def _two(*shape: int) -> tuple[Any, Any]:
    first, second = (GENERATOR.normal(size=shape).astype(np.float32) for _ in range(2))
    return SimpleNamespace(logits=jnp.asarray(first)), SimpleNamespace(logits=jnp.asarray(second))


def _kl(first: Any, second: Any) -> np.ndarray:
    p, q = (softmax(np.asarray(of.logits, np.float64), axis=-1) for of in (first, second))
    return rel_entr(p, q).sum(axis=-1)


def test_classes_are_compared_row_by_row_with_the_weights_of_the_loss() -> None:
    first, second = _two(3, 4)
    batch: Any = {"labels": jnp.asarray([0, 3, 1]), "weights": jnp.asarray([1.0, 1.0, 0.0])}
    task = SequenceClassification(list("abcd"), class_weights=np.asarray([2.0, 1.0, 1.0, 0.5]))
    expected = _kl(first, second) @ [2.0, 0.5, 0.0]
    assert float(task.divergence(first, second, batch)) == pytest.approx(expected, rel=1e-5)


def test_labels_of_a_set_are_coins() -> None:
    first, second = _two(2, 3)
    batch: Any = {"labels": jnp.ones((2, 3)), "weights": jnp.asarray([1.0, 0.0])}
    p, q = (expit(np.asarray(of.logits, np.float64)[0]) for of in (first, second))
    expected = (rel_entr(p, q) + rel_entr(1 - p, 1 - q)).sum()
    found = MultiLabelClassification(list("abc")).divergence(first, second, batch)
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_tags_are_compared_at_the_first_pieces_of_words() -> None:
    first, second = _two(1, 5, 2)
    batch: Any = {
        "starts": jnp.asarray([[1, 3, -1]]), "labels": jnp.asarray([[0, 1, -1]]), "weights": jnp.ones(1),
    }  # fmt: skip
    found = TokenClassification(["B-X", "O"]).divergence(first, second, batch)
    assert float(found) == pytest.approx(_kl(first, second)[0, [1, 3]].sum(), rel=1e-5)


def test_masked_tokens_are_compared_at_the_places_that_are_used() -> None:
    first, second = _two(2, 2, 7)
    batch: Any = {"labels": jnp.zeros((2, 2), int), "weights": jnp.asarray([[1.0, 0.0], [1.0, 1.0]])}
    expected = (_kl(first, second) * np.asarray(batch["weights"])).sum()
    heads = (HiddenOutputs(of.logits, lambda hidden: hidden) for of in (first, second))
    assert float(MaskedLM(np.ones(7)).divergence(*heads, batch)) == pytest.approx(expected, rel=1e-5)


def test_next_tokens_are_compared_in_chunks_with_the_same_value_and_gradient() -> None:
    first, second = _two(2, 5, 3)
    table = jnp.asarray(GENERATOR.normal(size=(3, 11)), jnp.float32)

    def total(hidden: jax.Array, chunk: int) -> jax.Array:
        headed = ((lambda x: x @ table), hidden), ((lambda x: x @ table), second.logits)
        return token_divergences(*headed, chunk_logits=chunk).sum()

    both = [SimpleNamespace(logits=of.logits @ table) for of in (first, second)]
    value_and_gradient = jax.jit(jax.value_and_grad(total), static_argnums=1)
    whole, gradient = value_and_gradient(first.logits, 10**6)
    chunked, other = value_and_gradient(first.logits, 2 * 2 * 11)
    assert float(whole) == pytest.approx(_kl(*both).sum(), rel=1e-5)
    assert float(chunked) == pytest.approx(float(whole), rel=1e-5)
    np.testing.assert_allclose(np.asarray(other), np.asarray(gradient), atol=1e-5)


def test_a_number_is_no_distribution() -> None:
    assert not isinstance(Regression(), Distributional)
    assert isinstance(SequenceClassification(["a", "b"]), Distributional)
