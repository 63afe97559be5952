"""Main effects and interactions of arms that are crossed.

The model is one mean for each cell of the crossed factors (no term is left out of it), plus what seeds and items add.
A main effect is the mean of the cells of a level less the mean of the cells of the reference level, every combination
of the other factors weighing the same; an interaction of two factors is the difference between two such differences.
These are the effects of analysis of variance with unweighted means (type III). Interactions of three and more factors
are in the model and not tested. An effect one of whose cells has no score is not measured: nothing is filled in.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from amharic_tl.errors import name_some
from amharic_tl.evaluation.compare.contrast import effect
from amharic_tl.sweeps.analysis.arms import ABSENT, Arm, short_names, shown, varying_leaves
from amharic_tl.sweeps.analysis.contrasts import Contrast, corrected, notes_on
from amharic_tl.sweeps.analysis.items import Items, measured

MOST_CELLS = 4096
Levels = tuple[str, ...]


@dataclass(frozen=True)
class Factors:
    """Effects of the factors, and how the arms are laid out.

    Attributes:
      names: of the factors, short.
      effects: main effects first.
      planned: combinations that the sweep has.
      measured: combinations with a score.
      cells: all combinations of the levels.
      note: a sentence where no effects are given.
    """

    names: tuple[str, ...] = ()
    effects: tuple[Contrast, ...] = ()
    planned: int = 0
    measured: int = 0
    cells: int = 0
    note: str = ""


def factor_effects(arms: Sequence[Arm], control: Arm, items: Items) -> Factors:
    """Main effects and interactions of two factors, each level against that of the control."""
    leaves = varying_leaves([arm.settings for arm in arms])
    if len(leaves) < 2:
        return Factors(note="one leaf varies: there are no factors to cross")
    short = short_names(leaves)
    names = tuple(short[leaf] for leaf in leaves)
    by_cell = {tuple(shown(arm.settings.get(leaf, ABSENT)) for leaf in leaves): arm for arm in arms}
    levels = [list(dict.fromkeys(cell[place] for cell in by_cell)) for place in range(len(leaves))]
    reference = tuple(shown(control.settings.get(leaf, ABSENT)) for leaf in leaves)
    cells = math.prod(map(len, levels))
    have = sum(1 for arm in by_cell.values() if arm.scores)
    layout = Factors(names, (), len(by_cell), have, cells)
    if cells > MOST_CELLS or len(by_cell) * 2 < cells:
        note = f"the arms are {len(by_cell)} of {cells} combinations of their leaves: not crossed, so no main effects"
        return Factors(names, (), len(by_cell), have, cells, note)
    effects = [
        _estimate(name, weights, by_cell, items)
        for name, weights in [*_main(names, levels, reference), *_interactions(names, levels, reference)]
    ]
    return Factors(names, tuple(corrected(effects)), layout.planned, layout.measured, cells)


Weights = dict[Levels, float]


def _main(names: Levels, levels: Sequence[Sequence[str]], reference: Levels) -> Iterator[tuple[str, Weights]]:
    for place, name in enumerate(names):
        for level in levels[place]:
            if level != reference[place]:
                yield f"{name}: {level} against {reference[place]}", _weights(levels, {place: level}, reference)


def _interactions(names: Levels, levels: Sequence[Sequence[str]], reference: Levels) -> Iterator[tuple[str, Weights]]:
    for one, two in itertools.combinations(range(len(names)), 2):
        for first, second in itertools.product(levels[one], levels[two]):
            if first != reference[one] and second != reference[two]:
                name = f"{names[one]}={first} × {names[two]}={second}"
                yield name, _weights(levels, {one: first, two: second}, reference)


def _weights(levels: Sequence[Sequence[str]], chosen: dict[int, str], reference: Levels) -> Weights:
    """Signs of a difference, or of a difference of differences, shared out over the other factors' combinations."""
    others = math.prod(len(values) for place, values in enumerate(levels) if place not in chosen)
    weights: Weights = {}
    for cell in itertools.product(*levels):
        sign = 1.0
        for place, level in chosen.items():
            sign *= 1.0 if cell[place] == level else -1.0 if cell[place] == reference[place] else 0.0
        if sign:
            weights[cell] = sign / others
    return weights


def _estimate(name: str, weights: Weights, by_cell: dict[Levels, Arm], items: Items) -> Contrast:
    lacking = [" ".join(cell) for cell in weights if cell not in by_cell or not by_cell[cell].scores]
    if lacking:
        return Contrast(name, None, f"{len(lacking)} of {len(weights)} cells have no score: {name_some(lacking, 3)}")
    arms = [by_cell[cell] for cell in weights]
    found = effect([measured(arm, items) for arm in arms], list(weights.values()), items.value)
    return Contrast(name, found, notes=notes_on(found, arms), interaction=" × " in name)
