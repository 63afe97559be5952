"""A linear probe and nearest neighbours, each row predicted by a fit that has seen no near-duplicate of it."""

from __future__ import annotations

import warnings

import numpy as np

NEIGHBOURS = 10
# Standard deviation of a logit of standardised features under the probe's prior, whatever their number: a wide base is
# not given more freedom than a narrow one.
LOGIT_DEVIATION = 3.0
MOST_ROUNDS = 300


def probe_predictions(features: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Out-of-fold classes by an L2-regularised multinomial logistic regression on standardised features, ``[rows]``.

    Args:
      features: ``[rows, dimensions]``.
      labels: int ``[rows]``.
      folds: int ``[rows]``: the fold that each row is predicted in.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    def predict(train: np.ndarray, of: np.ndarray, test: np.ndarray) -> np.ndarray:
        strength = LOGIT_DEVIATION**2 / train.shape[1]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a probe that is nearly there serves as well
            return LogisticRegression(C=strength, max_iter=MOST_ROUNDS).fit(train, of).predict(test)

    return _out_of_fold(features, labels, folds, predict)


def neighbour_predictions(features: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Out-of-fold classes by the vote of the 10 nearest rows (cosine of standardised features, weighted by nearness).

    Arguments as :func:`probe_predictions`.
    """
    from sklearn.neighbors import KNeighborsClassifier

    def predict(train: np.ndarray, of: np.ndarray, test: np.ndarray) -> np.ndarray:
        nearest = KNeighborsClassifier(min(NEIGHBOURS, len(of)), metric="cosine", algorithm="brute", weights="distance")
        return nearest.fit(train, of).predict(test)

    return _out_of_fold(features, labels, folds, predict)


def _out_of_fold(features: np.ndarray, labels: np.ndarray, folds: np.ndarray, predict: object) -> np.ndarray:
    from sklearn.preprocessing import StandardScaler

    assert callable(predict)
    found = np.zeros(len(labels), labels.dtype)
    for fold in np.unique(folds):
        here = folds == fold
        of = labels[~here]
        if len(np.unique(of)) < 2:
            found[here] = of[0]
            continue
        scaler = StandardScaler().fit(features[~here])
        found[here] = predict(scaler.transform(features[~here]), of, scaler.transform(features[here]))
    return found
