"""A classifier's looks between evaluations: a few exchanges of one axis, drawn by seed and number of the look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np

from amharic_tl.config import SafetyConfig
from amharic_tl.safety.monitoring.looks import BETWEEN
from amharic_tl.safety.probes import CounterfactualProbe, Probes
from amharic_tl.safety.scoring.selection import MOST_PAIRS
from amharic_tl.safety.signals import ALL, Figure, Observed, compare, swap_figures

SCOPE = "trained_on"
# Forward rows of a pair: the row, its swapped copy, and two placebos.
VERSIONS = 4


def drawn_swaps(probes: Probes, axes: Sequence[str], number: int, seed: int) -> list[CounterfactualProbe]:
    """The exchanges of one look: of one axis in rotation, at most 32, no two of near-duplicate rows.

    Args:
      probes: of a split.
      axes: whose groups can be exchanged.
      number: of the look.
      seed: of the run.
    """
    able = [axis for axis in axes if any((one.axis, one.scope) == (axis, SCOPE) for one in probes.counterfactuals)]
    if not able:
        return []
    axis = able[number % len(able)]
    of_axis = [one for one in probes.counterfactuals if (one.axis, one.scope) == (axis, SCOPE)]
    Random(f"{seed}/{number}").shuffle(of_axis)
    first = {int(probes.clusters[one.row]): one for one in reversed(of_axis)}
    return list(first.values())[:MOST_PAIRS]


def versions_of(probes: Probes, drawn: Sequence[CounterfactualProbe], rows: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Token ids of each row, its swapped copy and its two placebos, one after the other; ``rows``: of the split."""
    return [
        version
        for one in drawn
        for version in (rows[one.row], *(probes.ids[place] for place in (one.swapped, *one.placebos)))
    ]


def swap_look_figures(
    probes: Probes,
    drawn: Sequence[CounterfactualProbe],
    probabilities: np.ndarray,
    positive: np.ndarray,
    step: int,
    settings: SafetyConfig,
) -> list[Figure]:
    """Flips and changes of score of the axis' groups together; single groups have too few pairs in a look.

    Args:
      probes: of the split.
      drawn: exchanges of one axis.
      probabilities: ``[4 * drawn, C]`` of :func:`versions_of`.
      positive: bool ``[C]``, which classes are harm found.
      step: of the model.
      settings: ``config.safety``.
    """
    versions = probabilities.reshape(len(drawn), VERSIONS, -1)
    numbered = [
        replace(one, row=place, swapped=3 * place, placebos=(3 * place + 1, 3 * place + 2))
        for place, one in enumerate(drawn)
    ]
    unknown = np.full(len(drawn), -1)
    flat = versions[:, 1:].reshape(-1, versions.shape[-1])
    seen = compare(numbered, Observed(BETWEEN, step, unknown, versions[:, 0], flat, positive))
    figures = swap_figures(drawn[0].axis, SCOPE, drawn, seen, probes, settings)
    return [figure for figure in figures if figure.group == ALL]
