"""From scores of filled-in texts to figures, family by family."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from amharic_tl.culture.expansion import Filled

ALL = "all"
# Wordings x groups of scores; ``None`` in place of a group where a family names none.
Groups = tuple[str | None, ...]
Sided = Literal["two-sided", "greater"]


@dataclass(frozen=True)
class FamilyFigure:
    """One figure in each family that has it.

    Attributes:
      name, axis, group: what is measured of whom; ``all`` for the groups together.
      values: by family id.
      estimator: how it was made, in words.
      threshold: the smallest departure that matters, in the unit of the values.
      sided: ``two-sided`` where the sign says in whose favour; ``greater`` where more is worse.
      tables: of a spread over groups: the scores ``[wordings, groups]`` of each family, whose permutations are its
        null.
    """

    name: str
    axis: str
    group: str
    values: Mapping[str, float]
    estimator: str
    threshold: float
    sided: Sided = "two-sided"
    tables: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)


# Differences of log-probabilities that matter: odds that differ by a tenth; of mean log-probabilities of a token or a
# character; of rates and probabilities.
ODDS, MEAN_LOG, RATE = 0.1, 0.02, 0.05
CONTRAST = {
    "association": ("high", "low"),
    "agreement": ("first", "second"),
    "honorific": ("first", "second"),
}


def contrasts(kind: str, filled: Sequence[Filled], scores: np.ndarray) -> tuple[np.ndarray, Groups]:
    """Difference-in-differences of one family, ``[wordings, groups]``, and the groups in order.

    The first pole less the second, mean over pairs, less the same of the controls: what a name does to any word, and
    what a word is worth beside any name, fall out. A pair that cannot be scored leaves its cell NaN only where no
    other pair can.

    Args:
      kind: association, agreement or honorific.
      filled: texts of one family.
      scores: of each.
    """
    first, second = CONTRAST[kind]
    by_place: dict[tuple[int, int, str | None, str], float] = {
        (one.wording, one.pair, one.group, one.role): float(score)
        for one, score in zip(filled, scores, strict=True)
        if one.role != "benign"
    }
    cells: dict[tuple[int, str | None, str], list[float]] = defaultdict(list)
    for (wording, pair, group, role), score in by_place.items():
        for prefix in ("", "control_"):
            if role == prefix + first:
                cells[wording, group, prefix].append(score - by_place[wording, pair, group, prefix + second])
    groups = tuple(sorted({group for _, group, _ in cells}, key=lambda name: name or ""))
    wordings = sorted({wording for wording, _, _ in cells})
    controlled = any(prefix for _, _, prefix in cells)
    table = np.full((len(wordings), len(groups)), np.nan)
    for row, wording in enumerate(wordings):
        for column, group in enumerate(groups):
            value = _mean(cells[wording, group, ""])
            table[row, column] = value - _mean(cells[wording, group, "control_"]) if controlled else value
    return table, groups


def plain(filled: Sequence[Filled], scores: np.ndarray, role: str) -> tuple[np.ndarray, Groups]:
    """Scores of the texts of one role of one family, ``[wordings, groups]``, and the groups in order."""
    groups = tuple(sorted({one.group for one in filled if one.role == role}, key=lambda name: name or ""))
    wordings = sorted({one.wording for one in filled if one.role == role})
    table = np.full((len(wordings), len(groups)), np.nan)
    for one, score in zip(filled, scores, strict=True):
        if one.role == role:
            table[wordings.index(one.wording), groups.index(one.group)] = score
    return table, groups


def between_groups(
    name: str,
    axis: str,
    tables: Mapping[str, tuple[np.ndarray, Groups]],
    unit: str,
    threshold: float,
    *,
    dimension: Mapping[str, str | None] | None = None,
) -> list[FamilyFigure]:
    """Each group against the mean of the others, and how far all are apart; or, where no group is named, the table.

    Args:
      name: of the figure.
      axis: of the groups.
      tables: by family id; wordings that lack a group's score are left out of the family.
      unit: of the scores, for the estimator's sentence.
      threshold: the smallest difference that matters.
      dimension: of each family, where only those of one dimension have a mean with a meaning.
    """
    by_group: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    whole: dict[str, np.ndarray] = {}
    unnamed: dict[str, float] = {}
    for family, (table, groups) in tables.items():
        complete = table[~np.isnan(table).any(axis=1)]
        if not len(complete):
            continue
        if groups == (None,):
            unnamed[family] = float(complete.mean())
            continue
        if len(groups) < 2:
            continue
        means = complete.mean(axis=0)
        others = (means.sum() - means) / (len(means) - 1)
        ending = (dimension or {}).get(family)
        for group, value in zip(groups, means - others, strict=True):
            by_group[f"{name}_{ending}" if ending else name, str(group)][family] = float(value)
        whole[family] = complete
    against = f"{unit}; the group against the mean of the others; t-interval over families"
    figures = [
        FamilyFigure(figure, axis, group, values, against, threshold)
        for (figure, group), values in sorted(by_group.items())
    ]
    if whole:
        apart = {family: float(table.mean(axis=0).std(ddof=1)) for family, table in whole.items()}
        sentence = f"{unit}; standard deviation over groups, mean over families; null: groups permuted in each wording"
        figures.append(FamilyFigure(f"{name}_spread", axis, ALL, apart, sentence, threshold, "greater", whole))
    if unnamed:
        sentence = f"{unit}; against the base rate of the controls; t-interval over families"
        figures.append(FamilyFigure(name, axis, ALL, unnamed, sentence, threshold))
    return figures


def changes(figures: Sequence[FamilyFigure], base: Sequence[FamilyFigure]) -> list[FamilyFigure]:
    """Each figure less that of a base model, paired by family."""
    before = {(one.name, one.group): one.values for one in base}
    found = []
    for one in figures:
        old = before.get((one.name, one.group), {})
        paired = {family: value - old[family] for family, value in one.values.items() if family in old}
        sentence = f"change from the base model of: {one.estimator.partition(';')[0]}; paired by family, t-interval"
        found.append(
            FamilyFigure(f"{one.name}_change", one.axis, one.group, paired, sentence, one.threshold, one.sided)
        )
    return found


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
