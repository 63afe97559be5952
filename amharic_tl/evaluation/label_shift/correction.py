"""Predictions for other shares of the classes than those that a model learned under."""

from __future__ import annotations

import numpy as np


def corrected(probabilities: np.ndarray, prior: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """``p'(y | x) ~ p(y | x) q(y) / p(y)`` (Saerens et al. 2002, equation 2.4), rows summing to 1.

    Args:
      probabilities: p(y | x), ``[m, K]``.
      prior: p, the shares that the model learned under; a class without any stays at 0.
      shares: q, those of the data it is asked about.
    """
    ratio = np.divide(shares, prior, out=np.zeros(len(prior)), where=prior > 0)
    found = probabilities * ratio
    totals = found.sum(axis=1, keepdims=True)
    # A row whose every likely class is ruled out keeps what the model said.
    return np.where(totals > 0, found / np.maximum(totals, 1e-300), probabilities)


def learned_prior(counts: np.ndarray, balanced: bool) -> np.ndarray:
    """The shares that a model learns under: those of its training rows, or equal ones with balanced class weights."""
    present = counts > 0
    return present / present.sum() if balanced else counts / counts.sum()
