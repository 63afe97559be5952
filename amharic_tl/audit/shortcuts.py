"""Whether labels can be told without reading: a simple model of surface features that is too good.

Out-of-fold predictions (5 folds, one row of each near-duplicate cluster) of a ridge classifier on surface features.
Its skill is balanced accuracy between chance (0) and always right (1); of numbers, R squared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from amharic_tl.audit.checked import Checked, graded
from amharic_tl.audit.material import Material
from amharic_tl.audit.surface import Surface, encode, surface
from amharic_tl.records.findings import Finding, finding

FINDINGS = ("shortcut",)
FOLDS = 5
SKILL_INFO, SKILL_WARNING, SKILL_ERROR = 0.1, 0.2, 1 / 3  # of the lower end of the interval
RIDGE = 10.0
LEAST_ROWS = 100
LEAST_OF_CLASS = 20
MOST_ROWS = 20_000
TOP = 8
EVIDENCE = 5
_RESAMPLES = 1000


def check(material: Material) -> Checked:
    """The skill of the surface model on the reference part, with the features that it rests on."""
    if material.problem in ("pairs", "none", "tags"):
        why = "labels belong to tokens, not to texts" if material.problem == "tags" else "the rows have no labels"
        return Checked(not_checked=why)
    part = material.reference
    rows = _rows(material)
    texts = [part.rows[row].text for row in rows]
    if len(rows) < LEAST_ROWS:
        return Checked(not_checked=f"{part.name} has {len(rows)} distinct texts, {LEAST_ROWS} are needed")
    seen = surface(texts)
    figures: dict[str, Any] = {"part": part.name, "rows": len(rows), "sampled_from": _distinct(material), "targets": {}}
    found: list[Finding] = []
    ids = [part.rows[row].id for row in rows]
    for name, (target, classes) in _targets(material, [part.rows[row] for row in rows]).items():
        figures["targets"][name] = measured = _measured(seen, target, ids, material.show_words)
        measured["classes"] = classes
        found += _judged(measured, part.name, name)
    if not figures["targets"]:
        return Checked(not_checked=f"fewer than two labels have {LEAST_OF_CLASS} rows")
    return Checked(figures, found)


def _distinct(material: Material) -> int:
    return len(np.unique(material.matches["text"].clusters[material.matches["text"].rows_of(_place(material))]))


def _place(material: Material) -> int:
    return material.parts.index(material.reference)


def _rows(material: Material) -> np.ndarray:
    """The first row of each cluster of near-duplicates, a seeded sample where there are very many."""
    clusters = material.matches["text"].clusters[material.matches["text"].rows_of(_place(material))]
    first = np.sort(np.unique(clusters, return_index=True)[1])
    if len(first) > MOST_ROWS:
        first = np.sort(np.random.default_rng(0).choice(first, MOST_ROWS, replace=False))
    return first


def _targets(material: Material, rows: Sequence[Any]) -> dict[str, tuple[np.ndarray, list[str]]]:
    """What is to be told: the label; each label of a set; the number. Rows of rare labels are -1 and left out.

    With it the names of the classes; numbers are described by halves.
    """
    if material.problem == "regression":
        return {"": (np.asarray([float(row.label) for row in rows]), ["lower half", "upper half"])}
    if material.problem == "multi-label":
        flags = {name: np.asarray([int(name in row.labels) for row in rows]) for name in material.labels}
        return {
            name: (flag, [f"without {name}", name])
            for name, flag in flags.items()
            if LEAST_OF_CLASS <= flag.sum() <= len(flag) - LEAST_OF_CLASS
        }
    names, numbers, counts = np.unique([row.label for row in rows], return_inverse=True, return_counts=True)
    kept = np.flatnonzero(counts >= LEAST_OF_CLASS)
    if len(kept) < 2:
        return {}
    renumbered = np.full(len(names), -1)
    renumbered[kept] = np.arange(len(kept))
    return {"": (renumbered[numbers], [str(names[index]) for index in kept])}


def _measured(seen: Surface, target: np.ndarray, ids: Sequence[str], show_words: bool) -> dict[str, Any]:
    numeric = target.dtype.kind == "f"
    kept = np.arange(len(target)) if numeric else np.flatnonzero(target >= 0)
    predicted, weights = _out_of_fold(seen, target, kept, numeric)
    gold = target[kept]
    skill, interval = (_r_squared if numeric else _skill)(gold, predicted)
    return {
        "rows": len(kept),
        "skill": skill,
        "interval": interval,
        "measure": "R squared" if numeric else "balanced accuracy above chance",
        "features": _top(seen, kept, gold, weights, ids, show_words),
    }


def _out_of_fold(
    seen: Surface, target: np.ndarray, kept: np.ndarray, numeric: bool
) -> tuple[np.ndarray, dict[str, float]]:
    """Predictions of the rows ``kept``, and how much weight each feature has in the fit on all of them."""
    from sklearn.linear_model import Ridge, RidgeClassifier
    from sklearn.model_selection import KFold, StratifiedKFold

    folds = (KFold if numeric else StratifiedKFold)(FOLDS, shuffle=True, random_state=0)

    def fitted(rows: np.ndarray) -> tuple[Any, Any, list[str]]:
        model = Ridge(alpha=RIDGE) if numeric else RidgeClassifier(alpha=RIDGE, class_weight="balanced")
        make, names = encode(seen, rows)
        return model.fit(make(rows), target[rows]), make, names

    predicted = np.zeros(len(kept), target.dtype)
    for train, held_out in folds.split(kept, target[kept]):
        model, make, _ = fitted(kept[train])
        predicted[held_out] = model.predict(make(kept[held_out]))
    model, make, names = fitted(kept)
    weight = np.abs(np.atleast_2d(model.coef_)).mean(axis=0) * make(kept).std(axis=0)
    totals: dict[str, float] = {}
    for name, value in zip(names, weight, strict=True):
        totals[name] = totals.get(name, 0.0) + float(value)
    return predicted, totals


def _skill(gold: np.ndarray, predicted: np.ndarray) -> tuple[float, list[float]]:
    """Balanced accuracy set between chance and 1, with a bootstrap interval: recalls are drawn class by class."""
    classes = np.unique(gold)
    generator = np.random.default_rng(0)
    sizes = np.asarray([np.sum(gold == one) for one in classes])
    recalls = np.asarray([np.mean(predicted[gold == one] == one) for one in classes])
    drawn = (generator.binomial(sizes, recalls, (_RESAMPLES, len(classes))) / sizes).mean(axis=1)

    def scaled(value: Any) -> Any:
        return (value - 1 / len(classes)) / (1 - 1 / len(classes))

    return float(scaled(recalls.mean())), [float(v) for v in np.quantile(scaled(drawn), [0.025, 0.975])]


def _r_squared(gold: np.ndarray, predicted: np.ndarray) -> tuple[float, list[float]]:
    generator = np.random.default_rng(0)

    def figure(gold: np.ndarray, predicted: np.ndarray) -> float:
        return float(1 - np.sum((gold - predicted) ** 2) / max(np.sum((gold - gold.mean()) ** 2), 1e-12))

    picks = generator.integers(0, len(gold), (_RESAMPLES, len(gold)))
    drawn = [figure(gold[pick], predicted[pick]) for pick in picks]
    return figure(gold, predicted), [float(value) for value in np.quantile(drawn, [0.025, 0.975])]


def _top(
    seen: Surface,
    kept: np.ndarray,
    gold: np.ndarray,
    weights: dict[str, float],
    ids: Sequence[str],
    show_words: bool,
) -> list[dict[str, Any]]:
    """The features with most weight: their mean for each label, and some rows; words only where they may be shown."""
    halves = gold if gold.dtype.kind != "f" else (gold > np.median(gold)).astype(int)
    total = sum(weights.values()) or 1.0
    told = []
    for name in sorted(weights, key=lambda name: -weights[name])[:TOP]:
        if name in seen.measures:
            values = seen.numbers[kept, seen.measures.index(name)]
            typical = [float(np.mean(values[halves == one])) for one in np.unique(halves)]
            rows: list[str] = []
            words = None
        else:
            place = seen.phrases.index(name)
            flags, words = seen.flags[kept, place], seen.words[place] if show_words else None
            typical = [float(flags[halves == one].mean()) for one in np.unique(halves)]
            rows = [ids[kept[index]] for index in np.flatnonzero(flags)[:EVIDENCE]]
        told.append(
            {"feature": name, "weight": weights[name] / total, "mean_by_class": typical, "rows": rows, "words": words}
        )
    return told


def _judged(measured: dict[str, Any], part: str, label: str) -> list[Finding]:
    low = measured["interval"][0]
    severity = graded(low, info=SKILL_INFO, warning=SKILL_WARNING, error=SKILL_ERROR)
    if severity is None:
        return []
    about = f" of {label}" if label else ""
    leading = ", ".join(feature["feature"] for feature in measured["features"][:4])
    return [
        finding(
            "shortcut",
            severity,
            f"{part}, {label}" if label else part,
            f"the label{about} can be told from the surface of the texts of {part}: {measured['measure']} "
            f"{measured['skill']:.2f} [{low:.2f}, {measured['interval'][1]:.2f}]; most by {leading}",
            low,
            SKILL_WARNING,
            [row for feature in measured["features"] for row in feature["rows"]],
            "Set every score beside that of the surface model; balance length and source over labels, or judge on "
            "other data.",
        )
    ]
