"""Labels: how often each occurs in each part, with intervals; whether shares shift; labels that are rare or unknown."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from amharic_tl.audit.checked import Checked, graded, rate
from amharic_tl.audit.material import Material, Part
from amharic_tl.data.audit import label_shift, shift_of_sets
from amharic_tl.data.rows import Source
from amharic_tl.errors import name_some
from amharic_tl.records.findings import Finding, finding

FINDINGS = ("label-shift", "rare-labels", "labels-only-in", "one-label")
SHIFT_WARNING, SHIFT_ERROR = 0.1, 0.25  # total variation; of numbers, the Kolmogorov-Smirnov distance
CHANCE = 0.01  # p above which a shift may be chance
FEW_ROWS = 10
_RESAMPLES = 1000


def check(material: Material) -> Checked:
    """Label counts with intervals by part, shift between the reference and each other part, rare labels."""
    if material.problem in ("pairs", "none"):
        return Checked(not_checked="the rows have no labels")
    figures: dict[str, Any] = {"parts": {}, "shift": []}
    found: list[Finding] = []
    for part in material.parts:
        figures["parts"][part.name] = _described(material, part)
        found += _rare(material, part)
    for part in material.others:
        shift = _shift(material, material.reference, part)
        figures["shift"].append(shift)
        found += _shifted(shift)
    return Checked(figures, found)


def _described(material: Material, part: Part) -> dict[str, Any]:
    if material.problem == "regression":
        numbers = _numbers(part)
        quartiles = np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1])
        return {"numbers": {"mean": float(numbers.mean()), "quartiles": [float(value) for value in quartiles]}}
    counts = Counter(name for row in part.rows for name in material.names(row))
    return {"labels": {name: rate(count, len(part.rows)) for name, count in sorted(counts.items())}}


def _numbers(part: Part) -> np.ndarray:
    return np.asarray([float(row.label or "nan") for row in part.rows])


def _shift(material: Material, first: Part, second: Part) -> dict[str, Any]:
    """Total variation with an interval by the bootstrap over rows, and the test of the run's own data.json.

    A distance of two samples is never below 0, so the interval is of the figure and the p of the shift.
    """
    if material.problem == "regression":
        from scipy.stats import ks_2samp

        test = ks_2samp(_numbers(first), _numbers(second))
        return {
            "a": first.name, "b": second.name, "distance": float(test.statistic), "p": float(test.pvalue),
            "interval": None, "method": "Kolmogorov-Smirnov", "most": None,
        }  # fmt: skip
    named = {part.name: _as_source(material, part) for part in (first, second)}
    names = sorted({name for part in (first, second) for row in part.rows for name in material.names(row)})
    sets = material.problem in ("multi-label", "tags")
    stored = (
        shift_of_sets(first.name, second.name, named, names)
        if sets
        else label_shift(first.name, second.name, named, material.problem)
    )
    flags = [np.asarray([[name in material.names(row) for name in names] for row in p.rows]) for p in (first, second)]
    shares = [flag.mean(axis=0) for flag in flags]
    generator = np.random.default_rng(0)
    drawn = [
        generator.multinomial(len(flag), np.ones(len(flag)) / len(flag), _RESAMPLES) @ flag / len(flag)
        for flag in flags
    ]
    apart = np.abs(drawn[0] - drawn[1])
    resampled = apart.max(axis=1) if sets else apart.sum(axis=1) / 2
    most = int(np.argmax(np.abs(shares[0] - shares[1])))
    return {
        "a": first.name,
        "b": second.name,
        "distance": stored["total_variation"],
        "p": stored["chi2_p"],
        "interval": [float(value) for value in np.quantile(resampled, [0.025, 0.975])],
        "method": "largest difference of a label's share, chi-squared (Bonferroni)"
        if sets
        else "total variation, chi-squared",
        "most": {"label": names[most], "shares": [float(share[most]) for share in shares]},
    }


def _as_source(material: Material, part: Part) -> Source:
    """The rows with the types of their entities as labels: tags of one sentence are not independent."""
    if material.problem != "tags":
        return part.source
    return replace(part.source, rows=[replace(row, labels=material.names(row)) for row in part.rows])


def _shifted(shift: dict[str, Any]) -> list[Finding]:
    severity = graded(shift["distance"], info=SHIFT_WARNING, warning=SHIFT_WARNING, error=SHIFT_ERROR)
    if severity is None or shift["p"] >= CHANCE:
        return []
    most = shift["most"]
    told = f"; most of all {most['label']}: {most['shares'][0]:.1%} and {most['shares'][1]:.1%}" if most else ""
    return [
        finding(
            "label-shift",
            severity,
            f"{shift['a']} / {shift['b']}",
            f"labels shift between {shift['a']} and {shift['b']}: {shift['method'].split(',')[0]} "
            f"{shift['distance']:.2f} (p {shift['p']:.1g}){told}",
            shift["distance"],
            SHIFT_WARNING,
            advice="Report macro-F1 and per-class scores beside a constant line; do not tune thresholds on the one for "
            "the other.",
        )
    ]


def _rare(material: Material, part: Part) -> list[Finding]:
    if material.problem == "regression":
        return []
    counts = Counter(name for row in part.rows for name in material.names(row))
    found = []
    if len(counts) < 2 and material.problem == "single-label":
        found.append(
            finding(
                "one-label",
                "error",
                part.name,
                f"all rows of {part.name} have the same label",
                len(counts),
                2,
                advice="Is it the right column? Set config.data.label.",
            )
        )
    rare = {name: count for name, count in counts.items() if count < FEW_ROWS}
    rare |= {name: 0 for name in _known(material) if name not in counts}
    if rare and len(counts) > 1:
        rows = [row.id for row in part.rows if not rare.keys().isdisjoint(material.names(row))]
        found.append(
            finding(
                "rare-labels",
                "info",
                part.name,
                f"{part.name} has fewer than {FEW_ROWS} rows of "
                + name_some(f"{name} ({count})" for name, count in sorted(rare.items())),
                min(rare.values()),
                FEW_ROWS,
                rows,
                "Scores of these labels rest on little: give intervals, or merge labels.",
            )
        )
    only = sorted(counts.keys() - set(_known(material)))
    if only:
        rows = [row.id for row in part.rows if not set(only).isdisjoint(material.names(row))]
        found.append(
            finding(
                "labels-only-in",
                "warning",
                part.name,
                f"{part.name} has labels that {material.reference.name} does not have: {name_some(only)}",
                len(rows),
                0,
                rows,
                "They cannot be learned: their rows count as wrong. Is the spelling the same?",
            )
        )
    return found


def _known(material: Material) -> tuple[str, ...]:
    return tuple({name: None for row in material.reference.rows for name in material.names(row)})
