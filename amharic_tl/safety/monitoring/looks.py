"""What one look of a monitor found, how it is judged by what was seen before, and what safety.json says of it all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from amharic_tl.config import SafetyConfig
from amharic_tl.records.signals import Alert, Moved, SafetySignal
from amharic_tl.safety.alerts.evidence import Evidence, closed
from amharic_tl.safety.alerts.judgement import RAISED, Key, Seen, changes, family, judge, remembered
from amharic_tl.safety.drafts import watermark
from amharic_tl.safety.operator import SwapOperator

# The split of the lines of a look between evaluations.
BETWEEN = "look"
# The name of the signal of a look that failed.
FAILED = "monitor"
# What is kept of a reference's signals.
_SHOWN = ("name", "axis", "group", "split", "scope", "value", "ci_low", "ci_high", "n", "null_value", "state")


@dataclass(frozen=True)
class Look:
    """One look's signals, the alerts they raise, the family of tests in words, and what each swap showed.

    ``counterfactuals``: the lines of counterfactuals-<split>.jsonl, see
    :func:`~amharic_tl.safety.signals.counterfactual_lines`. ``fairness``: figures to follow, for metrics.jsonl.
    ``items``: of a language model, what each item showed, by id and without text; twins of a later run pair by it.
    ``moved``: figures that rose since step 0.
    """

    signals: list[SafetySignal]
    alerts: list[Alert]
    family: str
    counterfactuals: list[dict[str, Any]] = field(default_factory=list)
    fairness: dict[str, float] = field(default_factory=dict)
    items: list[dict[str, Any]] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """How many signals are in which state, which are raised, and the family of tests."""
        states = Counter(signal.state for signal in self.signals)
        raised = [
            {
                **{key: getattr(one, key) for key in ("name", "axis", "group", "scope", "state")},
                "unreviewed": one.unreviewed,
            }
            for one in self.signals
            if one.state in RAISED
        ]
        return {"states": dict(sorted(states.items())), "raised": raised, "family": self.family}


class HasSignals(Protocol):
    """A reference run, of whatever kind."""

    @property
    def signals(self) -> Sequence[Mapping[str, Any]]:
        """The lines of its safety.jsonl at its best step."""
        ...


class Judging:
    """Judges looks one after the other, and remembers what each signal was at the look before.

    Args:
      operator: the axes that are watched.
      settings: ``config.safety``.
      looks: planned evaluations by split, over all of which the level is shared.
    """

    def __init__(self, operator: SwapOperator, settings: SafetyConfig, looks: Mapping[str, int]) -> None:
        self.operator, self.settings, self.looks = operator, settings, sum(looks.values())
        self.evidence = Evidence(settings, looks)
        self._seen: dict[Key, Seen] = {}
        # Split and step of the looks that share the level; those between evaluations have their own.
        self._looked: set[tuple[str, int]] = set()

    def remember(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Takes the states and the evidence that a resumed run had reached from the lines of safety.jsonl."""
        lines = list(lines)
        self._seen = remembered(self._seen, lines)
        self._looked |= {(line["split"], line["step"]) for line in lines if line["split"] != BETWEEN}

    def restore(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Forgets what it has seen but for the lines of safety.jsonl: training went back to a checkpoint."""
        self._seen, self._looked = {}, set()
        self.remember(lines)

    def judged(self, signals: Sequence[SafetySignal], shown: Sequence[SafetySignal] = ()) -> Look:
        """An evaluation's signals with their states; those of ``shown`` are no tests and stay as they are."""
        level, share = self.evidence.level, self.evidence.share(len(self._looked))
        found = closed(judge(signals, self._seen, level, self.looks, share), self._seen)
        return self._look([*found, *shown], family(found, level, self.looks, self.evidence.how()))

    def screened(self, signals: Sequence[SafetySignal]) -> Look:
        """The signals of a look between evaluations: they raise suspicion and never confirm.

        Each such look is a family of its own at the whole level, so that it takes nothing from that of the
        evaluations; what it suspects an evaluation has to establish.
        """
        found = judge(signals, self._seen, self.settings.level, 1)
        found = [replace(one, state="suspected") if one.state == "confirmed" else one for one in found]
        tested = sum(one.p_value is not None for one in found)
        return self._look(found, f"a look between evaluations: {tested} tests, which can only raise suspicion")

    def failed(self, split: str, step: int, reason: str) -> Look:
        """What a look that could not be made leaves: an error on every axis, and all else as it was.

        Args:
          split, step: of the look.
          reason: what happened, without text of a row.
        """
        signals = [
            SafetySignal(
                *(FAILED, axis, "all", split, "natural", None, None, None, 0, None, "greater", "", None, 0.0, ()),
                *(step, "error", reason),
            )
            for axis in self.operator.axes
        ]
        alerts = changes(signals, {})  # every failure is told
        self.remember(signal.to_dict() for signal in signals)
        return Look(signals, alerts, f"nothing was tested: {reason}")

    def _look(self, signals: list[SafetySignal], tests: str) -> Look:
        alerts, moved = changes(signals, self._seen), self.evidence.moved(signals, self._seen)
        self.remember(signal.to_dict() for signal in signals)
        return Look(signals, alerts, tests, moved=moved)


def describe(
    operator: SwapOperator,
    settings: SafetyConfig,
    reference: HasSignals | None,
    looks: int,
    splits: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """What safety.json holds; ``splits``: counts of the probes of each split."""
    pack = operator.pack
    return {
        "pack": pack.id,
        "title": pack.title,
        "drafted_by": pack.authorship.drafted_by,
        "reviewers": list(pack.authorship.reviewers),
        "status": pack.authorship.status,
        "unreviewed": pack.unreviewed(operator.axes),
        "watermark": watermark(operator, settings),
        "fingerprint": pack.fingerprint,
        "axes": {
            axis: {
                "title": pack.axis(axis).title,
                "swaps": pack.axis(axis).swaps,
                "trained_on": list(of.trained_on),
                "held_out": list(of.held_out),
                "names": {group.id: group.name for group in pack.axis(axis).groups},
            }
            for axis, of in operator.groups.items()
        },
        "positive_labels": list(settings.positive_labels or ()),
        "reference": settings.reference,
        "reference_signals": [
            {name: line[name] for name in _SHOWN} for line in (reference.signals if reference else ())
        ],
        "planned_looks": looks,
        "level": settings.level,
        "splits": splits,
    }
