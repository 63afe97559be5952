"""Correction for many tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm_adjusted(p_values: Sequence[float]) -> list[float]:
    """p-values that may be compared with a family-wise level (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.zeros(len(p_values))
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return [float(value) for value in adjusted]
