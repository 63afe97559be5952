"""The tables of an analysis."""

from __future__ import annotations

from amharic_tl.sweeps.analysis.analysis import Analysis
from amharic_tl.sweeps.analysis.arms import Arm
from amharic_tl.sweeps.analysis.contrasts import Contrast
from amharic_tl.sweeps.analysis.tables import Table, figure, probability, span

NOT_MEASURED = "not measured"
BUDGETS = (1, 2, 3, 5, 10, 20, 50, 100)


def tables(analysis: Analysis) -> list[Table]:
    """Arms, contrasts, factors where there are any, expected best."""
    found = [arms_table(analysis), contrasts_table(analysis)]
    if analysis.factors.effects:
        found.append(factors_table(analysis))
    if analysis.budgets:
        found.append(budgets_table(analysis))
    return found


def arms_table(analysis: Analysis) -> Table:
    """The score of each arm over its seeds."""
    return Table(
        "arms",
        f"{analysis.question.measure} by arm",
        ("arm", "mean", "95% interval over seeds", "deviation", "seeds", "collapsed", "missing", "minutes"),
        tuple(_arm_row(arm) for arm in analysis.arms),
        (
            "seeds: measured of planned. collapsed: constant predictions, or a score not better than the constant "
            "line's; they stay in the mean.",
            *analysis.notes,
        ),
    )


def _arm_row(arm: Arm) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for status in arm.missing.values():
        counts[status] = counts.get(status, 0) + 1
    if arm.not_finite:
        counts["not finite"] = len(arm.not_finite)
    return (
        arm.name,
        NOT_MEASURED if arm.mean is None else figure(arm.mean),
        span(*(arm.interval or (None, None))),
        figure(arm.deviation),
        f"{len(arm.scores)} of {arm.planned}",
        str(len(arm.collapsed)),
        ", ".join(f"{count} {status}" for status, count in counts.items()),
        "" if arm.minutes is None else f"{arm.minutes:.1f}",
    )


def contrasts_table(analysis: Analysis) -> Table:
    """Each arm less the control."""
    family = sum(1 for contrast in analysis.contrasts if contrast.p_holm is not None)
    items = (
        "Items are not known: errors are over seeds alone."
        if analysis.items is None
        else f"{analysis.items:,} items in {analysis.clusters:,} clusters."
    )
    return Table(
        "contrasts",
        f"{analysis.question.measure}: difference to the control, {analysis.control.name}",
        (
            "arm",
            "difference",
            "95% interval",
            "p",
            "p (Holm)",
            "ASO arm",
            "ASO control",
            "seeds",
            "error of",
            "verdict",
        ),
        tuple(_contrast_row(c, analysis.question.higher_is_better) for c in analysis.contrasts),
        (
            f"Holm's correction over a family of {family}. {items}",
            "ASO arm: upper bound of the violation of the arm being stochastically better (below 0.2: it is); "
            "ASO control: the other way round. Empty below five seeds. It is not corrected by Holm but by Bonferroni, "
            "over the arms.",
            *_notes(analysis.contrasts),
        ),
    )


def _contrast_row(contrast: Contrast, higher_is_better: bool) -> tuple[str, ...]:
    found = contrast.effect
    if found is None:
        return (contrast.name, NOT_MEASURED, *[""] * 7, contrast.verdict(higher_is_better))
    a, b = contrast.order or (None, None)
    return (
        contrast.name,
        figure(found.value, True),
        span(found.low, found.high, True),
        probability(found.p),
        probability(contrast.p_holm),
        figure(a),
        figure(b),
        " and ".join(dict.fromkeys(str(len(seeds)) for seeds in found.seeds)),
        found.basis,
        contrast.verdict(higher_is_better),
    )


def factors_table(analysis: Analysis) -> Table:
    """Main effects and interactions."""
    factors = analysis.factors
    family = sum(1 for one in factors.effects if one.p_holm is not None)
    rows = tuple(
        (
            one.name,
            NOT_MEASURED if one.effect is None else figure(one.effect.value, True),
            "" if one.effect is None else span(one.effect.low, one.effect.high, True),
            "" if one.effect is None else probability(one.effect.p),
            probability(one.p_holm),
            one.verdict(analysis.question.higher_is_better),
        )
        for one in factors.effects
    )
    return Table(
        "factors",
        f"{analysis.question.measure}: main effects and interactions",
        ("effect", "difference", "95% interval", "p", "p (Holm)", "verdict"),
        rows,
        (
            f"Model: one mean for each of {factors.cells} cells ({', '.join(factors.names)}); {factors.measured} have "
            "a score. A main effect is the mean of a level's cells less that of the reference level's, every "
            "combination of the other factors weighing the same; an interaction (×) is a difference of two such "
            "differences. Nothing is filled in for cells without a score.",
            f"Holm's correction over a family of {family}, apart from that of the arms.",
            *_notes(factors.effects),
        ),
    )


def budgets_table(analysis: Analysis) -> Table:
    """Expected best of n runs."""
    longest = max(len(budget.best) for budget in analysis.budgets)
    shown = [n for n in BUDGETS if n <= longest]
    if longest not in shown:
        shown.append(longest)
    return Table(
        "expected_best",
        f"Expected best {analysis.budgets[0].measure} of n runs",
        ("runs", *(f"n={n}" for n in shown), "runs in all", "minutes a run"),
        tuple(
            (
                budget.name,
                *(figure(budget.best[n - 1]) if n <= len(budget.best) else NOT_MEASURED for n in shown),
                str(len(budget.best)),
                "" if budget.minutes is None else f"{budget.minutes:.1f}",
            )
            for budget in analysis.budgets
        ),
        (
            "Drawn without replacement from the runs that were made (Tang et al. 2020). Compare sets at equal n, or at "
            "equal minutes.",
        ),
    )


def _notes(contrasts: tuple[Contrast, ...]) -> list[str]:
    """Each note once, with the contrasts it is about."""
    about: dict[str, list[str]] = {}
    for contrast in contrasts:
        for note in (*contrast.notes, *([contrast.not_measured] if contrast.not_measured else [])):
            about.setdefault(note, []).append(contrast.name)
    return [note if len(names) == len(contrasts) else f"{'; '.join(names)}: {note}" for note, names in about.items()]
