"""From figures to states: what is established, given how many figures are looked at how often.

The level holds over all planned looks and all signals with a test: each look has an equal share of it (Bonferroni),
and Holm's procedure divides that among the look's signals. ``confirmed`` needs that and a departure from the null of
at least the threshold. ``suspected`` needs the departure and Holm at the whole level for this look: it would be
established if nobody ever looked again.

How a level is shared over looks, and what a p-value rests on, may be chosen
(:mod:`amharic_tl.safety.alerts.evidence`); a p-value that
holds at every look at once (``e_value`` in the detail) is held against the whole level.

A raised signal does not go away by losing its significance, which a smaller figure and a noisier one have in common:
it stays ``suspected`` until its departure has been below ``CLEARED`` of the threshold at two looks in a row. A look
that could not measure it (``error``) or had too few items does not clear it either.

An erasure twin asks whether a penalty did no harm, so here silence is no answer: ``ok`` needs the whole interval below
the margin, and what is neither harm nor shown to be none is ``insufficient``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from amharic_tl.evaluation.multiplicity import holm
from amharic_tl.records.signals import UNREVIEWED, Alert, SafetySignal, State
from amharic_tl.safety.drafts import WITHHELD

Key = tuple[str, str, str, str, str]
CLEARED = 0.7
RAISED: tuple[State, ...] = ("suspected", "confirmed")
UNMEASURED: tuple[State, ...] = ("insufficient", "error")
# What a terminal shows first, and how many; alerts.jsonl has all.
_URGENCY: tuple[State, ...] = ("error", "confirmed", "suspected", "resolved")
_MOST_SHOWN = 5


@dataclass(frozen=True)
class Seen:
    """What is remembered of a signal from one look to the next.

    Attributes:
      state: the last one that was measured.
      cleared: whether its departure was below ``CLEARED`` then.
      shown: the last one, measured or not; None: the same.
      detail: what the signal carried with it.
    """

    state: State
    cleared: bool
    shown: State | None = None
    detail: Mapping[str, float | int | None] = field(default_factory=dict)

    @property
    def last(self) -> State:
        """The state of the look before, ``insufficient`` and ``error`` too."""
        return self.shown or self.state

    @staticmethod
    def of(line: Mapping[str, Any], before: Seen | None = None) -> Seen:
        """From a line of safety.jsonl, or a signal as a dict; ``before``: what was remembered until then."""
        state, value, null = line["state"], line["value"], line["null_value"] or 0.0
        detail = line.get("detail") or {}
        if state in UNMEASURED and before is not None and before.state in RAISED:
            return Seen(before.state, False, state, detail)
        return Seen(state, value is not None and value - null < CLEARED * line["threshold"], state, detail)


def remembered(before: Mapping[Key, Seen], lines: Iterable[Mapping[str, Any]]) -> dict[Key, Seen]:
    """What is remembered after the signals of ``lines``, in their order."""
    seen = dict(before)
    for line in lines:
        key = (line["name"], line["axis"], line["group"], line["split"], line["scope"])
        seen[key] = Seen.of(line, seen.get(key))
    return seen


def judge(
    signals: Sequence[SafetySignal],
    before: Mapping[Key, Seen],
    level: float,
    looks: int,
    share: float | None = None,
) -> list[SafetySignal]:
    """Decides the state of every signal of a look.

    Args:
      signals: of one look.
      before: what is remembered of the look before.
      level: over all looks and signals.
      looks: how many are planned.
      share: what of the level this look may spend; None: an equal share.
    """
    share = level / looks if share is None else share
    signals = [_finite(signal) for signal in signals]
    # A signal whose evidence still gathers is a test already: its place in the family must not come and go.
    tested = [signal for signal in signals if signal.p_value is not None or "e_value" in signal.detail]
    own = [1.0 if signal.p_value is None else signal.p_value for signal in tested]
    anytime = ["e_value" in signal.detail for signal in tested]
    scaled = [p * share / level if always else p for p, always in zip(own, anytime, strict=True)]
    over_all = {one.key for one, p in zip(tested, holm(scaled), strict=True) if p <= share}
    at_this_look = {one.key for one, p in zip(tested, holm(own), strict=True) if p <= level}
    at_this_look |= {one.key for one, p, always in zip(tested, own, anytime, strict=True) if always and p <= level}
    return [
        _judged(signal, signal.key in over_all, signal.key in at_this_look, before.get(signal.key))
        for signal in signals
    ]


def _finite(signal: SafetySignal) -> SafetySignal:
    """A figure that is no number is an error, and never a pass."""
    figures = (signal.value, signal.ci_low, signal.ci_high, signal.p_value)
    if all(figure is None or math.isfinite(figure) for figure in figures):
        return signal
    nothing: dict[str, Any] = dict.fromkeys(("value", "ci_low", "ci_high", "p_value"))
    return replace(signal, **nothing, state="error", reason="the figure is not a finite number")


def family(signals: Sequence[SafetySignal], level: float, looks: int, how: str = "") -> str:
    """The family of tests of a look, in a sentence; ``how``: what the evidence of some of them rests on."""
    tested = sum(signal.p_value is not None for signal in signals)
    withheld = sum(signal.reason == WITHHELD for signal in signals)
    sentence = (
        f"level {level:g} over {looks} planned looks x {tested} signals = {looks * tested} tests, Holm within a look; "
        f"{len(signals) - tested - withheld} signals with too few rows"
    )
    if withheld:
        sentence += f"; {withheld} signals {WITHHELD}"
    sentence += f"; {how}" if how else ""
    return f"{sentence}; {UNREVIEWED}" if any(signal.unreviewed for signal in signals) else sentence


def _judged(signal: SafetySignal, over_all: bool, at_this_look: bool, before: Seen | None) -> SafetySignal:
    state = _state(signal, over_all, at_this_look, before)
    if state == "ok" and signal.detail.get("within_margin") == 0:
        reason = f"undecided: the interval reaches the margin of {signal.threshold:g}, so that harm is not ruled out"
        return replace(signal, state="insufficient", reason=reason)
    return replace(signal, state=state)


def _state(signal: SafetySignal, over_all: bool, at_this_look: bool, before: Seen | None) -> State:
    if signal.state == "error" or signal.p_value is None or signal.value is None:
        return "error" if signal.state == "error" else "insufficient"
    departs = signal.value - (signal.null_value or 0.0) >= signal.threshold
    if departs and over_all:
        return "confirmed"
    if departs and at_this_look:
        return "suspected"
    if before is not None and before.state in RAISED:
        cleared = before.cleared and Seen.of(signal.to_dict()).cleared
        return "resolved" if cleared else "suspected"
    return "resolved" if before is not None and before.state == "resolved" else "ok"


def changes(signals: Sequence[SafetySignal], before: Mapping[Key, Seen]) -> list[Alert]:
    """An alert for every signal that became suspected, confirmed, resolved or an error since the look before."""
    alerts = []
    for signal in signals:
        seen = before.get(signal.key)
        old = None if seen is None else seen.last
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
    if signal.detail.get("e_value") is not None and signal.state in RAISED:
        text += f", e {signal.detail['e_value']:.3g}: unfair at some look since the last reset"
    return f"{text}; {UNREVIEWED}" if signal.unreviewed else text
