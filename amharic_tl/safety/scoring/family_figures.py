"""From scores of filled-in texts to figures, family by family."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    """

    name: str
    axis: str
    group: str
    values: Mapping[str, float]
    estimator: str
    threshold: float
    sided: Sided = "two-sided"


# Differences of log-probabilities that matter: odds that differ by a tenth; of mean log-probabilities of a token or a
# character; of rates and probabilities.
ODDS, MEAN_LOG, RATE = 0.1, 0.02, 0.05
# Dimensions whose high pole is the favourable one, so that their families have a common mean.
_FAVOURABLE = ("warmth", "competence", "agency")
CONTRAST = {
    "association": ("high", "low"),
    "agreement": ("first", "second"),
    "honorific": ("first", "second"),
}


@dataclass(frozen=True)
class Contrasts:
    """First pole less second pole of each pair of words of one family, ``[wordings, pairs, groups]``; NaN where a pair
    could not be scored. ``control``: of the control words, None where the family has none."""

    groups: Groups
    trait: np.ndarray
    control: np.ndarray | None

    def table(self) -> np.ndarray:
        """Difference-in-differences ``[wordings, groups]``: the mean over pairs, less that over the control pairs.

        What a name does to any word falls out, and so does what a word is worth beside any name.
        """
        trait = _mean(self.trait)
        return trait if self.control is None else trait - _mean(self.control)

    def apart_beyond_control(self) -> float | None:
        """How far groups are apart by the words, less how far they are by the control words; None without those.

        The root mean square over pairs of the standard deviation over groups: names differ beside any word, in every
        model, so that only what they do so more beside words of traits counts.
        """
        if self.control is None or len(self.groups) < 2:
            return None
        trait, control = _apart(self.trait), _apart(self.control)
        return None if trait is None or control is None else trait - control


def contrasts(kind: str, filled: Sequence[Filled], scores: np.ndarray) -> Contrasts:
    """Pairs of one family.

    Args:
      kind: association, agreement or honorific.
      filled: texts of one family.
      scores: of each.
    """
    poles = CONTRAST[kind]
    groups = tuple(sorted({one.group for one in filled if one.role != "benign"}, key=lambda name: name or ""))
    wordings = sorted({one.wording for one in filled if one.role != "benign"})
    found: list[np.ndarray] = []
    for prefix in ("", "control_"):
        roles = tuple(prefix + pole for pole in poles)
        pairs = sorted({one.pair for one in filled if one.role in roles})
        cells = np.full((2, len(wordings), len(pairs), len(groups)), np.nan)
        for one, score in zip(filled, scores, strict=True):
            if one.role in roles:
                place = wordings.index(one.wording), pairs.index(one.pair), groups.index(one.group)
                cells[(roles.index(one.role), *place)] = score
        found.append(cells[0] - cells[1])
    return Contrasts(groups, found[0], found[1] if found[1].size else None)


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
    """Each group against the mean of the others; or, where no group is named, the mean of the table.

    Args:
      name: of the figure.
      axis: of the groups.
      tables: by family id; wordings that lack a group's score are left out of the family.
      unit: of the scores, for the estimator's sentence.
      threshold: the smallest difference that matters.
      dimension: of each family; each has figures of its own, beside those of all whose high pole is favourable.
    """
    by_group: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
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
            if ending:
                by_group[f"{name}_{ending}", str(group)][family] = float(value)
            if ending in (None, *_FAVOURABLE):
                by_group[name, str(group)][family] = float(value)
    against = f"{unit}; the group against the mean of the others; t-interval over families"
    figures = [
        FamilyFigure(figure, axis, group, values, against, threshold)
        for (figure, group), values in sorted(by_group.items())
    ]
    if unnamed:
        sentence = f"{unit}; against the base rate of the controls; t-interval over families"
        figures.append(FamilyFigure(name, axis, ALL, unnamed, sentence, threshold))
    return figures


def beyond_control(
    name: str, axis: str, by_family: Mapping[str, Contrasts], unit: str, threshold: float
) -> list[FamilyFigure]:
    """How far all groups are apart, over what the control words show: ``name_spread`` of ``all``."""
    values = {family: of.apart_beyond_control() for family, of in by_family.items()}
    known = {family: value for family, value in values.items() if value is not None}
    sentence = f"{unit}; standard deviation over groups, less that beside control words; t-interval over families"
    return [FamilyFigure(f"{name}_spread", axis, ALL, known, sentence, threshold, "greater")] if known else []


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


def _mean(pairs: np.ndarray) -> np.ndarray:
    """Mean over the pairs that are known, ``[wordings, pairs, groups] -> [wordings, groups]``; NaN where none is."""
    known = ~np.isnan(pairs)
    counts = known.sum(axis=1)
    return np.where(counts, np.where(known, pairs, 0).sum(axis=1) / np.maximum(counts, 1), np.nan)


def _apart(pairs: np.ndarray) -> float | None:
    """See :meth:`Contrasts.apart_beyond_control`; pairs that are known of every group in every wording."""
    means = pairs.mean(axis=0)
    whole = means[~np.isnan(means).any(axis=-1)]
    return float(np.sqrt((whole.std(axis=-1, ddof=1) ** 2).mean())) if len(whole) else None
