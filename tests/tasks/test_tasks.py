"""Losses and scores of the tasks against arithmetic."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from amharic_tl.models.output import ModelOutput
from amharic_tl.tasks.characters import token_characters
from amharic_tl.tasks.language_model import HiddenOutputs
from amharic_tl.tasks.masked_lm import MaskedLM
from amharic_tl.tasks.sequence_classification import SequenceClassification, balanced_class_weights

LOGITS = jnp.asarray([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0], [5.0, 5.0, 5.0]])
BATCH = {
    "labels": jnp.asarray([0, 2, 1]),
    "weights": jnp.asarray([1.0, 1.0, 0.0]),
    "row_index": jnp.asarray([0, 1, -1]),
}


def test_the_loss_is_the_weighted_cross_entropy_of_real_rows() -> None:
    weights = np.asarray([0.5, 1.0, 2.0], np.float32)
    task = SequenceClassification(["ሀ", "ለ", "መ"], weights)
    log_probs = np.asarray(jax.nn.log_softmax(LOGITS))
    expected = -(0.5 * log_probs[0, 0] + 2.0 * log_probs[1, 2])
    assert float(task.loss(ModelOutput(logits=LOGITS), BATCH)) == pytest.approx(expected, rel=1e-6)
    assert float(task.loss_weights(BATCH).sum()) == pytest.approx(2.5)


def test_label_smoothing_is_a_mixture_with_the_uniform_target() -> None:
    log_probs = np.asarray(jax.nn.log_softmax(LOGITS))
    expected = -sum(0.7 * log_probs[row, label] + 0.3 * log_probs[row].mean() for row, label in ((0, 0), (1, 2)))
    task = SequenceClassification(["ሀ", "ለ", "መ"], label_smoothing=0.3)
    assert float(task.loss(ModelOutput(logits=LOGITS), BATCH)) == pytest.approx(expected, rel=1e-6)


def test_scores_leave_filler_out_and_count_unknown_labels_as_wrong() -> None:
    task = SequenceClassification(["ሀ", "ለ", "መ"])
    batch = {**BATCH, "labels": jnp.asarray([0, -1, 1])}
    gathered = {name: np.asarray(value) for name, value in task.evaluate(ModelOutput(logits=LOGITS), batch).items()}
    metrics = task.score(gathered)
    assert metrics["accuracy"] == 0.5
    assert metrics["loss"] == pytest.approx(-float(jax.nn.log_softmax(LOGITS)[0, 0]))


def test_balanced_weights_are_scikit_learns() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    labels = [0] * 7 + [1] * 2 + [2]
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(balanced_class_weights([7, 2, 1]), expected, rtol=1e-6)
    np.testing.assert_array_equal(balanced_class_weights([4, 0]), [0.5, 0.0])


def test_bits_per_character_count_what_was_masked() -> None:
    task = MaskedLM(np.asarray([1.0, 2.0, 4.0]))
    logits = jnp.log(jnp.asarray([[[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]]))
    batch = {"labels": jnp.asarray([[0, 2]]), "weights": jnp.asarray([[1.0, 1.0]])}
    output = HiddenOutputs(logits, lambda hidden: hidden)
    gathered = {name: np.asarray(value) for name, value in task.evaluate(output, batch).items()}
    metrics = task.score(gathered)
    assert metrics["bits_per_character"] == pytest.approx((1 + 2) / (1 + 4))
    assert metrics["loss"] == pytest.approx(1.5 * math.log(2))
    assert metrics["accuracy"] == 0.5
    assert float(task.loss(output, batch)) == pytest.approx(3 * math.log(2))


def test_characters_of_tokens() -> None:
    tokens = ["▁ሰላም", "##ዎች", "<0xE1>", "<0x88>", "<0x41>", "ሀ"]
    np.testing.assert_array_equal(token_characters(tokens), [4, 2, 1, 0, 1, 1])


def test_the_bytes_of_a_character_sum_to_one_in_gpt2s_alphabet() -> None:
    from tokenizers.pre_tokenizers import ByteLevel

    pieces = [piece for piece, _ in ByteLevel(add_prefix_space=False).pre_tokenize_str("ሰላም ለዓለም café")]
    assert token_characters(pieces, byte_level=True).sum() == len("ሰላም ለዓለም café")


@pytest.mark.parametrize("metric", ["loss", "bits_per_character"])
def test_which_way_is_better(metric: str) -> None:
    task = MaskedLM(np.ones(3))
    assert task.lower_is_better(metric) and not task.lower_is_better("accuracy")
