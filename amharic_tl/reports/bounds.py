"""Bounds on safety figures in a report: the penalty's weight that followed a constraint, limits on the best step."""

from __future__ import annotations

from typing import Any

from amharic_tl.reports.contents import Contents
from amharic_tl.reports.judged import Judged


def figures(run: Contents) -> dict[str, Any] | None:
    """What the safety part prints; None where no bound is set.

    ``driven``: the last move of a penalty's weight, as its event has it, with the ``trace`` of steps and weights;
    ``limits`` and ``within`` of the best evaluation.
    """
    moves = {line["step"]: line for line in run.events if line.get("event") == "constraint"}  # the last of each step
    best = run.run.get("best") or {}
    if not moves and "limits" not in best:
        return None
    ordered = [moves[step] for step in sorted(moves)]
    return {
        "driven": ordered[-1] if ordered else None,
        "trace": [(line["step"], line["weight"]) for line in ordered],
        "limits": best.get("limits"),
        "within": best.get("within_limits"),
        "best_step": best.get("step"),
    }


def judged(run: Contents) -> Judged | str:
    """Whether a constraint is out of its penalty's reach, or the best evaluation outside the limits."""
    found = figures(run)
    if found is None:
        return "no bound is set (config.safety.constraints, config.safety.limits)"
    driven, said, wrong = found["driven"], [], []
    if driven is not None:
        if driven["excess"] is None:
            return f"the constraint of {driven['penalty']} could not be measured: too few validation rows name a group"
        said.append(f"excess {driven['excess']:+.3f} at weight {driven['weight']:.3g} of {driven['penalty']}")
        if driven["saturated"]:
            wrong.append("the largest weight does not bring the figure to its bound: see where the penalty is judged")
    if found["limits"] is not None:
        said.append(f"best step {'within' if found['within'] else 'outside'} the limits")
        if not found["within"]:
            wrong.append("no evaluation kept to the limits, so the best step is the best by score alone")
    advice = (
        "Allow more (config.safety.constraints.maximum), push otherwise, or ask for a bound that the rows can show."
    )
    return Judged(bool(wrong), "; ".join([*said, *wrong]), advice)
