"""What follows from a look: a pure function of its signals, the settings and what the loop remembers.

``rollback`` and ``stop`` change the training, so that they are proposals, with what to type, unless
``safety.autonomous``. A proposal is made once, when a signal becomes confirmed; on its own a run acts at every look at
which one is confirmed, as often as ``safety.actions.rollbacks`` allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amharic_tl.config import SafetyConfig
from amharic_tl.records.signals import UNREVIEWED, Action, ActionName, ActionStatus, Alert, SafetySignal

TYPE = "type the same command with --config.safety.autonomous=true"
MOST_NAMED = 3


@dataclass(frozen=True)
class Ground:
    """Where a run stands.

    Attributes:
      certified: the saved step that a rollback would go back to; None: there is none.
      spent: returns so far for safety's sake.
    """

    certified: int | None
    spent: int


def decide(
    signals: Sequence[SafetySignal], alerts: Sequence[Alert], step: int, settings: SafetyConfig, ground: Ground
) -> list[Action]:
    """Rollback and stop, taken, proposed or refused; at most one is taken, and it is the last.

    Args:
      signals: of a look, judged.
      alerts: their changes.
      step: of the look.
      settings: ``config.safety``.
      ground: where the run stands.
    """
    confirmed = tuple(one for one in in_scope(signals, settings) if one.state == "confirmed")
    failed = tuple(one for one in signals if one.state == "error") if "stop" in settings.actions.error else ()
    newly = {alert.signal for alert in alerts if alert.after in ("confirmed", "error")}
    found: list[Action] = []
    for state, of, wanted in (
        ("confirmed", confirmed, settings.actions.confirmed),
        ("error", failed, settings.actions.error),
    ):
        new = any(one.key in newly for one in of)
        for name in ("rollback", "stop"):
            if not of or name not in wanted or any(one.status == "taken" for one in found):
                continue
            made = _action(name, f"safety.actions.{state}={','.join(wanted)}", of, step, settings, ground)
            if made.status == "taken" or new:
                found.append(made)
    return found


def in_scope(signals: Sequence[SafetySignal], settings: SafetyConfig) -> list[SafetySignal]:
    """The signals that rollback and stop are for."""
    names = settings.actions.signals
    return [one for one in signals if names is None or one.name in names]


def _action(
    name: ActionName, rule: str, of: Sequence[SafetySignal], step: int, settings: SafetyConfig, ground: Ground
) -> Action:
    status: ActionStatus = "taken" if settings.autonomous else "proposed"
    budget, why, to = settings.actions.rollbacks, "", None
    if name == "rollback":
        to = ground.certified
        if to is None:
            status, why = "refused", "no checkpoint is kept from before anything was confirmed"
        elif ground.spent >= budget:
            status, why = (
                "refused",
                f"{ground.spent} returns were made, safety.actions.rollbacks={budget} allows no more",
            )
    what = "stop" if name == "stop" else "go back" if to is None else f"go back to step {to:,}"
    ending = {"taken": "done (safety.autonomous=true)", "proposed": f"proposed: {TYPE}", "refused": why}[status]
    message = f"{name}: {what} because of {named(of)}; {rule}; {ending}"
    return action(name, status, rule, of, step, message, to=to)


def action(
    name: ActionName,
    status: ActionStatus,
    rule: str,
    of: Sequence[SafetySignal],
    step: int,
    message: str,
    *,
    to: int | None = None,
    bundle: str | None = None,
) -> Action:
    """The record of an action; its message is marked where it rests on drafts."""
    figures = tuple(
        {
            "value": one.value,
            "null_value": one.null_value,
            "threshold": one.threshold,
            "n": one.n,
            "p_value": one.p_value,
        }
        for one in of
    )
    mark = f"; {UNREVIEWED}" if any(one.unreviewed for one in of) else ""
    return Action(step, name, status, rule, tuple(one.key for one in of), figures, message + mark, to, bundle)


def named(signals: Sequence[SafetySignal]) -> str:
    """The first signals with their figures, and how many more there are."""
    shown = [
        f"{one.name} {one.axis}/{one.group} ({one.scope.replace('_', ' ')})"
        + ("" if one.value is None else f" {one.value:+.3f}")
        for one in signals[:MOST_NAMED]
    ]
    left = len(signals) - MOST_NAMED
    return ", ".join(shown) + (f" and {left} more" if left > 0 else "")
