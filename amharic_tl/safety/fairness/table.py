"""The fairness table of a classifier: rates, rankings and calibration by group, parity over groups, as JSON.

Values that fairlearn has come from fairlearn. Intervals and nulls are ours, since it has none for a composite such as
equalised odds. The tests of one table are one family, a screen: Benjamini-Hochberg, which says where to look. Gates and
alerts stay with the signals of :mod:`amharic_tl.safety.signals` and Holm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from amharic_tl.evaluation.intervals import LEVEL, wilson
from amharic_tl.evaluation.multiplicity import benjamini_hochberg
from amharic_tl.safety.fairness.calibration import calibration
from amharic_tl.safety.fairness.judged import Judged, counted
from amharic_tl.safety.fairness.over_families import mean_over_families
from amharic_tl.safety.fairness.parity import Parity, Rates, tallies
from amharic_tl.safety.fairness.ranking import Auc, GroupRanking, auc, bias_aware_auc, rank_group
from amharic_tl.safety.signals import seed_of
from amharic_tl.safety.statistics import FEWEST_FAMILIES

SCREEN_LEVEL = 0.10
DRAWS = 2000
# What is tested, and whether harm is a larger value (1) or a smaller one (-1). Ratios are the same tests again.
TESTED = {
    "demographic_parity_difference": 1,
    "equal_opportunity_difference": 1,
    "equalized_odds_difference": 1,
    "worst_group_accuracy": -1,
}
# The rates that each figure compares.
RATES = {
    "demographic_parity": ("selection",),
    "equal_opportunity": ("true_positive",),
    "equalized_odds": ("true_positive", "false_positive"),
    "worst_group_accuracy": ("accuracy",),
}
INTERVAL = "95%: Wilson for rates, DeLong for AUCs, bootstrap over clusters for Brier, Jeffreys draws for parity"
NULL = "mean when groups are permuted over rows (of equal label, but for demographic parity)"


def fairness_table(rows: Judged, minimum_n: int) -> dict[str, Any]:
    """Every axis, and every two crossed, by group and over groups; then the screen over all tests.

    Args:
      rows: one a cluster, so that ``n`` counts clusters.
      minimum_n: fewest rows of a figure, and never fewer than eight; below it a figure is
        ``insufficient`` and has no value.
    """
    minimum_n = max(minimum_n, FEWEST_FAMILIES)
    overall = rank_group(rows.scores, rows.positive, np.ones(len(rows.scores), bool)).subgroup
    axes: dict[str, dict[str, Any]] = {}
    for axis, (names, cells) in counted(rows, list(rows.groups)).items():
        groups = [_group(rows, axis, name, own, minimum_n) for name, own in zip(names, cells, strict=True)]
        ranked = [_ranked(rows, axis, name, minimum_n) for name in names]
        axes[axis] = {
            "groups": groups,
            "parity": _parity(rows, axis, names, cells, minimum_n),
            "bias_aware_auc": None if overall is None else bias_aware_auc(overall.value, ranked),
        }
    tested = [row for axis in axes.values() for row in axis["parity"] if row["p"] is not None]
    for row, adjusted in zip(tested, benjamini_hochberg([row["p"] for row in tested]), strict=True):
        row["p_adjusted"], row["noted"] = adjusted, adjusted <= SCREEN_LEVEL
    return {
        "rows": len(rows.scores),
        "positives": int(rows.positive.sum()),
        "overall_auc": None if overall is None else asdict(overall),
        "minimum_n": minimum_n,
        "axes": axes,
        "screen": {"method": "Benjamini-Hochberg", "level": SCREEN_LEVEL, "tests": len(tested)},
        "interval": INTERVAL,
        "null": NULL,
    }


def _short(n: int, minimum_n: int, what: str) -> str:
    return "" if n >= minimum_n else f"{n} {what}, fewer than {minimum_n}"


def _figure(value: float | None, ends: Sequence[float] | None, n: int, reason: str) -> dict[str, Any]:
    if reason or value is None:
        return {"value": None, "low": None, "high": None, "n": n, "state": "insufficient", "reason": reason}
    low, high = (None, None) if ends is None else map(float, ends)
    return {"value": float(value), "low": low, "high": high, "n": n, "state": "ok", "reason": ""}


def _group(rows: Judged, axis: str, name: str, cells: np.ndarray, minimum_n: int) -> dict[str, Any]:
    """The figures of one group."""
    inside = rows.groups[axis] == name
    figures = {
        rate: _figure(hits / size if size else None, wilson(int(hits), int(size)) if size else None, int(size), short)
        for rate, (hits, size) in tallies(cells).items()
        for short in [_short(int(size), minimum_n, "rows")]
    }
    ranking = rank_group(rows.scores, rows.positive, inside)
    for kind in ("subgroup", "bpsn", "bnsp"):
        ranked = getattr(ranking, kind)
        n = 0 if ranked is None else min(ranked.positives, ranked.negatives)
        ends = None if ranked is None else (ranked.low, ranked.high)
        short = _short(n, minimum_n, "rows of one label")
        figures[f"{kind}_auc"] = _figure(None if ranked is None else ranked.value, ends, n, short)
    for kind, value, label in (("positive", ranking.positive_gap, True), ("negative", ranking.negative_gap, False)):
        of_label = rows.positive == label
        n = int((inside & of_label).sum())
        exceeds = auc(rows.scores[~inside & of_label], rows.scores[inside & of_label])  # the gap is 1/2 less this
        ends = None if exceeds is None else (0.5 - exceeds.high, 0.5 - exceeds.low)
        figures[f"average_equality_gap_{kind}"] = _figure(value, ends, n, _short(n, minimum_n, "rows"))
    return {"group": name, "n": int(inside.sum()), "figures": figures | _calibration(rows, axis, name, minimum_n)}


def _calibration(rows: Judged, axis: str, name: str, minimum_n: int) -> dict[str, Any]:
    inside = rows.groups[axis] == name
    found = calibration(rows.scores[inside], rows.positive[inside])
    short = _short(0 if found is None else found.n, minimum_n, "rows")
    if found is None or short:
        return {kind: _figure(None, None, int(inside.sum()), short) for kind in ("calibration_error", "brier")}
    errors = (rows.scores[inside] - rows.positive[inside]) ** 2
    brier = mean_over_families(errors, np.arange(len(errors)), seed_of("brier", axis, name))
    ends = None if brier.low is None or brier.high is None else (brier.low, brier.high)
    return {
        "calibration_error": {
            **_figure(found.error, None, found.n, ""),
            "debiased": found.debiased,
            "null": found.null,
        },
        "brier": _figure(found.brier, ends, found.n, ""),
    }


def _ranked(rows: Judged, axis: str, name: str, minimum_n: int) -> GroupRanking:
    """The AUCs of a group, without those of too few rows: they would decide the generalised mean."""
    ranking = rank_group(rows.scores, rows.positive, rows.groups[axis] == name)

    def kept(one: Auc | None) -> Auc | None:
        return one if one is not None and min(one.positives, one.negatives) >= minimum_n else None

    return replace(ranking, subgroup=kept(ranking.subgroup), bpsn=kept(ranking.bpsn), bnsp=kept(ranking.bnsp))


def _parity(rows: Judged, axis: str, names: Sequence[str], cells: np.ndarray, minimum_n: int) -> list[dict[str, Any]]:
    """The figures over groups, each with its interval, its null and what it leaves out."""
    generator = np.random.default_rng(seed_of("parity", axis))
    counts = tallies(cells)
    kept = {rate: sizes >= minimum_n for rate, (_, sizes) in counts.items()}
    drawn = Parity.of(Rates(**{rate: _drawn(*counts[rate], kept[rate], generator) for rate in counts}))
    permuted = Parity.of(_permuted(counts, kept, generator))
    values = _values(rows, axis, names, kept)
    found = []
    for name, value in values.items():
        rates = next(of for start, of in RATES.items() if name.startswith(start))
        compared = [kept[rate] for rate in rates]
        n = int(min(counts[rate][1][one].sum() for rate, one in zip(rates, compared, strict=True)))
        count = min(int(one.sum()) for one in compared)
        line = {"name": name, "groups": count, "null": None, "p": None, "p_adjusted": None, "noted": False}
        if value is None or count < 2:
            reason = f"{count} group{'s' * (count != 1)} with at least {minimum_n} rows; it needs two"
            if count >= 2:
                reason = "every rate is 0, so there is no ratio"
            found.append({**line, **_figure(None, None, n, reason)})
            continue
        low, high = np.nanquantile(getattr(drawn, name), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        under_null = getattr(permuted, name)
        line["null"] = float(np.nanmean(under_null)) if np.isfinite(under_null).any() else None
        if name in TESTED:
            as_far = TESTED[name] * (under_null - value) >= -1e-12
            line["p"] = float((1 + np.sum(as_far)) / (DRAWS + 1))
        # A range of noisy rates is larger than that of the rates themselves: the draws may all lie beyond the value.
        found.append({**line, **_figure(value, (min(low, value), max(high, value)), n, "")})
    return found


def _drawn(hits: np.ndarray, sizes: np.ndarray, kept: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Rates ``[DRAWS, G]`` from their Jeffreys posteriors; a bootstrap of a rate of 0 or 1 would be a point."""
    drawn = generator.beta(hits + 0.5, sizes - hits + 0.5, (DRAWS, len(hits)))
    return np.where(kept, drawn, np.nan)


def _permuted(
    counts: dict[str, tuple[np.ndarray, np.ndarray]], kept: dict[str, np.ndarray], generator: np.random.Generator
) -> Rates:
    """Rates ``[DRAWS, G]`` when groups mean nothing: what is counted falls on the kept groups' rows at random."""

    def shuffled(hits: np.ndarray, sizes: np.ndarray, kept: np.ndarray) -> np.ndarray:
        drawn = np.full((DRAWS, len(hits)), np.nan)
        if kept.any():
            drawn[:, kept] = generator.multivariate_hypergeometric(
                sizes[kept].astype(int), int(hits[kept].sum()), DRAWS
            )
        return drawn

    rates = {
        rate: shuffled(*counts[rate], kept[rate]) / np.maximum(counts[rate][1], 1)
        for rate in ("selection", "true_positive", "false_positive")
    }
    # Right decisions fall at random among rows of equal label.
    of_all = kept["accuracy"]
    positives, negatives = counts["true_positive"], counts["false_positive"]
    right = shuffled(*positives, of_all) + shuffled(negatives[1] - negatives[0], negatives[1], of_all)
    return Rates(**rates, accuracy=right / np.maximum(counts["accuracy"][1], 1))


def _values(rows: Judged, axis: str, names: Sequence[str], kept: dict[str, np.ndarray]) -> dict[str, float | None]:
    """The figures by fairlearn, over the groups kept for each; None where fewer than two are."""
    from fairlearn import metrics
    from sklearn.metrics import accuracy_score

    def over(rate: str) -> dict[str, Any] | None:
        chosen = [name for name, one in zip(names, kept[rate], strict=True) if one]
        inside = np.isin(rows.groups[axis].astype(str), chosen)
        if len(chosen) < 2:
            return None
        about = {"y_true": rows.positive[inside].astype(int), "y_pred": rows.found[inside].astype(int)}
        return {**about, "sensitive_features": rows.groups[axis][inside].astype(str)}

    def compare(rate: str, function: Any) -> float | None:
        arguments = over(rate)
        value = np.nan if arguments is None else float(function(**arguments))
        return None if np.isnan(value) else value

    def worst(**arguments: Any) -> float:
        return float(metrics.MetricFrame(metrics=accuracy_score, **arguments).group_min())

    def both(join: Any, suffix: str) -> float | None:
        """Equalised odds, whose two rates may have different groups."""
        found = [
            compare("true_positive", getattr(metrics, f"true_positive_rate_{suffix}")),
            compare("false_positive", getattr(metrics, f"false_positive_rate_{suffix}")),
        ]
        return None if None in found else float(join(found))

    return {
        "demographic_parity_difference": compare("selection", metrics.demographic_parity_difference),
        "demographic_parity_ratio": compare("selection", metrics.demographic_parity_ratio),
        "equal_opportunity_difference": compare("true_positive", metrics.equal_opportunity_difference),
        "equal_opportunity_ratio": compare("true_positive", metrics.equal_opportunity_ratio),
        "equalized_odds_difference": both(max, "difference"),
        "equalized_odds_mean_difference": both(np.mean, "difference"),
        "equalized_odds_ratio": both(min, "ratio"),
        "worst_group_accuracy": compare("accuracy", worst),
    }
