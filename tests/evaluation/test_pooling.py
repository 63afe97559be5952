"""From windows to texts, against arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from amharic_tl.tasks.multi_label import MultiLabelClassification
from amharic_tl.tasks.regression import Regression
from amharic_tl.tasks.sequence_classification import SequenceClassification
from amharic_tl.tasks.token_classification import TokenClassification

SOURCE = np.asarray([0, 1, 1, 1, 2])
ROWS = {"row_index": np.arange(5, dtype=np.int32), "weights": np.ones(5, np.float32)}


def test_classes_are_judged_by_mean_probabilities() -> None:
    probabilities = np.asarray([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.6, 0.4], [0.5, 0.5]], np.float32)
    gathered = {"probabilities": probabilities, "losses": np.ones(5), "labels": np.asarray([0, 1, 1, 1, -1]), **ROWS}
    task = SequenceClassification(["a", "b"])
    pooled = task.pool(gathered, SOURCE)
    # The mean of text 1 is (1.4, 1.6) / 3: two windows of three are outvoted by a surer one.
    np.testing.assert_allclose(pooled["probabilities"], [[0.9, 0.1], [1.4 / 3, 1.6 / 3], [0.5, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(pooled["losses"][:2], -np.log([0.9, 1.6 / 3]), rtol=1e-6)
    assert pooled["labels"].tolist() == [0, 1, -1] and pooled["row_index"].tolist() == [0, 1, 2]
    scores = task.score(pooled)
    assert scores["accuracy"] == pytest.approx(2 / 3)
    assert scores["loss"] == pytest.approx(-np.log([0.9, 1.6 / 3]).mean())


def test_sets_and_numbers() -> None:
    flags = np.asarray([[1, 0], [0, 1], [0, 1], [0, 1], [1, 1]], np.float32)
    probabilities = np.asarray([[0.8, 0.4], [0.3, 0.2], [0.0, 0.8], [0.3, 0.8], [1.0, 0.5]], np.float32)
    task = MultiLabelClassification(["a", "b"])
    gathered = {"probabilities": probabilities, "losses": np.zeros(5), "labels": flags, **ROWS}
    pooled = task.pool(gathered, SOURCE)
    np.testing.assert_allclose(pooled["probabilities"][1], [0.2, 0.6], rtol=1e-6)
    np.testing.assert_allclose(pooled["losses"][1], -np.log([0.8, 0.6]).mean(), rtol=1e-6)
    numbers = {"predictions": np.asarray([1.0, 2, 3, 7, 5], np.float32), "labels": np.arange(5.0), **ROWS}
    assert Regression().pool(numbers, SOURCE)["predictions"].tolist() == [1.0, 4.0, 5.0]


def test_tags_are_put_one_after_the_other() -> None:
    gold = np.asarray([[0, 1, -1], [1, -1, -1], [2, 0, 0], [0, 1, -1], [0, -1, -1]])
    gathered = {
        "gold": gold,
        "predicted": np.where(gold >= 0, gold + 1, -1),
        "nats": np.arange(5.0, dtype=np.float32),
        "words": (gold >= 0).sum(axis=1),
        **ROWS,
    }
    pooled = TokenClassification(["O", "B-A", "I-A", "B-B"]).pool(gathered, SOURCE)
    assert pooled["gold"].tolist() == [[0, 1, -1, -1, -1, -1], [1, 2, 0, 0, 0, 1], [0, -1, -1, -1, -1, -1]]
    assert pooled["predicted"].tolist() == [[1, 2, -1, -1, -1, -1], [2, 3, 1, 1, 1, 2], [1, -1, -1, -1, -1, -1]]
    assert pooled["nats"].tolist() == [0.0, 6.0, 4.0] and pooled["words"].tolist() == [2, 6, 1]
