"""The regularised H-score: variance between classes over variance in all (Bao et al. 2019; Ibrahim et al. 2022)."""

from __future__ import annotations

import numpy as np


def h_score(features: np.ndarray, labels: np.ndarray) -> float | None:
    """tr(S^-1 (1 - a) B), at most the number of classes less one; higher is better. None for features that are alike.

    ``S`` is the covariance of the features, shrunk towards a multiple of the identity by Ledoit and Wolf's ``a``,
    without which it cannot be inverted where there are fewer rows than dimensions; ``B`` the covariance of the class
    means, each as often as its class (Ibrahim et al. 2022).

    Args:
      features: ``[rows, dimensions]``.
      labels: ``[rows]``.
    """
    from scipy.linalg import cho_factor, cho_solve
    from sklearn.covariance import LedoitWolf

    centred = np.asarray(features, np.float64)
    centred = centred - centred.mean(axis=0)
    if not centred.any():
        return None
    fitted = LedoitWolf(store_precision=False, assume_centered=True).fit(centred)
    names, number = np.unique(labels, return_inverse=True)
    counts = np.bincount(number).astype(np.float64)
    sums = np.zeros((len(names), centred.shape[1]))
    np.add.at(sums, number, centred)
    # B = W' W with a row sqrt(n_c / n) (mean_c - mean) for each class: the trace needs no product of large matrices.
    weighted = sums / np.sqrt(counts * len(number))[:, None]
    try:
        solved = cho_solve(cho_factor(fitted.covariance_), weighted.T)
    except np.linalg.LinAlgError:  # shrinkage 0 of a covariance without full rank
        return None
    return float((1.0 - fitted.shrinkage_) * np.einsum("cd,dc->", weighted, solved))
