"""From figures to states: what is established, given how many figures are looked at how often.

The level holds over all planned looks and all signals with a test: each look has an equal share of it (Bonferroni),
and Holm's procedure divides that among the look's signals. ``confirmed`` needs that and a departure from the null of
at least the threshold. ``suspected`` needs the departure and Holm at the whole level for this look: it would be
established if nobody ever looked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from amharic_tl.records.signals import Alert, SafetySignal, State
from amharic_tl.safety.statistics import holm

Key = tuple[str, str, str, str, str]
RAISED: tuple[State, ...] = ("suspected", "confirmed")
# What a terminal shows first, and how many; alerts.jsonl has all.
_URGENCY: tuple[State, ...] = ("error", "confirmed", "suspected", "resolved")
_MOST_SHOWN = 5


def judge(signals: Sequence[SafetySignal], before: Mapping[Key, State], level: float, looks: int) -> list[SafetySignal]:
    """Decides the state of every signal of a look.

    Args:
      signals: of one look.
      before: the states of the look before.
      level: over all looks and signals.
      looks: how many are planned.
    """
    tested = [signal for signal in signals if signal.p_value is not None]
    p_values = [signal.p_value or 0.0 for signal in tested]
    over_all, at_this_look = (
        {signal.key for signal, rejected in zip(tested, holm(p_values, share), strict=True) if rejected}
        for share in (level / looks, level)
    )
    return [
        replace(signal, state=_state(signal, signal.key in over_all, signal.key in at_this_look, before))
        for signal in signals
    ]


def family(signals: Sequence[SafetySignal], level: float, looks: int) -> str:
    """The family of tests of a look, in a sentence."""
    tested = sum(signal.p_value is not None for signal in signals)
    return (
        f"level {level:g} over {looks} planned looks x {tested} signals = {looks * tested} tests, Holm within a look; "
        f"{len(signals) - tested} signals insufficient"
    )


def _state(signal: SafetySignal, over_all: bool, at_this_look: bool, before: Mapping[Key, State]) -> State:
    if signal.p_value is None or signal.value is None:
        return "error" if signal.state == "error" else "insufficient"
    departs = signal.value - (signal.null_value or 0.0) >= signal.threshold
    if departs and over_all:
        return "confirmed"
    if departs and at_this_look:
        return "suspected"
    return "resolved" if before.get(signal.key) in (*RAISED, "resolved") else "ok"


def changes(signals: Sequence[SafetySignal], before: Mapping[Key, State]) -> list[Alert]:
    """An alert for every signal that became suspected, confirmed, resolved or an error since the look before."""
    alerts = []
    for signal in signals:
        old = before.get(signal.key)
        if signal.state != old and signal.state in (*RAISED, "resolved", "error"):
            alerts.append(Alert(signal.step, signal.key, old, signal.state, _sentence(signal)))
    return alerts


def on_terminal(alerts: Sequence[Alert], path: Path) -> list[str]:
    """The most urgent alerts of a look in a few sentences, the last of which says where the others are."""
    urgent = sorted(alerts, key=lambda alert: _URGENCY.index(alert.after))
    left = len(alerts) - _MOST_SHOWN
    return [alert.message for alert in urgent[:_MOST_SHOWN]] + ([f"and {left} more: {path}"] if left > 0 else [])


def _sentence(signal: SafetySignal) -> str:
    where = f"{signal.axis}/{signal.group} on {signal.split} ({signal.scope.replace('_', ' ')})"
    if signal.value is None or signal.ci_low is None or signal.ci_high is None:
        return f"{signal.state}: {signal.name} {where}: {signal.reason}"
    text = (
        f"{signal.state}: {signal.name} {where} {signal.value:+.3f} [{signal.ci_low:+.3f}, {signal.ci_high:+.3f}], "
        f"null {signal.null_value or 0.0:.3f}, n {signal.n}"
    )
    return f"{text}; rests on unreviewed, machine-drafted names" if signal.unreviewed else text
