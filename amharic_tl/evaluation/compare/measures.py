"""The scores of a run as functions of sums over items, which every test here is made of.

A line of predictions-<split>.jsonl becomes a vector; a score is a function of the sum of these vectors. So a resample
of clusters, an exchange of outputs or a set of items left out is a product of matrices, whatever the score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amharic_tl.config.figures import lower_is_better
from amharic_tl.data.tags import entity_types
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.evaluation import entities, multi_label, regression
from amharic_tl.evaluation.intervals import metrics_of_sums

Lines = Sequence[Mapping[str, Any]]
# Sums ``[..., k]`` to scores ``[...]``.
Value = Callable[[np.ndarray], np.ndarray]

KINDS = ("single-label", "multi-label", "regression", "tags")


@dataclass(frozen=True)
class ItemSums:
    """One run's predictions of a split.

    Attributes:
      kind: single-label, multi-label, regression or tags.
      ids: of the items.
      gold: what is right for each, to see that two runs were asked the same.
      classes: labels or types of entities; none for numbers.
      sums: float64 ``[items, k]``.
      constant: whether everything that was predicted is the same.
    """

    kind: str
    ids: tuple[str, ...]
    gold: tuple[object, ...]
    classes: tuple[str, ...]
    sums: np.ndarray
    constant: bool

    def take(self, order: Sequence[int]) -> ItemSums:
        """The items ``order``, in that order."""
        ids, gold = tuple(self.ids[place] for place in order), tuple(self.gold[place] for place in order)
        return ItemSums(self.kind, ids, gold, self.classes, self.sums[list(order)], self.constant)

    def value(self, metric: str) -> Value:
        """The function that gives ``metric`` from sums.

        Raises:
          ConfigError: there is no such score, or none that is a function of sums.
        """
        found = _METRICS[self.kind](np.zeros((1, self.sums.shape[-1])), self.classes)
        if metric not in found:
            hint = ", ".join(found)
            why = "Spearman's ranks change with every item left out, so that it" if metric == "spearman" else "it"
            raise ConfigError(
                f"{metric} cannot be compared item by item: {why} is not among {hint}, which the predictions of a "
                f"{self.kind} run permit"
            )
        metrics, classes = _METRICS[self.kind], self.classes
        return lambda sums: metrics(sums, classes)[metric]

    def right(self) -> np.ndarray:
        """bool ``[items]``: whether an item is wholly right, for McNemar's test.

        Raises:
          ConfigError: numbers are not right or wrong.
        """
        if self.kind == "regression":
            raise ConfigError("McNemar's test needs items that are right or wrong; predicted numbers are neither")
        hits = self.value("accuracy")(self.sums)
        return np.asarray(hits == 1.0)


def item_sums(lines: Lines, where: str, classes: Sequence[str] | None = None) -> ItemSums:
    """Reads predictions.

    Args:
      lines: of a predictions-<split>.jsonl.
      where: the file, for messages.
      classes: types of entities that get an F1 of their own; None: those that occur.

    Raises:
      BadInputError: no lines, an id that stands there twice, or lines of an unknown form.
    """
    if not lines:
        raise BadInputError(f"{where} holds no predictions")
    first = lines[0]
    kind = _kind(first)
    if kind is None:
        raise BadInputError(f"{where}, line 1: expected id, label or tags, and predicted; found {', '.join(first)}")
    ids = tuple(str(line.get("id")) for line in lines)
    if len(set(ids)) < len(ids):
        twice = next(name for place, name in enumerate(ids) if name in ids[:place])
        raise BadInputError(f"{where}: the id {twice!r} stands there more than once; items are paired by id")
    try:
        gold, names, sums, predicted = _READERS[kind](lines, classes)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"{where}: its lines are not all of the form of the first: {error}") from None
    return ItemSums(kind, ids, gold, names, sums, len(set(predicted)) == 1)


def higher_is_better(metric: str) -> bool:
    """Whether a larger value is the better one."""
    return not lower_is_better(metric)


def _kind(line: Mapping[str, Any]) -> str | None:
    if "predicted" not in line or "id" not in line:
        return None
    if "tags" in line:
        return "tags"
    if "labels" in line:
        return "multi-label"
    if "scores" in line:
        return "single-label"
    return "regression" if isinstance(line["predicted"], int | float) else None


_Read = tuple[tuple[object, ...], tuple[str, ...], np.ndarray, list[object]]


def _single_label(lines: Lines, classes: Sequence[str] | None) -> _Read:
    del classes
    names = tuple(lines[0]["scores"])
    number = {name: index for index, name in enumerate(names)}
    gold = np.asarray([number.get(line["label"], -1) for line in lines])
    predicted = np.asarray([number[line["predicted"]] for line in lines])
    rows, width = np.arange(len(lines)), len(names)
    sums = np.zeros((len(lines), 3 * width + 1))
    known, right = gold >= 0, gold == predicted
    sums[rows[right], predicted[right]] = 1
    sums[rows[known], width + gold[known]] = 1
    sums[rows, 2 * width + predicted] = 1
    sums[:, -1] = 1
    return tuple(line["label"] for line in lines), names, sums, predicted.tolist()


def _multi_label(lines: Lines, classes: Sequence[str] | None) -> _Read:
    del classes
    names = tuple(lines[0]["scores"])

    def flags(key: str) -> np.ndarray:
        return np.asarray([[name in line[key] for name in names] for line in lines], np.float64)

    predicted = flags("predicted")
    sums = multi_label.row_sums(flags("labels"), predicted)
    return tuple(tuple(sorted(line["labels"])) for line in lines), names, sums, [tuple(row) for row in predicted]


def _tags(lines: Lines, classes: Sequence[str] | None) -> _Read:
    gold, predicted = [line["tags"] for line in lines], [line["predicted"] for line in lines]
    names = tuple(entity_types(tag for row in [*gold, *predicted] for tag in row) if classes is None else classes)
    return (
        tuple(map(tuple, gold)),
        names,
        entities.sentence_sums(gold, predicted, names),
        [tag for row in predicted for tag in row],
    )


def _numbers(lines: Lines, classes: Sequence[str] | None) -> _Read:
    del classes
    gold = np.asarray([float(line["label"]) for line in lines])
    predicted = np.asarray([float(line["predicted"]) for line in lines])
    sums = regression.row_sums(gold, predicted)
    return tuple(gold.tolist()), (), sums, predicted.tolist()


def _numbers_of_sums(sums: np.ndarray, classes: Sequence[str]) -> dict[str, np.ndarray]:
    del classes
    return regression.metrics_of_sums(sums)


_READERS: dict[str, Callable[[Lines, Sequence[str] | None], _Read]] = {
    "single-label": _single_label,
    "multi-label": _multi_label,
    "regression": _numbers,
    "tags": _tags,
}
_METRICS: dict[str, Callable[[np.ndarray, Sequence[str]], dict[str, np.ndarray]]] = {
    "single-label": metrics_of_sums,
    "multi-label": multi_label.metrics_of_sums,
    "regression": _numbers_of_sums,
    "tags": entities.metrics_of_sums,
}
