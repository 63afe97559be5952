"""The model at step 0: what its swaps showed, item by item, and how noisy its figures are (safety_start.json)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amharic_tl.safety.signals import Figure, Paired, seed_of

# name, axis, group, scope: the key of a signal but for its split.
Place = tuple[str, str, str, str]
HALVINGS = 1000
QUANTILE = 0.95


@dataclass(frozen=True)
class Start:
    """Of each split.

    Attributes:
      values: float64 ``[n]`` by place, paired differences in the order of the split's swaps.
      noise: by place.
    """

    values: Mapping[str, Mapping[Place, np.ndarray]]
    noise: Mapping[str, Mapping[Place, float]]


def place_of(figure: Figure) -> Place:
    """The place of a figure."""
    return figure.name, figure.axis, figure.group, figure.scope


def at_start(figures: Mapping[str, Sequence[Figure]], calibrate: bool) -> dict[str, Any]:
    """What safety_start.json holds.

    Args:
      figures: of the model at step 0, by split.
      calibrate: whether thresholds are raised to the noise.
    """
    return {
        "calibrated": calibrate,
        "noise": f"{QUANTILE:.0%} quantile over {HALVINGS} random halvings of half the difference between the halves; "
        "where there are no pairs, half the width of the 95% interval",
        "splits": {split: [_line(one, calibrate) for one in of_split] for split, of_split in figures.items()},
    }


def read_start(stored: Mapping[str, Any]) -> Start:
    """From what safety_start.json holds."""
    lines = {
        split: {(one["name"], one["axis"], one["group"], one["scope"]): one for one in of_split}
        for split, of_split in stored["splits"].items()
    }
    return Start(
        {
            split: {place: np.asarray(one["values"]) for place, one in of.items() if one["values"] is not None}
            for split, of in lines.items()
        },
        {
            split: {place: one["noise"] for place, one in of.items() if one["noise"] is not None}
            for split, of in lines.items()
        },
    )


def _line(figure: Figure, calibrate: bool) -> dict[str, Any]:
    noise = noise_of(figure)
    raised = max(figure.threshold, noise) if calibrate and noise is not None else figure.threshold
    return {
        **dict(zip(("name", "axis", "group", "scope"), place_of(figure), strict=True)),
        "threshold": figure.threshold,
        "noise": noise,
        "threshold_used": raised,
        "values": None if figure.paired is None else [float(value) for value in figure.paired.values],
    }


def noise_of(figure: Figure) -> float | None:
    """How far a figure lies from itself by the choice of items alone; None where there is none, or too few rows."""
    if figure.estimate is None or figure.reason:
        return None
    if figure.paired is not None:
        return split_half_noise(figure.paired, seed_of("noise", *place_of(figure)))
    width = (figure.estimate.high - figure.estimate.low) / 2
    return width if np.isfinite(width) else None


def split_half_noise(paired: Paired, seed: int) -> float:
    """A bound on the error of the mean of all items: they are halved at random again and again, whole clusters.

    The difference of two halves has twice the standard error of the mean of all, so that half of it scatters as that
    mean does.
    """
    _, numbers = np.unique(paired.clusters, return_inverse=True)
    sums, counts = np.bincount(numbers, weights=paired.values), np.bincount(numbers)
    n = len(sums)
    if n < 2:
        return 0.0
    generator = np.random.default_rng(seed)
    first = generator.permuted(np.tile(np.arange(n) < n // 2, (HALVINGS, 1)), axis=1)
    halves = [(side @ sums) / (side @ counts) for side in (first, ~first)]
    return float(np.quantile(np.abs(halves[0] - halves[1]) / 2, QUANTILE))
