"""The loss and the scores of tagged words against arithmetic."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from amharic_tl.models.output import ModelOutput
from amharic_tl.tasks.prepare_tagging import tagging_fields
from amharic_tl.tasks.token_classification import TokenClassification

LABELS = ["O", "B-PER", "I-PER"]
# Two sentences of three words and a filler row; a word that was cut off, one with a tag that train lacks.
BATCH = {
    "starts": jnp.asarray([[1, 2, 4], [1, 3, -1], [-1, -1, -1]]),
    "labels": jnp.asarray([[1, 2, 3], [0, 1, 1], [-1, -1, -1]]),
    "weights": jnp.asarray([1.0, 1.0, 0.0]),
    "row_index": jnp.asarray([5, 2, -1]),
}
LOGITS = jnp.asarray(np.random.default_rng(0).normal(size=(3, 6, 3)), jnp.float32)


def test_the_loss_is_hugging_faces_with_ignored_pieces() -> None:
    """Mean cross-entropy over the labels of first pieces, all other pieces labelled -100."""
    ours = TokenClassification(LABELS, ["B-DATE"])
    labels = np.full((3, 6), -100)
    labels[0, 1], labels[0, 2], labels[1, 1], labels[1, 3] = 1, 2, 0, 1
    log_probs, kept = jax.nn.log_softmax(LOGITS), labels >= 0
    picked = np.take_along_axis(np.asarray(log_probs), np.maximum(labels, 0)[..., None], axis=-1)[..., 0]
    loss = float(ours.loss(ModelOutput(logits=LOGITS), BATCH))
    weights = ours.loss_weights(BATCH)
    assert float(weights.sum()) == 4.0
    assert loss / 4.0 == pytest.approx(-picked[kept].mean(), rel=1e-6)


def test_class_weights_and_smoothing() -> None:
    weights = np.asarray([0.5, 2.0, 3.0], np.float32)
    task = TokenClassification(LABELS, ["B-DATE"], weights, label_smoothing=0.2)
    np.testing.assert_allclose(task.loss_weights(BATCH), [[2.0, 3.0, 0.0], [0.5, 2.0, 0.0], [0.0] * 3])
    log_probs = np.asarray(jax.nn.log_softmax(LOGITS))
    expected = sum(
        weight * -(0.8 * log_probs[row, place, label] + 0.2 * log_probs[row, place].mean())
        for row, place, label, weight in ((0, 1, 1, 2.0), (0, 2, 2, 3.0), (1, 1, 0, 0.5), (1, 3, 1, 2.0))
    )
    assert float(task.loss(ModelOutput(logits=LOGITS), BATCH)) == pytest.approx(expected, rel=1e-6)


def test_evaluation_speaks_of_words() -> None:
    task = TokenClassification(LABELS, ["B-DATE"])
    logits = jnp.full((3, 6, 3), -5.0)
    for row, place, label in ((0, 1, 1), (0, 2, 2), (0, 4, 1), (1, 1, 0), (1, 3, 1)):
        logits = logits.at[row, place, label].set(5.0)
    found = {name: np.asarray(value) for name, value in task.evaluate(ModelOutput(logits=logits), BATCH).items()}
    assert found["predicted"].tolist() == [[1, 2, 1], [0, 1, 0], [-1, -1, -1]]
    assert found["words"].tolist() == [2, 2, 0]
    assert task.tags_of(found["gold"])[:2] == [["B-PER", "I-PER", "B-DATE"], ["O", "B-PER", "B-PER"]]
    scores = task.score(found)
    # Gold: PER, DATE; PER, PER. Found: PER, PER (for DATE); PER. Right: two.
    assert scores["entity_precision"] == pytest.approx(2 / 3) and scores["entity_recall"] == 0.5
    assert scores["accuracy"] == pytest.approx(4 / 6)
    assert scores["loss"] == pytest.approx(float(np.log1p(2 * np.exp(-10))), rel=1e-3)
    assert set(scores) == {"loss", "entity_f1", "entity_precision", "entity_recall", "accuracy", "f1/PER"}


def test_batches_hold_every_word_of_an_evaluation_and_those_with_pieces_in_training() -> None:
    starts, labels = [np.asarray([1, 2, -1, -1])], [np.asarray([0, 1, 2, 0])]
    rows = np.asarray([0, -1])
    train = tagging_fields(starts, labels, None)(rows, 3, 0)
    assert train["starts"].tolist() == [[1, 2, -1], [-1, -1, -1]]
    assert train["labels"].tolist() == [[0, 1, 2], [-1, -1, -1]]
    whole = tagging_fields(starts, labels, 5)(rows, 3, 0)
    assert whole["labels"].tolist() == [[0, 1, 2, 0, -1], [-1] * 5]
    assert whole["weights"].tolist() == [1.0, 0.0]
