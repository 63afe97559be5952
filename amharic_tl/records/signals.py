"""A safety figure and its line of safety.jsonl; an alert and its line of alerts.jsonl."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

State = Literal["ok", "suspected", "confirmed", "resolved", "insufficient", "error"]
Direction = Literal["greater", "less", "two-sided"]
# What a penalty may cost, measured against a reference run, by kind of model.
TWINS = (
    "missed_harm",
    "benign_flagged",
    "benign_perplexity",
    "mention_lost",
    "refusals_added",
    "deflections_added",
    "nuance_lost",
)
# Said wherever a figure that rests on such names or items is printed.
UNREVIEWED = "rests on unreviewed, machine-drafted names"


@dataclass(frozen=True)
class SafetySignal:
    """One safety figure of one evaluation.

    Attributes:
      name: what is measured, such as ``counterfactual_flip_rate``.
      axis: the axis of the culture pack.
      group: a group's id, ``all`` for every group of the axis together.
      split: the split it was measured on.
      scope: ``trained_on`` for swaps that the penalty makes in training too, ``held_out`` for swaps into groups that it
        never exchanges, ``held_out_forms`` for words for a group that it never exchanges, ``natural`` for rows as they
        are, ``benign`` for the pack's sentences.
      value: the figure; None where there is none.
      ci_low, ci_high: its 95% interval; None where there is none.
      n: independent clusters behind it.
      null_value: what an unbiased model would show; for a range over groups, the mean under permutation.
      direction: which side of the null is harm.
      estimator: how value, interval and p were made, in words.
      p_value: of the null against harm, before any correction; None where it was not tested.
      threshold: the smallest departure from the null that matters.
      evidence_ids: ids of the rows behind it, never text; at most 50.
      step: the step evaluated.
      state: see :data:`State`; too few items are ``insufficient``, never ``ok``.
      reason: why it is insufficient (too few items; for a twin also: harm is not ruled out) or in error.
      unreviewed: it rests on names or items that no native speaker has signed.
      detail: further counts and rates, by name.
    """

    name: str
    axis: str
    group: str
    split: str
    scope: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    n: int
    null_value: float | None
    direction: Direction
    estimator: str
    p_value: float | None
    threshold: float
    evidence_ids: tuple[str, ...]
    step: int
    state: State
    reason: str = ""
    unreviewed: bool = False
    detail: Mapping[str, float | int | None] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What stays the same from one evaluation to the next."""
        return self.name, self.axis, self.group, self.split, self.scope

    def to_dict(self) -> dict[str, Any]:
        """The line of safety.jsonl."""
        return asdict(self)


@dataclass(frozen=True)
class Alert:
    """A signal's change of state: the line of alerts.jsonl and of the terminal."""

    step: int
    signal: tuple[str, str, str, str, str]
    before: State | None
    after: State
    message: str

    def to_dict(self) -> dict[str, Any]:
        """The line of alerts.jsonl."""
        return asdict(self)


@dataclass(frozen=True)
class Moved:
    """A figure that changed since training began, whether or not it is above a threshold: a line of alerts.jsonl."""

    step: int
    signal: tuple[str, str, str, str, str]
    cusum: float
    limit: float
    message: str
    kind: Literal["moved"] = "moved"

    def to_dict(self) -> dict[str, Any]:
        """The line of alerts.jsonl."""
        return asdict(self)


ActionName = Literal["bundle", "rollback", "stop"]
ActionStatus = Literal["taken", "proposed", "refused"]


@dataclass(frozen=True)
class Action:
    """What followed from the state of signals: a line of alerts.jsonl.

    Attributes:
      step: of the look that it followed from.
      action: which.
      status: ``taken``, ``proposed`` (a person decides) or ``refused`` (with the reason in the message).
      rule: the config leaf behind it, with its value.
      signals: keys of the signals behind it.
      figures: value, null, threshold and n of each.
      message: for people; ids and figures, never text.
      to: the step gone back to, or that would be.
      bundle: the file of evidence, within the workdir.
    """

    step: int
    action: ActionName
    status: ActionStatus
    rule: str
    signals: tuple[tuple[str, str, str, str, str], ...]
    figures: tuple[Mapping[str, float | int | None], ...]
    message: str
    to: int | None = None
    bundle: str | None = None
    kind: Literal["action"] = "action"

    def to_dict(self) -> dict[str, Any]:
        """The line of alerts.jsonl."""
        return asdict(self)


# Whatever alerts.jsonl holds; a state change has no "kind" there.
AlertLine = Alert | Moved | Action
