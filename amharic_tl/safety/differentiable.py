"""Figures of the monitor that have a gradient: which texts they are made of, with what signs and weights.

Each stands for a figure of :mod:`amharic_tl.safety.signals` with decisions replaced by the probability of harm p:

- ``counterfactual_score_gap``: for a group, the mean of p(row that names it) - p(the row with its groups exchanged as
  training exchanges them); for ``all`` groups the mean of its absolute value. Placebos, which the monitor takes off,
  are left out.
- ``false_positive_rate_gap``: mean p of harmless rows that name the group minus that of harmless rows that name another
  group of the axis.
- ``benign_flagged``: mean p of the pack's benign sentences about the group (``all``: about any).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from amharic_tl.culture.swaps import Swap
from amharic_tl.data.rows import Row
from amharic_tl.errors import BadInputError, ConfigError, name_some
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.probes import clusters_of
from amharic_tl.safety.signals import ALL

FEWEST_CLUSTERS, FEWEST_OF_A_SIDE = 8, 4


@dataclass(frozen=True)
class FigureName:
    """``name/axis/group``."""

    name: str
    axis: str
    group: str

    @classmethod
    def parse(cls, text: str) -> FigureName:
        """Reads ``name/axis[/group]``.

        Raises:
          ConfigError: it is no such name.
        """
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(parts) or parts[0] not in FIGURES:
            raise ConfigError(
                f"--figure: expected NAME/AXIS/GROUP with a name of {', '.join(FIGURES)}, found {text!r}; for example "
                "counterfactual_score_gap/ethnicity/all"
            )
        return cls(parts[0], parts[1], parts[2] if len(parts) == 3 else ALL)

    def __str__(self) -> str:
        """As it is typed."""
        return f"{self.name}/{self.axis}/{self.group}"


@dataclass(frozen=True)
class FigureItem:
    """One or two texts; ``side``: which mean it belongs to; ``cluster``: near-duplicates have the same."""

    id: str
    texts: tuple[str, ...]
    signs: tuple[float, ...]
    cluster: str
    side: str


@dataclass(frozen=True)
class Part:
    """Numbers of some of a figure's items, all of one side, and what share of that side's items they are."""

    items: tuple[int, ...]
    side: str
    share: float


@dataclass(frozen=True)
class DifferentiableFigure:
    """A figure as a sum over items, each of weight 1 / (items of its side).

    Attributes:
      name: which.
      items: in the order of their rows.
      absolute: whether an item counts by its absolute value.
    """

    name: FigureName
    items: tuple[FigureItem, ...]
    absolute: bool

    @property
    def clusters(self) -> int:
        """How many independent ones the items make."""
        return len({item.cluster for item in self.items})

    def weights(self) -> np.ndarray:
        """float32 ``[items]``."""
        sides = Counter(item.side for item in self.items)
        return np.asarray([1 / sides[item.side] for item in self.items], np.float32)

    def clusters_of_sides(self) -> dict[str, list[list[int]]]:
        """By side, the items of each cluster."""
        found: dict[str, dict[str, list[int]]] = {}
        for number, item in enumerate(self.items):
            found.setdefault(item.side, {}).setdefault(item.cluster, []).append(number)
        return {side: list(clusters.values()) for side, clusters in found.items()}

    def parts(self, count: int, seed: int = 0) -> list[Part]:
        """About ``count`` parts, as many of each side, of about equal size; a cluster's items of a side stay together.

        A cluster that is on both sides makes intervals wider than they need be: it is taken for two.
        """
        generator = np.random.default_rng(seed)
        sides = self.clusters_of_sides()
        parts = []
        for side, clusters in sides.items():
            many = max(2, min(count // len(sides), len(clusters)))
            order = generator.permutation(len(clusters))
            of_side = sum(map(len, clusters))
            for first in range(many):
                items = [item for place in order[first::many] for item in clusters[place]]
                parts.append(Part(tuple(items), side, len(items) / of_side))
        return parts


def differentiable_figure(
    name: FigureName, rows: Sequence[Row], operator: SwapOperator, positive_labels: Sequence[str]
) -> DifferentiableFigure:
    """The items of a figure on the rows of a split.

    Raises:
      ConfigError: the run does not watch the axis, the axis has no such group, or the run names no positive labels.
      BadInputError: fewer than eight clusters of items, or than four of a side.
    """
    if not positive_labels:
        raise ConfigError("config.safety.positive_labels is not set in this run, so that nothing says what harm is")
    if name.axis not in operator.axes:
        raise ConfigError(f"--figure: the run does not watch the axis {name.axis!r}; it watches {list(operator.axes)}")
    groups = [group.id for group in operator.pack.axis(name.axis).groups]
    if name.group not in (ALL, *groups):
        raise ConfigError(f"--figure: {name.axis} has no group {name.group!r}; it has {name_some(groups, 40)}, all")
    items = FIGURES[name.name](name, rows, operator, frozenset(positive_labels))
    figure = DifferentiableFigure(name, tuple(items), name.name == "counterfactual_score_gap" and name.group == ALL)
    sides = {side: len(clusters) for side, clusters in figure.clusters_of_sides().items()}
    if figure.clusters < FEWEST_CLUSTERS or min(sides.values()) < FEWEST_OF_A_SIDE:
        counted = ", ".join(f"{count} {side}" for side, count in sides.items()) or "none"
        raise BadInputError(
            f"--figure: {name} rests on too few independent texts of the validation split ({counted}); attribution "
            f"needs {FEWEST_CLUSTERS}, and {FEWEST_OF_A_SIDE} of each side"
        )
    return figure


def named_groups(rows: Sequence[Row], operator: SwapOperator, axis: str) -> list[frozenset[str]]:
    """By row, the groups of an axis whose persons or people it names."""
    return [
        frozenset(one.group for one in operator.mentions(row.text) if one.axis == axis and one.human) for row in rows
    ]


def _score_gap(
    name: FigureName, rows: Sequence[Row], operator: SwapOperator, positive: frozenset[str]
) -> list[FigureItem]:
    del positive
    if name.axis not in operator.swapped_axes:
        raise ConfigError(f"--figure: groups of {name.axis} cannot be exchanged word by word")
    clusters = clusters_of(rows)
    found = []
    for row, groups, cluster in zip(rows, named_groups(rows, operator, name.axis), clusters, strict=True):
        if not groups or (name.group != ALL and name.group not in groups):
            continue
        own = [one for one in operator.mentions(row.text) if one.axis == name.axis]
        swap = operator.swap(name.axis, "trained_on", row.text, own, f"{row.id}/{name.axis}/trained_on")
        if isinstance(swap, Swap):
            found.append(FigureItem(row.id, (row.text, swap.text), (1.0, -1.0), str(cluster), "pairs"))
    return found


def _false_positives(
    name: FigureName, rows: Sequence[Row], operator: SwapOperator, positive: frozenset[str]
) -> list[FigureItem]:
    if name.group == ALL:
        raise ConfigError("--figure: false_positive_rate_gap needs a group, for it sets one against the others")
    clusters = clusters_of(rows)
    found = []
    for row, groups, cluster in zip(rows, named_groups(rows, operator, name.axis), clusters, strict=True):
        if groups and row.label not in positive:
            mine = name.group in groups
            side, sign = ("own", 1.0) if mine else ("others", -1.0)
            found.append(FigureItem(row.id, (row.text,), (sign,), str(cluster), side))
    if len({item.side for item in found}) < 2:
        raise BadInputError(f"--figure: {name}: no harmless row names this group, or none names another")
    return found


def _benign(
    name: FigureName, rows: Sequence[Row], operator: SwapOperator, positive: frozenset[str]
) -> list[FigureItem]:
    del rows, positive
    return [
        FigureItem(identity, (text,), (1.0,), item, "benign")
        for identity, item, group, text in operator.benign_texts(name.axis)
        if name.group in (ALL, group)
    ]


Items = Callable[[FigureName, Sequence[Row], SwapOperator, frozenset[str]], list[FigureItem]]
# By the name of the monitor's figure that each stands for.
FIGURES: Mapping[str, Items] = {
    "counterfactual_score_gap": _score_gap,
    "false_positive_rate_gap": _false_positives,
    "benign_flagged": _benign,
}
