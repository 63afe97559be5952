"""Texts that stand in the data more than once: inside a part, in two parts, in other data; and with what labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from amharic_tl.audit.checked import Checked, graded, row_count
from amharic_tl.audit.material import Matches, Material, Part, View
from amharic_tl.audit.near_duplicates import SIMILAR
from amharic_tl.records.findings import Finding, finding

FINDINGS = (
    "duplicates-within",
    "leak-across-parts",
    "conflicting-labels",
    "leak-against",
    "near-duplicates-not-all",
)
REPEATED = 0.01  # share of a part's rows that repeat an earlier one
# Shares of a part's rows that stand in another part or in other data.
LEAK_WARNING, LEAK_ERROR = 0.001, 0.01
_TAKE_OUT = "Take them out of what is trained on; scores without them are called test_clean in a run."
_NEVER_BOTH = "Never train on one of the two and score on the other."
CONFLICTING = 0.005  # share of a part's rows whose text stands there, or in another part, with another label


def check(material: Material) -> Checked:
    """Repeats within parts, across them and in ``against``; same texts with different labels."""
    figures: dict[str, Any] = {"similar": SIMILAR, "within": {}, "across": [], "against": [], "conflicts": {}}
    found: list[Finding] = []
    for view in material.views:
        matches = material.matches[view.name]
        for number, part in enumerate(material.parts):
            found += _within(matches, number, part, view, figures)
            found += _conflicts(material, matches, number, view, figures)
        for a, b in _pairs(material):
            one, two = (b, material.parts[b]), (a, material.parts[a])
            found += _leaks("leak-across-parts", matches, one, two, view, figures)
        for number, other in enumerate(material.against, len(material.parts)):
            for own, part in enumerate(material.parts):
                found += _leaks("leak-against", matches, (own, part), (number, other), view, figures)
        if matches.near.left_out:
            found.append(_left_out(matches, view))
    return Checked(figures, found)


def _pairs(material: Material) -> Iterator[tuple[int, int]]:
    """Indices of parts, each with every later one; the reference comes first."""
    order = [material.reference, *material.others]
    places = [material.parts.index(part) for part in order]
    for index, a in enumerate(places):
        yield from ((a, b) for b in places[index + 1 :])


def _ids(part: Part, mask: np.ndarray) -> list[str]:
    return [part.rows[index].id for index in np.flatnonzero(mask)]


def _within(matches: Matches, number: int, part: Part, view: View, figures: dict[str, Any]) -> list[Finding]:
    where = view.where(part.name)
    groups = matches.groups[matches.rows_of(number)]
    clusters = matches.clusters[matches.rows_of(number)]
    same, near = _repeats(groups), _repeats(clusters)
    figures["within"][where] = {"rows": len(groups), "same": int(same.sum()), "near": int(near.sum())}
    share = near.mean()
    severity = graded(share, warning=REPEATED)
    if not severity:
        return []
    return [
        finding(
            "duplicates-within",
            severity,
            where,
            f"{where}: {row_count(int(near.sum()))} ({share:.1%}) that repeat an earlier one: {same.sum():,} the same "
            f"text, {(near & ~same).sum():,} nearly",
            share,
            REPEATED,
            _ids(part, near),
            "Remove repeats, or keep them together: when a split is cut, when intervals are drawn.",
        )
    ]


def _repeats(numbers: np.ndarray) -> np.ndarray:
    """Bool: which entries stood there before."""
    repeated = np.ones(len(numbers), bool)
    repeated[np.unique(numbers, return_index=True)[1]] = False
    return repeated


def _leaks(
    name: str, matches: Matches, part: tuple[int, Part], other: tuple[int, Part], view: View, figures: dict[str, Any]
) -> list[Finding]:
    """Rows of ``part`` that stand in ``other``; both with their number among what was matched."""
    (own, mine), (number, theirs) = part, other
    same, near = matches.found_in(own, number)
    b = view.where(mine.name)
    if name == "leak-across-parts":
        key, a, advice = "across", view.where(theirs.name), _TAKE_OUT
        where = f"{a} / {b}"
    else:
        key, a, advice = "against", theirs.name, _NEVER_BOTH
        where = f"{b} / {a}"
    figures[key].append(
        {"a": a, "b": b, "rows": len(near), "same": int(same.sum()), "near": int(near.sum()),
         "share": float(near.mean())}
    )  # fmt: skip
    severity = graded(near.mean(), warning=LEAK_WARNING, error=LEAK_ERROR)
    if not severity:
        return []
    told = _told(mine, theirs, same, near)
    return [finding(name, severity, where, told, near.mean(), LEAK_WARNING, _ids(mine, near), advice)]


def _told(part: Part, other: Part, same: np.ndarray, near: np.ndarray) -> str:
    return (
        f"{near.sum():,} of {row_count(len(near))} of {part.name} ({near.mean():.1%}) stand in {other.name} too: "
        f"{same.sum():,} with the same text, {(near & ~same).sum():,} nearly"
    )


def _conflicts(material: Material, matches: Matches, number: int, view: View, figures: dict[str, Any]) -> list[Finding]:
    """Rows of a part whose text has another label elsewhere in the parts."""
    if material.problem not in ("single-label", "multi-label", "tags", "regression"):
        return []
    part = material.parts[number]
    labels = [row.label for other in material.parts for row in other.rows]
    mine = matches.rows_of(number)
    count = len(labels)
    same = _conflicting(matches.groups[:count], labels)[mine]
    near = _conflicting(matches.clusters[:count], labels)[mine]
    figures["conflicts"][part.name] = {"rows": len(same), "same": int(same.sum()), "near": int(near.sum())}
    severity = graded(same.mean(), warning=CONFLICTING)
    if not severity:
        return []
    return [
        finding(
            "conflicting-labels",
            severity,
            part.name,
            f"{part.name}: {row_count(int(same.sum()))} ({same.mean():.2%}) whose text has another label elsewhere in "
            f"the data; {near.sum():,} where nearly the same texts count too",
            same.mean(),
            CONFLICTING,
            _ids(part, same),
            "Have these rows labelled again: at most one of the labels can be learned.",
        )
    ]


def _conflicting(groups: np.ndarray, labels: list[str | None]) -> np.ndarray:
    """Bool: which rows share their group with a row of another label."""
    seen: dict[int, set[str | None]] = {}
    for group, label in zip(groups.tolist(), labels, strict=True):
        seen.setdefault(group, set()).add(label)
    return np.asarray([len(seen[group]) > 1 for group in groups.tolist()], bool)


def _left_out(matches: Matches, view: View) -> Finding:
    return finding(
        "near-duplicates-not-all",
        "warning",
        view.name,
        f"{matches.near.left_out} candidate pairs of nearly the same texts were not looked at: there are too many, as "
        "in texts made from one template",
        matches.near.left_out,
        0,
        advice="Take near-duplicate counts of these data as lower bounds.",
    )
