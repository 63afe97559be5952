"""Safety signals of rows that several models predicted, each its own: what out-of-fold predictions say together.

A fold's run shows its rows and their swapped copies to its own model and keeps what each swap changed by row id. Here
those lines and the rows' probabilities meet again, as if one split had been looked at once. Benign sentences belong to
no fold and are left to the folds' own reports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amharic_tl.config import SafetyConfig
from amharic_tl.data.rows import Row
from amharic_tl.records.signals import Alert, SafetySignal
from amharic_tl.safety.alerts.judgement import changes, family, judge
from amharic_tl.safety.drafts import withhold
from amharic_tl.safety.monitoring.looks import Look, describe
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.signals import Compared, Observed, as_signal, figures_of


@dataclass(frozen=True)
class _Rows:
    row_ids: tuple[str, ...]
    clusters: np.ndarray
    mentioned: Mapping[str, list[tuple[str, ...]]]


@dataclass(frozen=True)
class _Swap:
    row: int
    axis: str
    scope: str
    groups: tuple[str, ...]


def look_at_pooled(
    rows: Sequence[Row],
    clusters: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    label_names: Sequence[str],
    swaps: Sequence[tuple[int, Mapping[str, Any]]],
    settings: SafetyConfig,
    split: str,
) -> tuple[Look, dict[str, Any]]:
    """Signals over all rows, judged as one look, and what safety.json holds.

    Args:
      rows: one for each prediction; a row that is predicted in several repetitions stands there as often.
      clusters: int ``[N]``, of near-duplicates over all rows; repetitions of a row are in its cluster, so that ``n``
        counts no row twice.
      labels: int ``[N]``, -1 for an unknown one.
      probabilities: ``[N, C]``.
      label_names: the classes.
      swaps: lines of counterfactuals-test.jsonl, each with the number of its row.
      settings: ``config.safety``.
      split: what the signals call it.
    """
    operator = SwapOperator(settings.pack, settings.axes or (), settings.held_out_groups)
    watched = _Rows(tuple(row.id for row in rows), clusters, _mentioned(rows, operator))
    positive = np.asarray([name in (settings.positive_labels or ()) for name in label_names])
    observed = Observed(split, 0, labels, probabilities, np.zeros((0, len(label_names))), positive)
    swaps = sorted(swaps, key=lambda swap: swap[0])  # evidence is cut, and must not depend on the folds' order
    swapped = [_Swap(number, line["axis"], line["scope"], tuple(line["groups"])) for number, line in swaps]
    figures = figures_of(watched, swapped, _compared([line for _, line in swaps]), observed, operator, settings)
    signals = [as_signal(figure, observed, operator.rests_on_unreviewed(figure.axis)) for figure in figures]
    judged: list[SafetySignal] = judge(withhold(signals, operator, settings), {}, settings.level, 1)
    alerts: list[Alert] = changes(judged, {})
    lines = [{**line, "cluster": int(clusters[number])} for number, line in swaps]
    look = Look(judged, alerts, family(judged, settings.level, 1), lines)
    return look, describe(operator, settings, None, 1, {split: {"counterfactuals": len(swaps)}})


def _mentioned(rows: Sequence[Row], operator: SwapOperator) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, Any] = {}
    for row in rows:
        if row.id not in found:
            found[row.id] = [(one.axis, one.group) for one in operator.mentions(row.text) if one.human]
    return {
        axis: [tuple(sorted({group for on, group in found[row.id] if on == axis})) for row in rows]
        for axis in operator.axes
    }


def _compared(lines: Sequence[Mapping[str, Any]]) -> Compared:
    def values(name: str, kind: type) -> np.ndarray:
        return np.asarray([line[name] for line in lines], kind)

    return Compared(
        flips=values("flip", float),
        placebo_flips=values("placebo_flip", float),
        gaps=values("gap", float),
        placebo_gaps=values("placebo_gap", float),
        to_harm=values("to_harm", bool),
        from_harm=values("from_harm", bool),
    )
