"""The safety figures of a classifier on a split, each with its interval, its null and a test.

What was observed (probabilities of rows and probes) becomes a list of :class:`~amharic_tl.records.signals.SafetySignal`
that are not judged yet: ``state`` is ``ok`` where there is a test, ``insufficient`` where there are too few clusters.
:mod:`amharic_tl.safety.alerts.judgement` decides, because that needs all of them together.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from amharic_tl.config import SafetyConfig
from amharic_tl.records.signals import Direction, SafetySignal
from amharic_tl.safety.operator import SCOPES, SwapOperator
from amharic_tl.safety.probes import CounterfactualProbe, Probes, Swapped, Watched
from amharic_tl.safety.statistics import (
    Estimate,
    first_rows,
    paired_excess,
    range_over_groups,
    rate_against_others,
)

ALL = "all"
MOST_EVIDENCE = 50

PAIRED = "mean paired difference; 95% percentile bootstrap over clusters; McNemar exact or Wilcoxon, one-sided"
BEYOND_THRESHOLD = f"{PAIRED}, and a t test over clusters that the threshold is exceeded"
AGAINST_OTHERS = "rate minus that of others at equal labels, one row a cluster; 95% Jeffreys; exact, one-sided"
PERMUTED = "over groups with enough rows, against equal labels, one row a cluster; 95% Jeffreys; permutation of groups"


class Where(Protocol):
    """Where something was observed."""

    @property
    def split(self) -> str:
        """On which split, as safety.jsonl has it."""
        ...

    @property
    def step(self) -> int:
        """Of the model."""
        ...


@dataclass(frozen=True)
class At:
    """A split and a step, as of :class:`Where`."""

    split: str
    step: int


@dataclass(frozen=True)
class Observed:
    """What the model said at a step.

    Attributes:
      split: of the rows.
      step: of the model.
      labels: int ``[N]``, -1 for an unknown one.
      probabilities: ``[N, C]``, in the order of the split's rows.
      probe_probabilities: ``[M, C]``, in the order of ``probes.ids``.
      positive: bool ``[C]``, which classes are harm found.
    """

    split: str
    step: int
    labels: np.ndarray
    probabilities: np.ndarray
    probe_probabilities: np.ndarray
    positive: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """bool ``[N]``: rows in which the model finds harm."""
        return np.asarray(self.positive[self.probabilities.argmax(axis=-1)])

    @property
    def harmful(self) -> np.ndarray:
        """bool ``[N]``: rows whose label says harm."""
        return np.asarray((self.labels >= 0) & self.positive[np.maximum(self.labels, 0)])


@dataclass(frozen=True)
class Paired:
    """What is behind a mean of paired differences: ``values [n]``, treatment minus control, and ``clusters [n]``."""

    values: np.ndarray
    clusters: np.ndarray


@dataclass(frozen=True)
class Figure:
    """A figure before it is a signal: either an estimate, or the reason why there is none.

    ``paired``: its items, of those figures whose evidence may be gathered over looks (:mod:`amharic_tl.safety.alerts`).
    """

    name: str
    axis: str
    group: str
    scope: str
    estimator: str
    threshold: float
    estimate: Estimate | None
    n: int
    evidence: Sequence[str] = ()
    detail: Mapping[str, float | int | None] | None = None
    reason: str = ""
    direction: Direction = "greater"
    paired: Paired | None = None


def split_figures(probes: Probes, observed: Observed, operator: SwapOperator, settings: SafetyConfig) -> list[Figure]:
    """Counterfactual figures by axis, scope and group; rates by group and over groups of the natural rows."""
    swapped = probes.counterfactuals
    return figures_of(probes, swapped, compare(swapped, observed), observed, operator, settings)


def figures_of(
    watched: Watched,
    swapped: Sequence[Swapped],
    seen: Compared,
    observed: Observed,
    operator: SwapOperator,
    settings: SafetyConfig,
) -> list[Figure]:
    """The figures of a split from its rows and from what each of its swaps showed, wherever that was measured.

    Args:
      watched: the rows.
      swapped: those of them that were swapped, by axis and scope.
      seen: what each of these swaps showed.
      observed: what the model said of the rows; ``probe_probabilities`` is not looked at.
      operator: the axes.
      settings: ``config.safety``.
    """
    figures: list[Figure] = []
    for axis in operator.swapped_axes:
        for scope in SCOPES:
            chosen = [place for place, one in enumerate(swapped) if (one.axis, one.scope) == (axis, scope)]
            of_scope = [swapped[place] for place in chosen]
            figures += swap_figures(axis, scope, of_scope, seen.at(chosen), watched, settings)
    for axis in operator.axes:
        figures += _natural(axis, watched, observed, settings)
    return figures


def seed_of(*names: str) -> int:
    """A seed that depends on what is estimated and on nothing else."""
    return zlib.crc32("/".join(names).encode())


def enough(n: int, settings: SafetyConfig) -> str:
    """Empty if ``n`` clusters are enough, otherwise why not."""
    if n == 0:
        return "nothing of this kind in the split"
    return "" if n >= settings.minimum_n else f"{n} clusters, fewer than the {settings.minimum_n} of safety.minimum_n"


def swap_figures(
    axis: str,
    scope: str,
    chosen: Sequence[Swapped],
    seen: Compared,
    probes: Watched,
    settings: SafetyConfig,
) -> Iterator[Figure]:
    """Flips and changes of score beyond those of placebos, of all groups and of each.

    Args:
      axis: whose groups were exchanged.
      scope: by which swaps.
      chosen: the swapped rows.
      seen: what each of them showed.
      probes: the rows.
      settings: ``config.safety``.
    """
    rows = np.asarray([probe.row for probe in chosen], int)
    groups = sorted({group for of in probes.mentioned[axis] for group in of})
    for group in (ALL, *groups):
        mine = np.asarray([group == ALL or group in probe.groups for probe in chosen], bool)
        clusters = probes.clusters[rows[mine]]
        n = len(np.unique(clusters))
        reason = enough(n, settings)
        for name, with_group, with_placebo, threshold in (
            ("counterfactual_flip_rate", seen.flips, seen.placebo_flips, settings.thresholds.flip_rate),
            ("counterfactual_score_gap", seen.gaps, seen.placebo_gaps, settings.thresholds.score_gap),
        ):
            difference = (with_group - with_placebo)[mine]
            # Two names never differ by nothing: seen often or seldom, cut into these tokens or those. What counts is
            # an excess that is established to be larger than that, so the threshold is inside the test.
            seed = seed_of(name, axis, group, scope)
            estimate = paired_excess(difference, clusters, seed, threshold) if n else None
            detail: dict[str, float | int | None] = {
                "swapped": _mean(with_group[mine]),
                "placebo": _mean(with_placebo[mine]),
                "rows": int(mine.sum()),
            }
            if name == "counterfactual_flip_rate":
                detail |= {"to_harm": _mean(seen.to_harm[mine]), "from_harm": _mean(seen.from_harm[mine])}
            evidence = [probes.row_ids[row] for row in rows[mine][difference > 0]]
            yield Figure(
                name,
                axis,
                group,
                scope,
                BEYOND_THRESHOLD,
                threshold,
                estimate,
                n,
                evidence[:MOST_EVIDENCE],
                detail,
                reason,
                paired=Paired(difference, clusters),
            )


@dataclass(frozen=True)
class Compared:
    """What swaps and their placebos changed, ``[n]`` each: flips (0 or 1), and changes of the probability of harm."""

    flips: np.ndarray
    placebo_flips: np.ndarray
    gaps: np.ndarray
    placebo_gaps: np.ndarray
    to_harm: np.ndarray
    from_harm: np.ndarray

    def at(self, places: Sequence[int]) -> Compared:
        """Those at these places."""
        chosen = np.asarray(places, int)
        return Compared(**{name: values[chosen] for name, values in vars(self).items()})


def compare(chosen: Sequence[CounterfactualProbe], observed: Observed) -> Compared:
    """Sets each row beside its swapped copy, and its two placebos beside each other."""
    original = observed.probabilities[np.asarray([probe.row for probe in chosen], int)]
    swapped, first, second = (
        observed.probe_probabilities[np.asarray(places, int)]
        for places in (
            [probe.swapped for probe in chosen],
            [probe.placebos[0] for probe in chosen],
            [probe.placebos[1] for probe in chosen],
        )
    )
    gaps, placebo_gaps = (
        np.abs(left[:, observed.positive].sum(axis=-1) - right[:, observed.positive].sum(axis=-1))
        for left, right in ((original, swapped), (first, second))
    )
    before, after = (observed.positive[version.argmax(axis=-1)] for version in (original, swapped))
    return Compared(
        _flips(original, swapped), _flips(first, second), gaps, placebo_gaps, ~before & after, before & ~after
    )


def counterfactual_lines(probes: Probes, observed: Observed) -> list[dict[str, object]]:
    """What each swap showed, by row id and without text, so that runs can be compared row by row.

    ``id axis scope groups cluster flip placebo_flip gap placebo_gap to_harm from_harm``; ``cluster`` numbers the
    near-duplicates of a split.
    """
    seen = compare(probes.counterfactuals, observed)
    return [
        {
            "id": probes.row_ids[probe.row],
            "axis": probe.axis,
            "scope": probe.scope,
            "groups": list(probe.groups),
            "cluster": int(probes.clusters[probe.row]),
            "flip": int(seen.flips[place]),
            "placebo_flip": int(seen.placebo_flips[place]),
            "gap": float(seen.gaps[place]),
            "placebo_gap": float(seen.placebo_gaps[place]),
            "to_harm": int(seen.to_harm[place]),
            "from_harm": int(seen.from_harm[place]),
        }
        for place, probe in enumerate(probes.counterfactuals)
    ]


def _flips(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return (left.argmax(axis=-1) != right.argmax(axis=-1)).astype(float)


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _natural(axis: str, probes: Watched, observed: Observed, settings: SafetyConfig) -> Iterator[Figure]:
    """Rates of the rows that name exactly one group of the axis."""
    first = first_rows(probes.clusters)
    known = observed.labels >= 0
    single = np.asarray([len(of) == 1 for of in probes.mentioned[axis]], bool) & first & known
    group_of = np.asarray([of[0] if len(of) == 1 else "" for of in probes.mentioned[axis]], object)
    right = observed.probabilities.argmax(axis=-1) == observed.labels
    limits = settings.thresholds
    for name, rows, events, sign, threshold in (
        ("false_positive_rate", single & ~observed.harmful, observed.found, 1, limits.false_positive_gap),
        ("recall", single & observed.harmful, observed.found, -1, limits.recall_gap),
    ):
        yield from _by_group(name, axis, rows, events, group_of, observed.labels, sign, threshold, probes, settings)
        yield _over_groups(f"{name}_range", axis, rows, events, group_of, observed.labels, threshold, settings, "range")
    yield _over_groups(
        "worst_group_accuracy", axis, single, right, group_of, observed.labels, limits.accuracy_gap, settings, "worst"
    )


def _by_group(
    name: str,
    axis: str,
    rows: np.ndarray,
    events: np.ndarray,
    group_of: np.ndarray,
    labels: np.ndarray,
    sign: int,
    threshold: float,
    probes: Watched,
    settings: SafetyConfig,
) -> Iterator[Figure]:
    places = np.flatnonzero(rows)
    for group in sorted({of for groups in probes.mentioned[axis] for of in groups}):
        inside = group_of[places] == group
        n, others = int(inside.sum()), int((~inside).sum())
        comparable = np.isin(labels[places][inside], labels[places][~inside])
        reason = enough(int(comparable.sum()), settings) or (
            enough(others, settings) and f"of other groups: {enough(others, settings)}"
        )
        estimate = None
        if comparable.any():
            seed = seed_of(name, axis, group)
            estimate = rate_against_others(events[places], inside, labels[places], probes.clusters[places], seed, sign)
        own = events[places][inside]
        wrong = own if sign > 0 else ~own
        yield Figure(
            f"{name}_gap",
            axis,
            group,
            "natural",
            AGAINST_OTHERS + ("" if sign > 0 else "; others minus group"),
            threshold,
            estimate,
            n,
            [probes.row_ids[place] for place in places[inside][wrong]][:MOST_EVIDENCE],
            {"rate": _mean(own), "rate_of_others": _mean(events[places][~inside]), "others": others},
            reason,
        )


def _over_groups(
    name: str,
    axis: str,
    rows: np.ndarray,
    events: np.ndarray,
    group_of: np.ndarray,
    labels: np.ndarray,
    threshold: float,
    settings: SafetyConfig,
    statistic: str,
) -> Figure:
    places = np.flatnonzero(rows)
    names, counts = np.unique(group_of[places].astype(str), return_counts=True)
    kept = sorted(names[counts >= settings.minimum_n])
    inside = np.isin(group_of[places].astype(str), kept)
    n = int(inside.sum())
    if len(kept) < 2:
        reason = f"{len(kept)} groups with at least {settings.minimum_n} clusters; a range needs two"
        return Figure(name, axis, ALL, "natural", PERMUTED, threshold, None, n, reason=reason)
    numbers = np.searchsorted(kept, group_of[places][inside].astype(str))
    hits = events[places][inside]
    estimate = range_over_groups(hits, numbers, labels[places][inside], seed_of(name, axis), 100_000, statistic)
    rates = {f"rate/{group}": float(hits[numbers == number].mean()) for number, group in enumerate(kept)}
    return Figure(name, axis, ALL, "natural", PERMUTED, threshold, estimate, n, detail=rates)


def as_signal(figure: Figure, observed: Where, unreviewed: bool) -> SafetySignal:
    """The record of a figure, not judged yet."""
    estimate = figure.estimate
    return SafetySignal(
        name=figure.name,
        axis=figure.axis,
        group=figure.group,
        split=observed.split,
        scope=figure.scope,
        value=estimate.value if estimate else None,
        ci_low=estimate.low if estimate else None,
        ci_high=estimate.high if estimate else None,
        n=figure.n,
        null_value=estimate.null if estimate else None,
        direction=figure.direction,
        estimator=figure.estimator,
        p_value=estimate.p if estimate and not figure.reason else None,
        threshold=figure.threshold,
        evidence_ids=tuple(figure.evidence),
        step=observed.step,
        state="insufficient" if figure.reason or estimate is None else "ok",
        reason=figure.reason,
        unreviewed=unreviewed,
        detail=figure.detail or {},
    )
