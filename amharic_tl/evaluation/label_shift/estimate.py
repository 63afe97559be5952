"""Two estimates of the classes' shares in unlabelled data: from a classifier's mistakes, and from its probabilities."""

from __future__ import annotations

import numpy as np


def conditional_confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """``C[i, j]``: the share of rows of class j that are predicted to be i, float64 ``[K, K]``.

    Args:
      labels: int ``[n]`` of held-out rows, 0 to K - 1.
      predicted: int ``[n]``.
      classes: K. A class without a row has a column of zeros.
    """
    counts = np.zeros((classes, classes))
    np.add.at(counts, (predicted, labels), 1.0)
    return normalised_columns(counts)


def normalised_columns(counts: np.ndarray) -> np.ndarray:
    """Columns that sum to 1; empty ones stay empty."""
    totals = counts.sum(axis=0)
    return np.divide(counts, totals, out=np.zeros_like(counts, dtype=np.float64), where=totals > 0)


def bbse(confusion: np.ndarray, predicted_shares: np.ndarray) -> np.ndarray:
    """Black-box shift estimation (Lipton, Wang & Smola 2018): q of ``C q = mu``, float64 ``[K]``, summing to 1.

    Solved by non-negative least squares (``scipy.optimize.nnls``) instead of an inverse, which can give negative
    shares, and scaled to sum to 1. Right for any classifier whose C can be inverted, calibrated or not.

    Args:
      confusion: C as of :func:`conditional_confusion`.
      predicted_shares: mu ``[K]``: how often each class is predicted in the unlabelled data.
    """
    from scipy.optimize import nnls

    found, _ = nnls(confusion, predicted_shares)
    total = found.sum()
    return found / total if total > 0 else np.full(len(found), 1.0 / len(found))


def expectation_maximisation(
    probabilities: np.ndarray,
    prior: np.ndarray,
    start: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    tolerance: float = 1e-6,
    most: int = 1000,
) -> np.ndarray:
    """The shares that make unlabelled predictions likeliest (Saerens, Latinne & Decaestecker 2002, equation 2.9).

    Each round corrects the probabilities to the shares of the round before and takes their mean. It rests on
    calibrated probabilities: those of an overconfident model mislead it.

    Args:
      probabilities: p(y | x) of a model fit under ``prior``, ``[m, K]``.
      prior: the shares that the model learned under, ``[K]``.
      start: where to begin; None: the prior.
      weights: how often each row counts, ``[m]``; None: once.
      tolerance: the change of any share that is small enough to stop.
      most: rounds.

    Returns:
      Shares ``[K]`` float64, summing to 1.
    """
    likelihoods = np.divide(probabilities, prior, out=np.zeros(probabilities.shape), where=prior > 0)
    shares = np.asarray(prior if start is None else start, np.float64)
    for _ in range(most):
        posterior = likelihoods * shares
        posterior /= np.maximum(posterior.sum(axis=1, keepdims=True), 1e-300)
        found = np.average(posterior, axis=0, weights=weights)
        done = np.abs(found - shares).max() < tolerance
        shares = found
        if done:
            break
    return shares / shares.sum()
