"""Passages of other data inside longer texts: strings of 25 letters that both hold, and whether labels go with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from amharic_tl.audit.checked import Checked, rate, row_count
from amharic_tl.audit.material import Material, Part, View
from amharic_tl.audit.near_duplicates import normalise, windows
from amharic_tl.evaluation.multiplicity import holm
from amharic_tl.records.findings import Finding, finding

FINDINGS = ("passages-against", "label-by-passage")
LETTERS = 25
SHARED = 0.01  # share of rows
GAP, CHANCE = 0.05, 0.01  # difference of a label's share, and p after Holm's correction
LEAST_ROWS = 10


def check(material: Material) -> Checked:
    """Rows that share a passage with each of ``against``, by label."""
    if not material.against:
        return Checked(not_checked="no other data was named (--against)")
    view = material.views[-1]
    fold = material.pack.grammar.fold
    figures: list[dict[str, Any]] = []
    found: list[Finding] = []
    for other in material.against:
        theirs = [text for row in other.rows for text in (row.text, row.target) if text]
        there = np.unique(np.concatenate([windows(normalise(text, fold), LETTERS) for text in theirs]))
        for part in material.parts:
            shares = np.asarray([_shares(normalise(view.text(row), fold), there) for row in part.rows])
            figures.append(_figures(material, part, other, shares))
            found += _findings(part, other, view, shares, figures[-1])
    return Checked({"letters": LETTERS, "pairs": figures}, found)


def _shares(text: str, there: np.ndarray) -> bool:
    own = windows(text, LETTERS)
    if not len(own) or not len(there):
        return False
    places = np.searchsorted(there, own)
    places[places == len(there)] = 0
    return bool(np.any(there[places] == own))


def _figures(material: Material, part: Part, other: Part, shares: np.ndarray) -> dict[str, Any]:
    """Rows that share a passage, of all and of each label; p of Fisher's exact test, Holm over the labels."""
    from scipy.stats import fisher_exact

    names = sorted({name for row in part.rows for name in material.names(row)})
    labels: dict[str, Any] = {}
    p_values = []
    for name in names:
        inside = np.asarray([name in material.names(row) for row in part.rows])
        own, rest = shares[inside], shares[~inside]
        labels[name] = {"sharing": rate(int(own.sum()), len(own)), "others": rate(int(rest.sum()), len(rest))}
        table = [[int(own.sum()), int((~own).sum())], [int(rest.sum()), int((~rest).sum())]]
        p_values.append(float(fisher_exact(table).pvalue))
    for name, p in zip(names, holm(p_values), strict=True):
        labels[name]["p"] = p
    return {"part": part.name, "other": other.name, "sharing": rate(int(shares.sum()), len(shares)), "labels": labels}


def _findings(part: Part, other: Part, view: View, shares: np.ndarray, figures: dict[str, Any]) -> list[Finding]:
    where = f"{view.where(part.name)} / {other.name}"
    ids = [part.rows[index].id for index in np.flatnonzero(shares)]
    found = []
    if shares.mean() >= SHARED:
        found.append(
            finding(
                "passages-against",
                "info",
                where,
                f"{part.name}: {row_count(len(ids))} ({shares.mean():.1%}) that share {LETTERS} letters in a row with "
                f"{other.name}",
                shares.mean(),
                SHARED,
                ids,
                "Quotations and set phrases are shared too: look before you call it a leak.",
            )
        )
    for label, counted in figures["labels"].items():
        gap = counted["sharing"]["share"] - (counted["others"]["share"] or 0.0)
        if gap >= GAP and counted["p"] < CHANCE and counted["sharing"]["count"] >= LEAST_ROWS:
            own, rest = counted["sharing"], counted["others"]
            found.append(
                finding(
                    "label-by-passage",
                    "error",
                    f"{where}, {label}",
                    f"{own['count']} of {own['n']} rows of {part.name} that are {label} share {LETTERS} letters in a "
                    f"row with {other.name}, {rest['count']} of {rest['n']} others (p {counted['p']:.1g}): the label "
                    "goes with a source",
                    gap,
                    GAP,
                    ids,
                    "A model can win by knowing that source: take these rows out, or judge on other data.",
                )
            )
    return found
