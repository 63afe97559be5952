"""Proxy-A-distance: how well a linear classifier tells two collections apart (Ben-David et al. 2006)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

FOLDS = 5
MOST_TEXTS = 1000
LEAST_TEXTS = 4 * FOLDS
RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class ProxyA:
    """``distance`` = 2 (1 - 2 ``error``), at least 0: 0 where the classifier guesses, 2 where it is always right.

    ``low`` and ``high``: 95% bootstrap interval over the texts' held-out predictions. ``baseline``: the distance
    between two halves of one collection, the mean of both, None where these are too small. ``texts``: of each side.
    """

    distance: float
    low: float
    high: float
    error: float
    baseline: float | None
    texts: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def proxy_a_distance(
    first: Any,
    second: Any,
    groups: tuple[Sequence[object], Sequence[object]] | None = None,
    *,
    strength: float = 1.0,
    most: int = MOST_TEXTS,
    seed: int = 0,
) -> ProxyA | None:
    """The proxy-A-distance with an L2-regularised logistic regression, cross-validated over 5 folds.

    As many texts of both sides are taken, so that a guess errs in half of them.

    Args:
      first, second: features ``[texts, features]``, dense or sparse: scaled counts, or a model's vectors.
      groups: of the texts of each side, which no fold may separate (near-duplicates); None: each text alone.
      strength: the inverse of the regularisation (scikit-learn's C).
      most: texts of a side, drawn where there are more.
      seed: of the draws and the folds.

    Returns:
      None with fewer than 20 texts on a side.
    """
    sides = _Side(first, _names(first, groups and groups[0], 0)), _Side(second, _names(second, groups and groups[1], 1))
    size = min(len(sides[0].names), len(sides[1].names), most)
    if size < LEAST_TEXTS:
        return None
    generator = np.random.default_rng(seed)
    drawn = [side.drawn(size, generator)[0] for side in sides]
    wrong = _held_out_errors(drawn[0], drawn[1], generator, strength)
    half = min(size, *(len(side.names) // 2 for side in sides))
    within = [
        _distance(_held_out_errors(*side.drawn(half, generator), generator, strength).mean())
        for side in sides
        if half >= LEAST_TEXTS
    ]
    errors = [generator.choice(part, (RESAMPLES, size)).mean(axis=1) for part in np.split(wrong, 2)]
    low, high = np.quantile(_distance((errors[0] + errors[1]) / 2), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return ProxyA(
        distance=float(_distance(wrong.mean())),
        low=float(low),
        high=float(high),
        error=float(wrong.mean()),
        baseline=float(np.mean(within)) if within else None,
        texts=size,
    )


@dataclass(frozen=True)
class _Side:
    """The features of one collection, and what each text belongs to."""

    features: Any
    names: np.ndarray

    def drawn(self, size: int, generator: np.random.Generator) -> tuple[_Side, _Side]:
        """``size`` texts and as many of the others (fewer where there are no more)."""
        order = generator.permutation(len(self.names))
        parts = order[:size], order[size : 2 * size]
        return _Side(self.features[parts[0]], self.names[parts[0]]), _Side(
            self.features[parts[1]], self.names[parts[1]]
        )


def _names(features: Any, groups: Sequence[object] | None, side: int) -> np.ndarray:
    """A name a text as text: those of ``groups``, which both sides may share, or one of its own."""
    if groups is None:
        return np.asarray([f"{side}:{row}" for row in range(features.shape[0])])
    if len(groups) != features.shape[0]:
        raise ValueError(f"expected a group for each of {features.shape[0]} texts, found {len(groups)}")
    return np.asarray([str(name) for name in groups])


def _held_out_errors(first: _Side, second: _Side, generator: np.random.Generator, strength: float) -> np.ndarray:
    """float ``[texts of both sides]``: 1 where a text was put on the wrong side by a classifier without its fold."""
    from scipy.sparse import issparse, vstack
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from threadpoolctl import threadpool_limits

    parts = first.features, second.features
    features = vstack(parts, format="csr") if issparse(parts[0]) else np.concatenate(parts)
    sides = np.repeat([0, 1], [len(first.names), len(second.names)])
    names = np.concatenate([first.names, second.names])
    wrong = np.zeros(len(sides))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=int(generator.integers(2**31)))
    for train, held_out in folds.split(features, sides, names):
        if len(np.unique(sides[train])) < 2:
            wrong[held_out] = 0.5  # nothing to learn from: a guess
            continue
        classifier = LogisticRegression(C=strength, max_iter=200, class_weight="balanced")
        with threadpool_limits(1):  # threads that wait for one another cost more than products this small
            classifier.fit(features[train], sides[train])
        wrong[held_out] = classifier.predict(features[held_out]) != sides[held_out]
    return wrong


def _distance(error: Any) -> Any:
    return np.maximum(0.0, 2.0 * (1.0 - 2.0 * error))
