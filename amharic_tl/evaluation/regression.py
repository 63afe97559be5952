"""Metrics of predicted numbers, with intervals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from amharic_tl.evaluation.intervals import LEVEL, RESAMPLES, Intervals, bca, resample

METHOD = (
    f"{LEVEL:.0%} intervals: BCa bootstrap over rows ({RESAMPLES:,} resamples) for the errors, Fisher's z for "
    "Pearson's correlation, Bonett and Wright's for Spearman's"
)


def regression_metrics(labels: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """``mse mae pearson spearman``; nothing where there are no rows.

    A correlation is NaN where the labels or the predictions are all alike.

    Args:
      labels: ``[rows]``.
      predicted: ``[rows]``.
    """
    if len(labels) == 0:
        return {}
    error = predicted.astype(np.float64) - labels
    return {
        "mse": float(np.mean(error**2)),
        "mae": float(np.mean(np.abs(error))),
        "pearson": _pearson(labels, predicted),
        "spearman": _pearson(ranks(labels), ranks(predicted)),
    }


def row_sums(labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """float64 ``[rows, 8]``, whose sums these metrics are functions of, but for Spearman's: its ranks are no sums."""
    labels, predicted = labels.astype(np.float64), predicted.astype(np.float64)
    error = predicted - labels
    # Correlations do not change when both are moved; near 0 their sums of squares keep more digits.
    x, y = labels - labels.mean(), predicted - labels.mean()
    return np.stack([error**2, np.abs(error), x, y, x * x, y * y, x * y, np.ones_like(x)], axis=1)


def metrics_of_sums(sums: np.ndarray) -> dict[str, np.ndarray]:
    """``mse mae pearson`` of sums ``[..., 8]``, each ``[...]``; a correlation with something constant is NaN."""
    n = np.maximum(sums[..., 7], 1)
    square, absolute, x, y, xx, yy, xy = (sums[..., column] / n for column in range(7))
    spread = np.maximum(xx - x * x, 0) * np.maximum(yy - y * y, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        pearson = np.where(spread > 1e-24, (xy - x * y) / np.sqrt(spread), np.nan)
    return {"mse": square, "mae": absolute, "pearson": pearson}


def regression_intervals(labels: np.ndarray, predicted: np.ndarray, seed: int = 0) -> Intervals:
    """95% intervals of these metrics, see :data:`METHOD`; one that cannot be estimated is left out."""
    metrics, n = regression_metrics(labels, predicted), len(labels)
    if n < 4:
        return {}
    error = np.abs(predicted.astype(np.float64) - labels)
    units = np.stack([error**2, error], axis=1)
    counts = np.ones(n, np.int64)
    total, resampled = units.sum(axis=0), resample(units, counts, seed) / n
    found: Intervals = {}
    for index, name in enumerate(("mse", "mae")):
        if np.ptp(resampled[:, index]) > 0:
            left_out = (total[index] - units[:, index]) / (n - 1)
            found[name] = bca(resampled[:, index], metrics[name], left_out, counts)
    if math.isfinite(metrics["pearson"]):
        found["pearson"] = _fisher(metrics["pearson"], 1 / math.sqrt(n - 3))
        # The variance of z for rank correlations: Bonett & Wright 2000.
        rank = metrics["spearman"]
        found["spearman"] = _fisher(rank, math.sqrt((1 + rank**2 / 2) / (n - 3)))
    return found


def regression_summary(labels: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """What evaluation.json holds of a split."""
    return {
        "n": len(labels),
        "metrics": regression_metrics(labels, predicted),
        "intervals": {name: list(ends) for name, ends in regression_intervals(labels, predicted).items()},
        "interval": METHOD,
    }


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    if _alike(a) or _alike(b):
        return float("nan")
    a, b = a - a.mean(dtype=np.float64), b - b.mean(dtype=np.float64)
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


def _alike(values: np.ndarray) -> bool:
    """Whether numbers differ by no more than what float32 rounds off."""
    return bool(np.ptp(values) <= 2 * np.finfo(np.float32).eps * np.abs(values).max())


def ranks(values: np.ndarray) -> np.ndarray:
    """float64, from 1; ties share their mean rank."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values))


def _fisher(correlation: float, deviation: float) -> tuple[float, float]:
    """An interval on the scale of Fisher's z, sent back."""
    from scipy.stats import norm

    z = math.atanh(min(max(correlation, -1 + 1e-12), 1 - 1e-12))
    reach = float(norm.ppf((1 + LEVEL) / 2)) * deviation
    return math.tanh(z - reach), math.tanh(z + reach)
