"""Labels by where rows come from (a newspaper, an author, a site): columns that the user names."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from amharic_tl.audit.checked import Checked, graded, rate
from amharic_tl.audit.material import Material, Part
from amharic_tl.records.findings import Finding, finding

FINDINGS = ("label-by-source", "source-shift")
ASSOCIATED, CHANCE = 0.3, 0.01  # bias-corrected Cramér's V, and its chi-squared p
NEW_SOURCES = 0.5
LEAST_ROWS = 5  # of a source, below which it is pooled with others of its size
MOST_SHOWN = 30
_OTHERS = "(fewer rows)"


def check(material: Material) -> Checked:
    """Counts by source and part, association of label and source in the reference, sources that only others have."""
    if not material.by:
        return Checked(not_checked="no source column was named (--by)")
    figures: dict[str, Any] = {}
    found: list[Finding] = []
    for column in material.by:
        values = {part.name: _values(part, column) for part in material.parts}
        reference = material.reference
        figures[column] = {
            "sources": {name: len(set(one)) for name, one in values.items()},
            "association": _association(material, reference, values[reference.name]),
            "table": _table(material, reference, values[reference.name]),
        }
        found += _associated(figures[column]["association"], reference.name, column)
        for part in material.others:
            found += _new(part, column, values[part.name], set(values[reference.name]))
    return Checked(figures, found)


def _values(part: Part, column: str) -> list[str]:
    return [part.by[column].get((row.file, row.line), "") for row in part.rows]


def _pooled(values: list[str]) -> list[str]:
    counts = Counter(values)
    return [value if counts[value] >= LEAST_ROWS else _OTHERS for value in values]


def _association(material: Material, part: Part, values: list[str]) -> dict[str, Any] | None:
    """Cramér's V between single labels and sources, corrected for bias (Bergsma 2013), and the chi-squared p."""
    if material.problem != "single-label":
        return None
    from scipy.stats import chi2_contingency

    _, rows = np.unique([row.label or "" for row in part.rows], return_inverse=True)
    _, columns = np.unique(_pooled(values), return_inverse=True)
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)
    if min(table.shape) < 2:
        return None
    test = chi2_contingency(table)
    n, (r, k) = table.sum(), table.shape
    phi2 = max(0.0, test.statistic / n - (r - 1) * (k - 1) / (n - 1))
    corrected = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    return {"cramers_v": float(np.sqrt(phi2 / max(corrected, 1e-12))), "p": float(test.pvalue)}


def _table(material: Material, part: Part, values: list[str]) -> list[dict[str, Any]]:
    """The most frequent sources with their rows and the share of each label."""
    shown = []
    for source, count in Counter(_pooled(values)).most_common(MOST_SHOWN):
        own = [row for row, value in zip(part.rows, _pooled(values), strict=True) if value == source]
        labels = Counter(name for row in own for name in material.names(row))
        shown.append(
            {"source": source, "rows": count, "labels": {name: rate(labels[name], count) for name in sorted(labels)}}
        )
    return shown


def _associated(association: dict[str, Any] | None, part: str, column: str) -> list[Finding]:
    if association is None or association["p"] >= CHANCE or association["cramers_v"] < ASSOCIATED:
        return []
    v = association["cramers_v"]
    return [
        finding(
            "label-by-source",
            "warning",
            f"{part}, {column}",
            f"{column} tells much of the label in {part}: Cramér's V {v:.2f} (p {association['p']:.1g})",
            v,
            ASSOCIATED,
            advice="Cut splits by source, and score sources apart: a model may learn the source for the label.",
        )
    ]


def _new(part: Part, column: str, values: list[str], known: set[str]) -> list[Finding]:
    new = [row.id for row, value in zip(part.rows, values, strict=True) if value not in known]
    share = len(new) / len(values)
    severity = graded(share, info=0.05, warning=NEW_SOURCES)
    if severity is None:
        return []
    return [
        finding(
            "source-shift",
            severity,
            f"{part.name}, {column}",
            f"{share:.1%} of the rows of {part.name} have a {column} that the reference part does not have",
            share,
            NEW_SOURCES,
            new,
            "Scores there are about new sources; say so.",
        )
    ]
