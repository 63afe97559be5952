"""LogME: how well a Bayesian linear regression explains the labels by the features (You et al., ICML 2021)."""

from __future__ import annotations

import numpy as np

MOST_ROUNDS = 100
TOLERANCE = 1e-6
_HUGE = 1e12


def log_evidence(features: np.ndarray, targets: np.ndarray) -> float:
    """The largest log evidence of a linear regression of one target, divided by the rows (You et al. 2021, eq. 2).

    Weights are drawn from N(0, 1/alpha), noise from N(0, 1/beta). alpha and beta are raised to their best values by
    MacKay's fixed point (algorithm 1 there): alpha = gamma / |m|^2, beta = (n - gamma) / |F m - y|^2.

    Args:
      features: float64 ``[rows, dimensions]``.
      targets: float64 ``[rows]``.
    """
    return float(_evidences(*_spectrum(features, targets[:, None]))[0])


def logme(features: np.ndarray, labels: np.ndarray) -> float:
    """The mean over classes of :func:`log_evidence` of being of this class or not; higher is better.

    Args:
      features: ``[rows, dimensions]``, as they are: LogME is not invariant to shifts, and is not centred in the paper.
      labels: ``[rows]``.
    """
    targets = (labels[:, None] == np.unique(labels)[None, :]).astype(np.float64)
    return float(np.mean(_evidences(*_spectrum(np.asarray(features, np.float64), targets))))


def _spectrum(features: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, int]:
    """Squared singular values ``[r]``, squared targets along them ``[r, t]``, the rest of them ``[t]``, and sizes."""
    from scipy.linalg import eigh

    rows, dimensions = features.shape
    wide = rows < dimensions
    squares, vectors = eigh(features @ features.T if wide else features.T @ features)
    kept = squares > squares.max(initial=0.0) * max(rows, dimensions) * np.finfo(np.float64).eps
    squares, vectors = squares[kept], vectors[:, kept]
    # Of wide features the vectors lie along the rows, of others along the dimensions.
    along = (vectors.T @ targets) ** 2 if wide else (vectors.T @ (features.T @ targets)) ** 2 / squares[:, None]
    rest = np.maximum((targets**2).sum(axis=0) - along.sum(axis=0), 0.0)
    return squares, along, rest, rows, dimensions


def _evidences(squares: np.ndarray, along: np.ndarray, rest: np.ndarray, rows: int, dimensions: int) -> np.ndarray:
    """The evidence of each target over ``rows``, all fixed points followed at once."""
    targets = along.shape[1]
    alpha, beta = np.ones(targets), np.ones(targets)
    for _ in range(MOST_ROUNDS):
        shrunk = alpha + beta * squares[:, None]
        gamma = (beta * squares[:, None] / shrunk).sum(axis=0)
        weight = (beta**2 * squares[:, None] * along / shrunk**2).sum(axis=0)
        error = rest + (alpha**2 * along / shrunk**2).sum(axis=0)
        new_alpha = np.clip(gamma / np.maximum(weight, 1 / _HUGE), 1 / _HUGE, _HUGE)
        new_beta = np.clip((rows - gamma) / np.maximum(error, 1 / _HUGE), 1 / _HUGE, _HUGE)
        moved = np.maximum(np.abs(np.log(new_alpha / alpha)), np.abs(np.log(new_beta / beta)))
        alpha, beta = new_alpha, new_beta
        if (moved < TOLERANCE).all():
            break
    shrunk = alpha + beta * squares[:, None]
    weight = (beta**2 * squares[:, None] * along / shrunk**2).sum(axis=0)
    error = rest + (alpha**2 * along / shrunk**2).sum(axis=0)
    logs = np.log(shrunk).sum(axis=0) + (dimensions - len(squares)) * np.log(alpha)
    evidence = dimensions * np.log(alpha) + rows * np.log(beta) - logs - beta * error - alpha * weight
    return (evidence - rows * np.log(2 * np.pi)) / 2 / rows
