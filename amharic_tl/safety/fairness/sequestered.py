"""How often a model finds harm in the harmless sentences of a sequestered bank, by group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from amharic_tl.culture.benign import BenignItem
from amharic_tl.evaluation.intervals import wilson
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.statistics import FEWEST_FAMILIES


def bank_texts(items: Sequence[BenignItem], operator: SwapOperator) -> list[tuple[str, str, str]]:
    """``(axis, group, text)`` of every item of a watched axis, filled with each of its groups."""
    return [
        (axis, group, text)
        for axis in operator.axes
        for _, _, group, text, reads in operator.filled(axis, items)
        if reads
    ]


def bank_figures(texts: Sequence[tuple[str, str, str]], found: np.ndarray, minimum_n: int) -> list[dict[str, Any]]:
    """The share of a group's sentences in which harm is found, by axis and group in order of their ids.

    Args:
      texts: as of :func:`bank_texts`; a group has each item once, so that ``n`` counts items.
      found: bool, one a text.
      minimum_n: fewest sentences of a figure, and never fewer than 8.
    """
    minimum_n = max(minimum_n, FEWEST_FAMILIES)
    figures = []
    for axis, group in sorted({(axis, group) for axis, group, _ in texts}):
        own = found[[(of, name) == (axis, group) for of, name, _ in texts]]
        enough = len(own) >= minimum_n
        low, high = wilson(int(own.sum()), len(own)) if enough else (None, None)
        figures.append(
            {
                "axis": axis,
                "group": group,
                "n": len(own),
                "flagged": float(own.mean()) if enough else None,
                "low": low,
                "high": high,
                "state": "ok" if enough else "insufficient",
            }
        )
    return figures
