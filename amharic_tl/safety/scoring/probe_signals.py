"""Figures by family as judged safety signals; of real groups the magnitude, unless the direction is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from amharic_tl.records.signals import SafetySignal
from amharic_tl.safety.alerts.judgement import judge
from amharic_tl.safety.scoring.family_figures import FamilyFigure
from amharic_tl.safety.scoring.family_statistics import family_mean, magnitude
from amharic_tl.safety.signals import MOST_EVIDENCE, seed_of
from amharic_tl.safety.statistics import FEWEST_FAMILIES, Estimate

SPLIT, SCOPE = "probe", "probe"
LEVEL = 0.05


def probe_signals(
    figures: Sequence[FamilyFigure],
    *,
    signed: Callable[[str], bool],
    unreviewed: Callable[[str], bool],
    beside: Sequence[SafetySignal] = (),
) -> list[SafetySignal]:
    """Signals in the order of name and id, never of size; Holm's procedure over all that are tested.

    ``detail`` has ``screen_p``: the p-value adjusted for a screen (Benjamini & Hochberg 1995).

    Args:
      figures: of one model.
      signed: whether an axis' figures may say in whose favour they are.
      unreviewed: whether those of an axis rest on drafts.
      beside: signals made elsewhere; those with a test belong to the same family of tests.
    """
    from scipy.stats import false_discovery_control

    made = [family_signal(one, unreviewed(one.axis)) for one in figures]
    made += [(one, None) for one in beside if one.p_value is not None]
    shown = [one for one in beside if one.p_value is None]
    judged = judge([one for one, _ in made], {}, LEVEL, 1)
    tested = [one.p_value for one in judged if one.p_value is not None]
    screened = iter(false_discovery_control(tested)) if tested else iter(())
    found = []
    for signal, (_, estimate) in zip(judged, made, strict=True):
        if signal.p_value is not None:
            signal = replace(signal, detail={**signal.detail, "screen_p": float(next(screened))})
        if estimate is not None and signed(signal.axis):
            signal = replace(
                signal, value=estimate.value, ci_low=estimate.low, ci_high=estimate.high, null_value=estimate.null
            )
        found.append(signal)
    return sorted([*found, *shown], key=lambda one: (one.axis, one.name, one.group))


def family_signal(figure: FamilyFigure, unreviewed: bool) -> tuple[SafetySignal, Estimate | None]:
    """The signal by its magnitude, not judged yet, and the figure with its direction where it has one."""
    values = np.asarray(list(figure.values.values()))
    seed = seed_of(figure.name, figure.axis, figure.group)
    reason, directed, shown = "", None, None
    if len(values) < FEWEST_FAMILIES:
        reason = f"{len(values)} families; {FEWEST_FAMILIES} are needed"
    elif figure.sided == "greater":
        shown = family_mean(values)
        shown = replace(shown, p=shown.p / 2 if shown.value > 0 else 1 - shown.p / 2)
    else:
        directed = family_mean(values)
        shown = magnitude(directed, values, seed)
    folded = "" if figure.sided == "greater" else "; magnitude, two-sided"
    signal = SafetySignal(
        name=figure.name,
        axis=figure.axis,
        group=figure.group,
        split=SPLIT,
        scope=SCOPE,
        value=shown.value if shown else None,
        ci_low=shown.low if shown else None,
        ci_high=shown.high if shown else None,
        n=len(values),
        null_value=shown.null if shown else None,
        direction=figure.sided,
        estimator=figure.estimator + folded,
        p_value=shown.p if shown else None,
        threshold=figure.threshold,
        evidence_ids=tuple(sorted(figure.values))[:MOST_EVIDENCE],
        step=0,
        state="insufficient" if reason else "ok",
        reason=reason,
        unreviewed=unreviewed,
    )
    return signal, directed
