"""Worlds in which nothing differs: predictions of two or more arms that are equally good, and known to be."""

from __future__ import annotations

import numpy as np

CLASSES = 3


def gold_labels(generator: np.random.Generator, items: int) -> np.ndarray:
    """int ``[items]``: three classes, the rarest a sixth."""
    return generator.choice(CLASSES, size=items, p=[1 / 2, 1 / 3, 1 / 6])


def cluster_of_items(generator: np.random.Generator, items: int, clustered: bool) -> np.ndarray:
    """int ``[items]``: every item by itself, or in clusters of one to six."""
    if not clustered:
        return np.arange(items)
    sizes = generator.integers(1, 7, size=items)
    return np.repeat(np.arange(items), sizes)[:items]


def predictions(
    generator: np.random.Generator,
    gold: np.ndarray,
    clusters: np.ndarray,
    arms: int,
    seeds: int,
    *,
    of_arm: float,
    of_seed: float,
    collapse: float = 0.0,
) -> np.ndarray:
    """int ``[arms, seeds, items]``.

    Whether a prediction is right depends on a sum of normal effects: how hard the cluster is, the same for all; what
    the cluster is to the arm (``of_arm``), to the run (1), and how good the run is (``of_seed``). All arms have the
    same distribution of these, so that over items and seeds they are equally good. A share ``collapse`` of the runs
    predicts the first class throughout.
    """
    count = clusters.max() + 1
    hard = generator.normal(0, 1, count)
    arm = generator.normal(0, of_arm, (arms, 1, count)) if of_arm else np.zeros((arms, 1, count))
    run = generator.normal(0, 1, (arms, seeds, count))
    quality = generator.normal(0, of_seed, (arms, seeds, 1)) if of_seed else 0.0
    item = generator.normal(0, 0.5, (arms, seeds, len(gold)))
    right = 0.8 + (hard + arm + run + quality)[..., clusters] + item > 0
    wrong = (gold + generator.integers(1, CLASSES, right.shape)) % CLASSES
    predicted = np.where(right, gold, wrong)
    predicted[generator.random((arms, seeds)) < collapse] = 0
    return predicted


def sums(gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """``[..., items, 3 * classes + 1]``, as :mod:`amharic_tl.evaluation.compare.measures` has them."""
    eye = np.eye(CLASSES)
    hit = (predicted == gold)[..., None] * eye[predicted]
    truth = np.broadcast_to(eye[gold], hit.shape)
    return np.concatenate([hit, truth, eye[predicted], np.ones((*hit.shape[:-1], 1))], axis=-1)
