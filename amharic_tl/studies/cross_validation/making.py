"""Dividing items into folds: pure functions of the items and a plan, whatever the order of the items.

- Folds by cluster: scikit-learn's ``StratifiedGroupKFold``; whole clusters go to one fold, each fold has its share of
  each stratum as far as that allows. Repetitions differ by seed.
- Folds by cultural group: the fold of a group is tested on the rows that name this group and no other; every row that
  names it is left out of training. Rows that name several groups are tested in no fold: a model that has seen either of
  their groups would judge them. Rows that name none always train.

What early stopping, the best checkpoint and a grid are chosen by is an inner split of the rows that a fold trains on.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from amharic_tl.data.folds import Fold
from amharic_tl.errors import BadInputError, ConfigError, name_some
from amharic_tl.studies.cross_validation.items import Item

INNER = 10  # one of so many parts of the training rows is the inner split
FEWEST_CLUSTERS = 5  # of the training rows; below, the inner split divides near-duplicate clusters instead
FEWEST_ROWS = 10  # that name a group and no other, for a fold of its own


@dataclass(frozen=True)
class Plan:
    """How to divide.

    Attributes:
      folds: how many; by cultural group, at most so many (None: all).
      repeats: how often, with another seed each.
      seed: of the first repetition.
      what: what a cluster is called in messages, such as ``near-duplicate cluster`` or ``url``.
    """

    folds: int | None
    repeats: int
    seed: int
    what: str


def by_cluster(items: Sequence[Item], plan: Plan) -> tuple[list[Fold], list[str]]:
    """Folds of whole clusters, and sentences about them.

    Raises:
      BadInputError: fewer clusters than folds; a label with fewer rows than folds, or that stands in one cluster alone.
    """
    count = plan.folds or 0
    items = sorted(items, key=lambda item: item.id)
    _check_counts(items, count, plan.what)
    folds: list[Fold] = []
    notes: set[str] = set()
    for repeat in range(plan.repeats):
        parts = split(items, count, [plan.seed, repeat], [item.cluster for item in items])
        for number in range(count):
            prefix = f"repeat-{repeat + 1}-" if plan.repeats > 1 else ""
            test = [item for item, part in zip(items, parts, strict=True) if part == number]
            rest = [item for item, part in zip(items, parts, strict=True) if part != number]
            validation = _inner(rest, [plan.seed, repeat, number], notes)
            fold = Fold(f"{prefix}fold-{number + 1}", repeat, _ids(test), _ids(validation))
            _check_fold(fold, items, plan.what)
            folds.append(fold)
    return folds, sorted(notes)


def by_group(items: Sequence[Item], plan: Plan) -> tuple[list[Fold], list[str]]:
    """A fold for each cultural group, and sentences about rows and groups that have none.

    Raises:
      BadInputError: fewer than two groups with enough rows; a label that only rows of one group have.
    """
    items = sorted(items, key=lambda item: item.id)
    alone = Counter(next(iter(item.groups)) for item in items if len(item.groups) == 1)
    enough = sorted((group for group in alone if alone[group] >= FEWEST_ROWS), key=lambda group: (-alone[group], group))
    chosen = enough[: plan.folds]
    if len(chosen) < 2:
        raise BadInputError(
            f"--group-by {plan.what}: {len(enough)} groups are named by {FEWEST_ROWS} or more rows that name no other, "
            "leaving one out needs two"
        )
    folds: list[Fold] = []
    notes: set[str] = set()
    for repeat in range(plan.repeats):
        for number, group in enumerate(chosen):
            prefix = f"repeat-{repeat + 1}-" if plan.repeats > 1 else ""
            test = [item for item in items if item.groups == {group}]
            left_out = [item for item in items if group in item.groups and len(item.groups) > 1]
            rest = [item for item in items if group not in item.groups]
            validation = _inner(rest, [plan.seed, repeat, number], notes)
            fold = Fold(f"{prefix}{group}", repeat, _ids(test), _ids(validation), _ids(left_out), group)
            _check_fold(fold, items, plan.what)
            folds.append(fold)
    several = sum(len(item.groups) > 1 for item in items)
    none = sum(not item.groups for item in items)
    rare = [f"{group} ({alone[group]})" for group in sorted(alone) if group not in chosen]
    notes.add(
        f"{none} rows name no group and always train; {several} name several groups, are tested in no fold and are "
        "left "
        "out of training where one of their groups is"
    )
    if rare:
        notes.add(f"groups without a fold of their own, whose rows train: {name_some(rare)}")
    return folds, sorted(notes)


def split(items: Sequence[Item], parts: int, seed: Sequence[int], clusters: Sequence[int]) -> list[int]:
    """The part, 0 to ``parts - 1``, of each item: whole clusters, stratified."""
    from sklearn.model_selection import StratifiedGroupKFold

    state = int(np.random.SeedSequence(list(seed)).generate_state(1)[0])
    dealer = StratifiedGroupKFold(n_splits=parts, shuffle=True, random_state=state)
    strata = _with_enough([item.stratum for item in items], parts)
    found = [0] * len(items)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a stratum with fewer rows than parts, which is refused before
        for part, (_, chosen) in enumerate(dealer.split(items, strata, clusters)):
            for place in chosen:
                found[int(place)] = part
    return found


def _with_enough(strata: Sequence[str], parts: int) -> list[str]:
    """Strata with fewer rows than parts count as one."""
    counts = Counter(strata)
    return [stratum if counts[stratum] >= parts else "" for stratum in strata]


def _inner(items: Sequence[Item], seed: Sequence[int], notes: set[str]) -> list[Item]:
    """A tenth of the training rows, in whole clusters."""
    clusters = [item.cluster for item in items]
    if len(set(clusters)) < FEWEST_CLUSTERS:
        clusters = [item.copy for item in items]
        notes.add(
            f"fewer than {FEWEST_CLUSTERS} groups are left to train on: the inner split that chooses the checkpoint "
            "keeps "
            "near-duplicates together, not whole groups"
        )
    count = min(INNER, len(set(clusters)))
    if count < 2:
        raise BadInputError("too few rows that differ are left to set aside those that choose the checkpoint")
    parts = split(items, count, [*seed, 1], clusters)
    # The part that is nearest to its share: a large cluster may make one part far larger than the others.
    sizes = Counter(parts)
    chosen = min(sizes, key=lambda part: (abs(sizes[part] - len(items) / INNER), part))
    return [item for item, part in zip(items, parts, strict=True) if part == chosen]


def _ids(items: Sequence[Item]) -> tuple[str, ...]:
    return tuple(item.id for item in items)


def _check_counts(items: Sequence[Item], folds: int, what: str) -> None:
    if folds < 2:
        raise ConfigError(f"--folds: {folds} is too few, cross-validation needs two or more")
    clusters = len({item.cluster for item in items})
    if clusters < folds:
        raise BadInputError(f"--folds {folds}: the rows have {clusters} of {what!r}, fewer than folds; use fewer folds")
    counts = Counter(label for item in items for label in item.labels)
    rare = [f"{label} ({count})" for label, count in sorted(counts.items()) if count < folds]
    if rare:
        raise BadInputError(
            f"--folds {folds}: labels with fewer rows than folds: {name_some(rare)}; use fewer folds, or merge or "
            "remove "
            "these labels"
        )


def _check_fold(fold: Fold, items: Sequence[Item], what: str) -> None:
    """Refuses a fold that has no rows to test or to choose by, or whose training rows lack a label."""
    if not fold.test or not fold.validation:
        raise BadInputError(
            f"{fold.name} has {len(fold.test)} rows to test and {len(fold.validation)} to choose the checkpoint by: a "
            "few "
            f"of {what!r} hold most of the rows; use fewer folds"
        )
    others = {*fold.test, *fold.validation, *fold.left_out}
    learned = {label for item in items if item.id not in others for label in item.labels}
    lacking = sorted({label for item in items for label in item.labels} - learned)
    if lacking:
        raise BadInputError(
            f"{fold.name}: no row that is left to train on has the label {name_some(lacking)}: its rows stand in one "
            "fold "
            f"of {what!r} alone; merge or remove the label, or divide by something else"
        )
