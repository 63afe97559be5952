"""The scores against what they are defined as, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.covariance import LedoitWolf

from amharic_tl.studies.select_base.features import Features
from amharic_tl.studies.select_base.scores.h_score import h_score
from amharic_tl.studies.select_base.scores.logme import log_evidence, logme
from amharic_tl.studies.select_base.scores.probes import neighbour_predictions, probe_predictions
from amharic_tl.studies.select_base.scores.scoring import score
from amharic_tl.studies.select_base.task_data import TaskData


def classes(rows: int, dimensions: int, apart: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian features of three classes whose means lie ``apart`` standard deviations from 0."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, rows)
    means = apart * generator.standard_normal((3, dimensions)) / np.sqrt(dimensions)
    return generator.standard_normal((rows, dimensions)) + means[labels], labels


@pytest.mark.parametrize(("rows", "dimensions"), [(40, 6), (15, 25)])
def test_log_evidence_is_the_largest_marginal_likelihood(rows: int, dimensions: int) -> None:
    generator = np.random.default_rng(1)
    features = generator.standard_normal((rows, dimensions))
    targets = features[:, 0] + 0.5 * generator.standard_normal(rows)

    def minus_evidence(logs: np.ndarray) -> float:
        weights, noise = np.exp(-logs)
        return -float(multivariate_normal.logpdf(targets, cov=weights * features @ features.T + noise * np.eye(rows)))

    best = min(minimize(minus_evidence, start, method="Nelder-Mead").fun for start in ([0.0, 0.0], [2.0, 1.0]))
    assert log_evidence(features, targets) == pytest.approx(-best / rows, abs=1e-5)


def test_logme_is_the_mean_over_one_against_the_rest() -> None:
    features, labels = classes(60, 8, 2.0)
    each = [log_evidence(features, (labels == name).astype(float)) for name in range(3)]
    assert logme(features, labels) == pytest.approx(np.mean(each))


def test_logme_rises_with_what_features_tell() -> None:
    values = [logme(*classes(120, 16, apart)) for apart in (0.0, 2.0, 4.0)]
    assert values == sorted(values)


def test_h_score_is_the_trace_of_its_definition() -> None:
    features, labels = classes(90, 12, 3.0)
    fitted = LedoitWolf().fit(features)
    means = np.stack([features[labels == name].mean(axis=0) for name in labels])
    between = np.cov(means, rowvar=False, bias=True)
    expected = (1 - fitted.shrinkage_) * np.trace(np.linalg.inv(fitted.covariance_) @ between)
    assert h_score(features, labels) == pytest.approx(expected)


def test_h_score_does_not_blow_up_where_rows_are_fewer_than_dimensions() -> None:
    noise, far = (h_score(*classes(50, 200, apart)) for apart in (0.0, 40.0))
    assert noise is not None and far is not None
    assert 0 <= noise < 0.9 < far <= 2.0


def test_h_score_of_features_that_are_alike_is_not_defined() -> None:
    assert h_score(np.ones((30, 4)), np.arange(30) % 3) is None


@pytest.mark.parametrize("predict", [probe_predictions, neighbour_predictions])
def test_a_row_is_predicted_by_a_fit_that_has_not_seen_its_fold(predict: object) -> None:
    """Each row stands in the data four times, its class drawn by lot: only a copy in another fold gives it away."""
    assert callable(predict)
    generator = np.random.default_rng(0)
    features = np.repeat(generator.standard_normal((40, 20)), 4, axis=0)
    labels = np.repeat(generator.integers(0, 2, 40), 4)
    together, apart = np.repeat(np.arange(40) % 4, 4), np.tile(np.arange(4), 40)
    assert np.mean(predict(features, labels, apart) == labels) > 0.8
    assert np.mean(predict(features, labels, together) == labels) < 0.65


def task_of(labels: np.ndarray, clusters: np.ndarray) -> TaskData:
    names = [f"class {name}" for name in range(3)]
    folds = clusters % 3
    place = np.arange(len(labels))
    return TaskData("single-label", [], [], [], names, labels, clusters, folds, place, "", [])


def test_every_score_prefers_the_layer_that_tells_classes_apart() -> None:
    good, labels = classes(150, 10, 4.0)
    bad, _ = classes(150, 10, 0.0, seed=5)
    features = Features(["layer 0", "layer 1"], {"mean": np.stack([bad, good], axis=1)})
    found = score(features, task_of(labels, np.arange(150)), lambda doing: None)
    assert set(found) == {"probe", "knn", "logme", "h_score"}
    for one in found.values():
        assert one["layer"] == "layer 1"
        assert one["interval"][0] < one["value"] < one["interval"][1]


def test_intervals_are_over_clusters() -> None:
    """Copies of a row bring nothing new: with them as one cluster the interval does not shrink."""
    features, labels = classes(60, 6, 1.5)
    once = Features(["layer 0"], {"mean": features[:, None]})
    copied = Features(["layer 0"], {"mean": np.tile(features, (4, 1))[:, None]})
    single = score(once, task_of(labels, np.arange(60)), lambda doing: None)
    clustered = score(copied, task_of(np.tile(labels, 4), np.tile(np.arange(60), 4)), lambda doing: None)
    blind = score(copied, task_of(np.tile(labels, 4), np.arange(240)), lambda doing: None)

    def width(found: dict, name: str) -> float:
        return found[name]["interval"][1] - found[name]["interval"][0]

    for name in ("probe", "h_score"):
        assert width(clustered, name) > 0.7 * width(single, name)
        assert width(blind, name) < 0.7 * width(single, name)
