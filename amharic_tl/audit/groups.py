"""Which cultural groups the texts name, how often, and with which labels. Counted on clusters of near-duplicates.

Names come from the culture pack; persons and peoples count, not places, languages or organisations of the same name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from amharic_tl.audit.checked import Checked, rate
from amharic_tl.audit.material import Material, Part
from amharic_tl.culture.mentions import Matcher
from amharic_tl.evaluation.multiplicity import holm
from amharic_tl.records.findings import Finding, finding

FINDINGS = ("label-by-group", "groups-with-few-rows")
GAP, CHANCE = 0.1, 0.01  # difference of a label's share, and p after Holm's correction
LEAST_ROWS = 30


def check(material: Material) -> Checked:
    """Mentions of each group by part with intervals; each label's share among them against all other rows."""
    matcher = Matcher(material.pack)
    axes: dict[str, Any] = {
        name: {"title": axis.title, "groups": {group.id: {"name": group.name, "parts": {}} for group in axis.groups}}
        for name, axis in sorted(material.pack.axes.items())
    }
    found: list[Finding] = []
    for part in material.parts:
        first, named = _mentions(material, part, matcher)
        for axis, described in axes.items():
            for group in described["groups"]:
                described["groups"][group]["parts"][part.name] = rate(int(named[axis, group].sum()), len(first))
            found += _few(material, part, axis, {group: int(named[axis, group].sum()) for group in described["groups"]})
        if part is material.reference:
            rows = [part.rows[index] for index in first]
            found += _labels(material, rows, named, axes)
    axes = {name: _only_named(axis) for name, axis in axes.items()}
    figures = {
        "pack": material.pack.id,
        "unreviewed": material.pack.unreviewed(sorted(axes)),
        "label_part": material.reference.name,
        "axes": axes,
    }
    return Checked(figures, found)


def _only_named(axis: dict[str, Any]) -> dict[str, Any]:
    """The axis without the groups that no part names; these are listed by id."""
    named = {
        group: figures
        for group, figures in axis["groups"].items()
        if any(one["count"] for one in figures["parts"].values())
    }
    return {**axis, "groups": named, "never_named": sorted(axis["groups"].keys() - named.keys())}


def _mentions(material: Material, part: Part, matcher: Matcher) -> tuple[np.ndarray, dict[tuple[str, str], np.ndarray]]:
    """The first row of each cluster, and for each group which of these name persons of it or its people."""
    view = material.views[-1]
    matches = material.matches[view.name]
    clusters = matches.clusters[matches.rows_of(material.parts.index(part))]
    first = np.sort(np.unique(clusters, return_index=True)[1])
    named = {
        (axis.id, group.id): np.zeros(len(first), bool) for axis in material.pack.axes.values() for group in axis.groups
    }
    for place, index in enumerate(first):
        for mention in matcher.find(view.text(part.rows[index])):
            if mention.human:
                named[mention.axis, mention.group][place] = True
    return first, named


def _few(material: Material, part: Part, axis: str, counts: dict[str, int]) -> list[Finding]:
    few = {group: count for group, count in counts.items() if 0 < count < LEAST_ROWS}
    if not few or material.problem in ("pairs", "none"):
        return []
    enough = sum(count >= LEAST_ROWS for count in counts.values())
    return [
        finding(
            "groups-with-few-rows",
            "info",
            f"{part.name}, {axis}",
            f"groups of {axis} named in fewer than {LEAST_ROWS} distinct texts of {part.name}: {len(few)}; "
            f"in more: {enough}",
            max(few.values()),
            LEAST_ROWS,
            advice="Nothing about these groups can be established on this part; judge on more data or on whole sets.",
        )
    ]


def _labels(
    material: Material, rows: Sequence[Any], named: dict[tuple[str, str], np.ndarray], axes: dict[str, Any]
) -> list[Finding]:
    """Every label among rows that name a group against all other rows: Fisher's exact test, Holm over all of them."""
    from scipy.stats import fisher_exact

    labels = sorted({name for row in rows for name in material.names(row)})
    has = {label: np.asarray([label in material.names(row) for row in rows]) for label in labels}
    tested: list[tuple[str, str, str, dict[str, Any], dict[str, Any], float]] = []
    for (axis, group), inside in named.items():
        if not LEAST_ROWS <= inside.sum() <= len(inside) - LEAST_ROWS:
            continue
        for label, flags in has.items():
            own, others = int(flags[inside].sum()), int(flags[~inside].sum())
            table = [[own, int(inside.sum()) - own], [others, int((~inside).sum()) - others]]
            result = rate(own, int(inside.sum())), rate(others, int((~inside).sum()))
            tested.append((axis, group, label, *result, float(fisher_exact(table).pvalue)))
    found = []
    for (axis, group, label, named_rate, other_rate, _), p in zip(
        tested, holm([one[-1] for one in tested]), strict=True
    ):
        gap = named_rate["share"] - other_rate["share"]
        axes[axis]["groups"][group].setdefault("labels", {})[label] = {
            "named": named_rate,
            "others": other_rate,
            "p": p,
        }
        # What is rarer among them than elsewhere is in the table; shares sum to one, so something is more frequent too.
        if gap >= GAP and p < CHANCE:
            ids = [row.id for row, is_named in zip(rows, named[axis, group], strict=True) if is_named]
            found.append(
                finding(
                    "label-by-group",
                    "warning",
                    f"{material.reference.name}, {axis}, {group}, {label}",
                    f"{named_rate['share']:.1%} of the texts of {material.reference.name} that name {group} are {label}"
                    f", {other_rate['share']:.1%} of all others (n {named_rate['n']}, p {p:.1g})",
                    gap,
                    GAP,
                    ids,
                    "A model can learn the name for the label: watch this axis (config.safety.axes) and add texts.",
                )
            )
    return found
