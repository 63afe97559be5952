"""Overfitting or lost nuance: what a gap between train and dev and what was lost say together, by axis and group.

The rule. A gap is there where the whole interval of ``mention_gap`` is above its threshold, and is not where it is
below. Something is lost where a twin of the group, or the nuance retention, is raised; nothing is where all that was
measured of it is shown to be none (``ok``).

- gap, nothing lost: overfitting. It has learned train texts about the group by heart.
- no gap, lost: lost nuance. It does no better on texts that it was trained on.
- gap, lost: both.
- no gap, nothing lost: neither.

Anything else is undecided, which is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from amharic_tl.records.signals import SafetySignal
from amharic_tl.safety.alerts.judgement import RAISED
from amharic_tl.safety.monitoring.mention_gap import NAME as GAP
from amharic_tl.safety.monitoring.verdict import RETENTION, TWINS

Which = Literal["overfitting", "lost nuance", "both", "neither", "undecided"]
_RULE: dict[tuple[bool, bool], Which] = {
    (True, False): "overfitting",
    (False, True): "lost nuance",
    (True, True): "both",
    (False, False): "neither",
}


def gap_is_there(signal: SafetySignal) -> bool | None:
    """Whether dev texts do worse than train texts by more than the threshold; None where the interval cannot tell."""
    if signal.state == "insufficient" or signal.ci_low is None or signal.ci_high is None:
        return None
    if signal.ci_low > signal.threshold:
        return True
    return False if signal.ci_high < signal.threshold else None


def something_is_lost(signals: Sequence[SafetySignal]) -> bool | None:
    """Whether any of these twins and retentions is raised; None where none is and not all are ``ok``."""
    if any(one.state in RAISED for one in signals):
        return True
    return False if signals and all(one.state == "ok" for one in signals) else None


def told_apart(gaps: Sequence[SafetySignal], others: Sequence[SafetySignal]) -> list[dict[str, Any]]:
    """A line for each axis and group: which of the two it is, and in words why.

    Args:
      gaps: ``mention_gap`` signals.
      others: judged signals of the same model; twins and retention among them are looked at.
    """
    found: list[dict[str, Any]] = []
    for gap in (one for one in gaps if one.name == GAP):
        lost = [
            one
            for one in others
            if (one.name in TWINS and (one.axis, one.group) == (gap.axis, gap.group))
            or (one.name in RETENTION and one.group == "all")
        ]
        there, gone = gap_is_there(gap), something_is_lost(lost)
        which: Which = "undecided" if there is None or gone is None else _RULE[there, gone]
        found.append(
            {
                "axis": gap.axis,
                "group": gap.group,
                "which": which,
                "words": f"{which}: {_of_gap(gap, there)}; {_of_lost(lost, gone)}",
                "n": gap.n,
            }
        )
    return found


def _of_gap(gap: SafetySignal, there: bool | None) -> str:
    if gap.value is None or gap.ci_low is None or gap.ci_high is None or gap.state == "insufficient":
        return f"no gap can be told ({gap.reason or 'no texts'})"
    said = {True: "worse on dev than on train", False: "as good on dev as on train", None: "a gap is not ruled out"}
    return f"{said[there]} ({gap.value:+.3f} [{gap.ci_low:+.3f}, {gap.ci_high:+.3f}])"


def _of_lost(lost: Sequence[SafetySignal], gone: bool | None) -> str:
    if gone:
        return "lost: " + ", ".join(sorted({one.name for one in lost if one.state in RAISED}))
    if gone is False:
        return "nothing lost in " + ", ".join(sorted({one.name for one in lost}))
    return "no twin or retention could be judged" if not lost else "what was lost is not decided"
