"""What fairness figures are computed from: decided rows, one a cluster, with the groups that they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from amharic_tl.safety.fairness.counts import count_groups
from amharic_tl.safety.fairness.intersections import intersections, single_groups
from amharic_tl.safety.fairness.parity import Parity, Rates, cells_of
from amharic_tl.safety.probes import Watched
from amharic_tl.safety.signals import Observed
from amharic_tl.safety.statistics import first_rows


@dataclass(frozen=True)
class Judged:
    """Rows of known label, one of each cluster of near-duplicates, so that rows are independent.

    Attributes:
      scores: float ``[n]``, probability of the positive labels together.
      found: bool ``[n]``, rows in which the model finds harm.
      positive: bool ``[n]``, rows whose label says harm.
      groups: for each axis, and each two axes crossed, the group that a row names; empty for none or several.
    """

    scores: np.ndarray
    found: np.ndarray
    positive: np.ndarray
    groups: Mapping[str, np.ndarray]


def judged_rows(watched: Watched, observed: Observed, axes: Sequence[str]) -> Judged:
    """The rows of a split as a model saw them, by axis and crossed."""
    kept = first_rows(watched.clusters) & (observed.labels >= 0)
    single = {axis: single_groups(watched.mentioned[axis]) for axis in axes}
    return Judged(
        scores=observed.probabilities[kept][:, observed.positive].sum(axis=-1),
        found=observed.found[kept],
        positive=observed.harmful[kept],
        groups={axis: np.asarray(of, object)[kept] for axis, of in (single | intersections(single)).items()},
    )


def counted(rows: Judged, axes: Sequence[str]) -> dict[str, tuple[list[str], np.ndarray]]:
    """For each axis its groups in order of their ids, and their cells ``[G, 4]`` as of ``cells_of``."""
    names = {axis: sorted(set(rows.groups[axis]) - {""}) for axis in axes}
    inside = [rows.groups[axis] == group for axis in axes for group in names[axis]]
    groups = np.stack(inside, axis=1).astype(bool) if inside else np.zeros((len(rows.scores), 0), bool)
    arrays = (rows.scores, rows.found, rows.positive, groups, np.ones(len(rows.scores), bool))
    cells = cells_of(count_groups(*map(jnp.asarray, arrays)))
    ends = np.cumsum([len(of) for of in names.values()])
    return {axis: (of, cells[end - len(of) : end]) for (axis, of), end in zip(names.items(), ends, strict=True)}


def in_loop(rows: Judged, axes: Sequence[str], minimum_n: int) -> dict[str, float]:
    """Parity by axis as ``fairness/<axis>/<figure>``, to be followed while training; what cannot be told is left out.

    A group counts for a rate that at least ``minimum_n`` of its rows are about.
    """
    found: dict[str, float] = {}
    for axis, (_, cells) in counted(rows, axes).items():
        figures = Parity.of(Rates.of_cells(cells, minimum_n)).to_dict()
        found |= {f"fairness/{axis}/{name}": value for name, value in figures.items() if value is not None}
    return found
