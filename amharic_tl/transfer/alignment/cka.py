"""How alike two representations of the same texts are: debiased linear CKA, in minibatches of bounded memory.

Centred kernel alignment compares what two sets of features say about which texts are alike, whatever their rotation
and scale. The usual estimate is biased upwards where rows are few beside features (0.9 for pure noise is easily
reached); this one is not. Known limits: it is led by outliers, and can be moved without changing what a model computes
(Davari et al. 2023). A diagnosis, never a criterion of selection.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

# The estimate divides by n (n - 3).
FEWEST_ROWS = 4


def unbiased_hsic(kernel: np.ndarray, other: np.ndarray) -> float:
    """HSIC_1, the unbiased estimate of the Hilbert-Schmidt independence criterion (Song et al. 2012, equation 5).

    ``(tr(K L) + 1'K1 1'L1 / ((n-1)(n-2)) - 2 1'K L 1 / (n-2)) / (n (n-3))`` with the diagonals of K and L set to 0.

    Args:
      kernel: K ``[n, n]``, symmetric; n at least 4.
      other: L ``[n, n]``.
    """
    n = len(kernel)
    if n < FEWEST_ROWS:
        raise ValueError(f"expected at least {FEWEST_ROWS} rows, found {n}")
    k, m = kernel - np.diag(np.diag(kernel)), other - np.diag(np.diag(other))
    trace = np.sum(k * m)
    both = k.sum() * m.sum() / ((n - 1) * (n - 2))
    cross = 2.0 * k.sum(axis=0) @ m.sum(axis=0) / (n - 2)
    return float((trace + both - cross) / (n * (n - 3)))


@dataclass
class MinibatchCKA:
    """Linear CKA of features that arrive batch by batch (Nguyen, Raghu & Kornblith 2021, equation 3).

    ``mean HSIC(K, L) / sqrt(mean HSIC(K, K) * mean HSIC(L, L))`` with means over batches and K, L the inner products
    of rows; independent of the batch size in expectation, as HSIC_1 is unbiased. May leave [0, 1] a little.
    """

    _sums: np.ndarray = field(default_factory=lambda: np.zeros(3))
    rows: int = 0

    def add(self, features: np.ndarray, others: np.ndarray) -> None:
        """Takes a batch: ``[n, d]`` and ``[n, e]`` of the same rows, n at least 4."""
        if len(features) != len(others):
            raise ValueError(f"expected the same rows, found {len(features)} and {len(others)}")
        kernel, other = (of.astype(np.float64) @ of.astype(np.float64).T for of in (features, others))
        pairs = ((kernel, other), (kernel, kernel), (other, other))
        self._sums += [unbiased_hsic(*pair) for pair in pairs]
        self.rows += len(features)

    @property
    def value(self) -> float:
        """CKA; not a number before a batch was taken, or where all rows of either are the same."""
        cross, own, other = self._sums
        return float(cross / np.sqrt(own * other)) if own > 0 and other > 0 else float("nan")
