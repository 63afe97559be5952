"""How much worse a model does on dev texts that name a group than on train texts that do: overfitting, told apart.

A model that fits its train texts about a group and fails on others has learned them by heart. One that does badly on
both has lost, or never had, what it takes. The gap says which; :mod:`amharic_tl.safety.monitoring.retention` concludes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from amharic_tl.config import SafetyConfig
from amharic_tl.data.rows import Row
from amharic_tl.language.script import duplicate_key, near_duplicate_key
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.signals import ALL, Figure, enough
from amharic_tl.safety.statistics import LEVEL, Estimate

NAME, SCOPE = "mention_gap", "train_dev"
# Rows that are read for each text that is wanted, at most: corpora of news are long, and mentions in them rare.
_READ = 50
_SENTENCE = re.compile(r"(?<=[።\n])")
# From texts and their labels to losses ``[N]`` or ``[N, 2]``, the second whether a prediction is right.
Losses = Callable[[Sequence[str], Sequence[str | None]], np.ndarray]


@dataclass(frozen=True)
class MentionText:
    """A text that names groups of an axis, with its row's label; never shown."""

    text: str = field(repr=False)
    label: str | None
    groups: tuple[str, ...]
    key: str = field(repr=False)


@dataclass(frozen=True)
class MentionTexts:
    """Of one axis, no two near-duplicates of each other."""

    train: tuple[MentionText, ...]
    dev: tuple[MentionText, ...]


def mention_texts(
    operator: SwapOperator,
    train: Sequence[Row],
    dev: Sequence[Row],
    most: int,
    seed: int,
    *,
    fits: Callable[[str], bool] | None = None,
) -> dict[str, MentionTexts]:
    """Texts of each axis, drawn by seed; dev texts that nearly repeat a drawn train text are left out.

    Args:
      operator: whose mentions count.
      train: rows.
      dev: rows.
      most: texts of an axis and split; 0: none.
      seed: of the run.
      fits: for language models, whether a sentence can be read whole; the first that names the axis is taken. None:
        whole texts, as a classifier reads them.
    """
    if not most:
        return {}
    found = {}
    for axis in operator.axes:
        kept = [tuple(islice(_mentions(operator, axis, rows, seed, most, fits), most)) for rows in (train, dev)]
        seen = {one.key for one in kept[0]}
        found[axis] = MentionTexts(kept[0], tuple(one for one in kept[1] if one.key not in seen))
    return found


def _mentions(
    operator: SwapOperator,
    axis: str,
    rows: Sequence[Row],
    seed: int,
    most: int,
    fits: Callable[[str], bool] | None,
) -> Iterator[MentionText]:
    seen: set[str] = set()
    order = np.random.default_rng(seed).permutation(len(rows))[: most * _READ]
    for number in order:
        row = rows[number]
        text = row.text if fits is None or row.target is None else row.target
        for piece in (text,) if fits is None else filter(fits, map(str.strip, _SENTENCE.split(text))):
            named = {one.group for one in operator.mentions(piece) if one.axis == axis and one.human}
            key = near_duplicate_key(piece) or duplicate_key(piece)
            if named and key not in seen:
                seen.add(key)
                yield MentionText(piece, row.label, tuple(sorted(named)), key)
                break


def gap_figures(
    texts: Mapping[str, MentionTexts], losses: Losses, unit: str, settings: SafetyConfig
) -> Iterator[Figure]:
    """``mention_gap`` of each axis and group: mean loss on dev texts less that on train texts, Welch's t interval.

    Args:
      texts: by axis.
      losses: of the model.
      unit: of the losses, in words.
      settings: ``config.safety``.
    """
    for axis, of in texts.items():
        sides = [
            _columns(losses([one.text for one in side], [one.label for one in side])) for side in (of.train, of.dev)
        ]
        groups = sorted({group for one in (*of.train, *of.dev) for group in one.groups})
        for group in (ALL, *groups):
            train, dev = (
                values[[group in (ALL, *one.groups) for one in side]]
                for values, side in zip(sides, (of.train, of.dev), strict=True)
            )
            yield _figure(axis, group, train, dev, unit, settings)


def _columns(values: np.ndarray) -> np.ndarray:
    """``[N, columns]``."""
    return values.reshape(len(values), -1) if values.size else np.zeros((0, 1))


def _figure(axis: str, group: str, train: np.ndarray, dev: np.ndarray, unit: str, settings: SafetyConfig) -> Figure:
    detail: dict[str, float | int | None] = {"train": len(train), "dev": len(dev)}
    for name, values in (("train", train), ("dev", dev)):
        if len(values):
            detail[f"{name}_loss"] = float(values[:, 0].mean())
            if values.shape[1] > 1:
                detail[f"{name}_accuracy"] = float(values[:, 1].mean())
    n = min(len(train), len(dev))
    reason = enough(n, settings)
    estimate = _difference(train[:, 0], dev[:, 0]) if n > 1 else None
    sentence = f"{unit}; dev minus train, one text of near-duplicates; Welch's t interval; shown, not tested"
    return Figure(NAME, axis, group, SCOPE, sentence, settings.thresholds.mention_gap, estimate, n, (), detail, reason)


def _difference(train: np.ndarray, dev: np.ndarray) -> Estimate:
    """Mean of dev minus mean of train with Welch's interval."""
    from scipy.stats import ttest_ind

    value = float(dev.mean() - train.mean())
    if not (np.ptp(dev) or np.ptp(train)):
        return Estimate(value, value, value, min(len(train), len(dev)), 0.0, 1.0)
    test = ttest_ind(dev, train, equal_var=False, alternative="two-sided")
    ends = test.confidence_interval(LEVEL)
    return Estimate(value, float(ends.low), float(ends.high), min(len(train), len(dev)), 0.0, float(test.pvalue))
