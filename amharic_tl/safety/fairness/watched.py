"""Fairness of a watched classifier: figures at each look, and the table of a scored split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amharic_tl.config import SafetyConfig
from amharic_tl.data.rows import Row
from amharic_tl.records.signals import UNREVIEWED
from amharic_tl.safety.drafts import watermark
from amharic_tl.safety.fairness.counterfactual import counterfactual
from amharic_tl.safety.fairness.judged import in_loop, judged_rows
from amharic_tl.safety.fairness.table import fairness_table
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.probes import Probes, Watched, clusters_of
from amharic_tl.safety.signals import Observed
from amharic_tl.safety.statistics import FEWEST_FAMILIES

# How many figures over groups a terminal shows of each axis; the file has all.
SHOWN = ("demographic_parity_difference", "equal_opportunity_difference", "equalized_odds_difference")


@dataclass(frozen=True)
class NamedRows:
    """Rows and the groups that they name, as of :class:`~amharic_tl.safety.probes.Watched`."""

    row_ids: tuple[str, ...]
    clusters: np.ndarray
    mentioned: Mapping[str, list[tuple[str, ...]]]


def named_rows(rows: Sequence[Row], operator: SwapOperator) -> NamedRows:
    """Finds the persons and peoples that rows name."""
    found = [[(one.axis, one.group) for one in operator.mentions(row.text) if one.human] for row in rows]
    mentioned = {
        axis: [tuple(sorted({group for on, group in of if on == axis})) for of in found] for axis in operator.axes
    }
    return NamedRows(tuple(row.id for row in rows), clusters_of(rows), mentioned)


def look_figures(probes: Probes, observed: Observed, axes: Sequence[str], settings: SafetyConfig) -> dict[str, float]:
    """Figures by axis to be followed while training, as ``fairness/<axis>/<figure>``; they are estimates, not tests.

    Parity over groups, and the counterfactual gap and flips of swaps as training makes them.
    """
    minimum_n = max(settings.minimum_n, FEWEST_FAMILIES)
    figures = in_loop(judged_rows(probes, observed, axes), axes, minimum_n)
    own, of_probes = (
        probabilities[:, observed.positive].sum(axis=-1)
        for probabilities in (observed.probabilities, observed.probe_probabilities)
    )
    found = observed.positive[observed.probe_probabilities.argmax(axis=-1)]
    for axis in axes:
        swaps = [one for one in probes.counterfactuals if (one.axis, one.scope) == (axis, "trained_on")]
        rows, places = (np.asarray([getattr(one, of) for one in swaps], int) for of in ("row", "swapped"))
        versions = of_probes[places][:, None], observed.found[rows], found[places][:, None]
        seen = counterfactual(own[rows], *versions, np.ones((len(swaps), 1), bool))
        if seen is not None and len(np.unique(probes.clusters[rows])) >= minimum_n:
            figures |= {
                f"fairness/{axis}/counterfactual_{name}": getattr(seen, name) for name in ("gap", "signed_gap", "flips")
            }
    return figures


def split_table(watched: Watched, observed: Observed, operator: SwapOperator, settings: SafetyConfig) -> dict[str, Any]:
    """The table of a split, see :func:`~amharic_tl.safety.fairness.table.fairness_table`, and what it rests on."""
    table = fairness_table(judged_rows(watched, observed, operator.axes), settings.minimum_n)
    drafts = [axis for axis in operator.axes if operator.rests_on_unreviewed(axis)]
    return {
        "split": observed.split,
        "step": observed.step,
        "pack": operator.pack.id,
        "pack_fingerprint": operator.pack.fingerprint,
        "positive_labels": list(settings.positive_labels or ()),
        "unreviewed": f"{', '.join(drafts)}: {UNREVIEWED}" if drafts else "",
        "watermark": watermark(operator, settings),
        **table,
    }


def summary(table: Mapping[str, Any]) -> dict[str, Any]:
    """What run.json keeps of a table: the family of tests, and which figures the screen notes."""
    noted = [
        {"axis": axis, "name": row["name"]}
        for axis, of in table["axes"].items()
        for row in of["parity"]
        if row["noted"]
    ]
    return {"screen": table["screen"], "noted": noted, "unreviewed": table["unreviewed"]}


def about_fairness(table: Mapping[str, Any]) -> list[str]:
    """A line an axis for the terminal, and one on the family of tests."""
    said = []
    for axis, of in table["axes"].items():
        rows = {row["name"]: row for row in of["parity"]}
        told = [_told(rows[name]) for name in SHOWN if rows[name]["value"] is not None]
        why = f"insufficient: {rows[SHOWN[0]]['reason']}"
        said.append(f"fairness: {table['split']}: {axis}: {'; '.join(told) or why}")
    screen = table["screen"]
    family = f"{screen['tests']} tests, a screen at {screen['level']:.2f} ({screen['method']})"
    sentence = f"fairness: {table['split']}: {family}"
    return [*said, f"{sentence}; {table['unreviewed']}" if table["unreviewed"] else sentence]


def _told(row: Mapping[str, Any]) -> str:
    noted = " noted" if row["noted"] else ""
    return (
        f"{row['name'].replace('_', ' ')} {row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}], "
        f"null {row['null']:.3f}, {row['groups']} groups, n {row['n']}{noted}"
    )
