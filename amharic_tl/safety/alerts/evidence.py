"""How looks add up to evidence, as ``safety.evidence`` says.

``looks`` (the default): each look tests the model as it is, against its own null (a placebo, a permutation), and has
its share of the level. ``against-start``: swaps are tested for being worse than at step 0 on the same items, with the
same sharing. ``e-process``: swaps are bet on, with items that no look has seen before, and a CUSUM says whether they
moved since step 0. Figures without pairs (rates by group, ranges, twins) are tested as by ``looks`` in every method.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from amharic_tl.config import SafetyConfig
from amharic_tl.records.signals import Moved, SafetySignal
from amharic_tl.safety.alerts.betting import log_e_value, multiplied, restored, stored
from amharic_tl.safety.alerts.cusum import accumulated, limit_for, standardised
from amharic_tl.safety.alerts.judgement import RAISED, Key, Seen
from amharic_tl.safety.alerts.spending import share_of_look
from amharic_tl.safety.alerts.start import Start, place_of
from amharic_tl.safety.signals import Figure, Paired, seed_of
from amharic_tl.safety.statistics import paired_excess

AGAINST_START = "; of the change since step 0 on the same items"
BY_BETTING = (
    "mean paired difference; 95% percentile bootstrap over clusters; p is 1/e of bets, each look on new clusters"
)
_LARGEST = 700.0  # exp of more is no number


class Evidence:
    """What the tests of a look rest on.

    Args:
      settings: ``config.safety``.
      looks: planned ones, by split, and over all splits as the level is shared.
    """

    def __init__(self, settings: SafetyConfig, looks: Mapping[str, int]) -> None:
        self.settings, self.looks, self.total = settings, looks, sum(looks.values())
        self.start: Start | None = None

    @property
    def needs_start(self) -> bool:
        """Whether the model has to be looked at before the first step."""
        return self.settings.calibrate or self.settings.evidence.method != "looks"

    @property
    def level(self) -> float:
        """Of one way through training: each way that a return to a checkpoint may open has its part of it."""
        actions = self.settings.actions
        return self.settings.level / (1 + actions.rollbacks * ("rollback" in actions.confirmed))

    def share(self, looked: int) -> float:
        """What of :attr:`level` a look may spend before which there were ``looked``."""
        return share_of_look(self.level, looked + 1, self.total, self.settings.evidence.spending)

    def how(self) -> str:
        """In words, for the family of tests; nothing for what is usual."""
        evidence, parts = self.settings.evidence, []
        if evidence.spending != "equal":
            parts.append(f"the level spent as by {evidence.spending}")
        if evidence.method == "against-start":
            parts.append("swaps against step 0 on the same items")
        if evidence.method == "e-process":
            parts.append(
                "swaps by an e-process, each look on items of its own: unfair at some look since the last reset"
            )
        if self.level != self.settings.level:
            parts.append(f"safety.level={self.settings.level:g} shared among {self.settings.actions.rollbacks} returns")
        if self.settings.calibrate:
            parts.append("thresholds at least the noise of step 0")
        return "; ".join(parts)

    def weigh(self, figures: Sequence[Figure], split: str, looked: int, seen: Mapping[Key, Seen]) -> list[Figure]:
        """The figures of a look with the tests that the settings ask for.

        Args:
          figures: as measured.
          split: of the look.
          looked: looks at this split before.
          seen: what is remembered of the signals.
        """
        return [self._weighed(figure, split, looked, seen) for figure in figures]

    def _weighed(self, figure: Figure, split: str, looked: int, seen: Mapping[Key, Seen]) -> Figure:
        figure = self._calibrated(figure, split)
        method, paired = self.settings.evidence.method, figure.paired
        if paired is None or not len(paired.values) or method == "looks":
            return figure
        before = None if self.start is None else self.start.values[split][place_of(figure)]
        assert before is not None  # both other methods look at step 0
        if method == "against-start":
            return self._against_start(figure, paired, before)
        name, axis, group, scope = place_of(figure)
        last = seen.get((name, axis, group, split, scope))
        return self._bet(figure, paired, before, split, looked, last.detail if last is not None else {})

    def _calibrated(self, figure: Figure, split: str) -> Figure:
        noise = self.start.noise[split].get(place_of(figure)) if self.settings.calibrate and self.start else None
        if noise is None or noise <= figure.threshold:
            return figure
        figure = replace(figure, threshold=noise)
        if figure.paired is None or figure.estimate is None:
            return figure
        estimate = paired_excess(figure.paired.values, figure.paired.clusters, seed_of(*place_of(figure)), noise)
        return replace(figure, estimate=estimate)

    def _against_start(self, figure: Figure, paired: Paired, before: np.ndarray) -> Figure:
        estimate = paired_excess(paired.values - before, paired.clusters, seed_of(*place_of(figure)), figure.threshold)
        shown = {"now": float(paired.values.mean()), "at_start": float(before.mean())}
        return replace(
            figure,
            estimate=estimate,
            estimator=figure.estimator + AGAINST_START,
            detail={**(figure.detail or {}), **shown},
        )

    def _bet(
        self,
        figure: Figure,
        paired: Paired,
        before: np.ndarray,
        split: str,
        looked: int,
        carried: Mapping[str, float | int | None],
    ) -> Figure:
        new = parts_of(paired.clusters, self.looks[split]) == looked
        values, changes = (_by_cluster(of[new], paired.clusters[new]) for of in (paired.values, paired.values - before))
        if not np.isfinite(values).all():  # judged an error; what was gathered stays
            return replace(figure, detail={**carried, **(figure.detail or {})})
        purses = multiplied(restored(carried), values, figure.threshold)
        evidence = min(float(log_e_value(purses)), _LARGEST)
        # What a look has once shown is not taken back before the next reset (Ville's inequality is about the largest).
        largest = max(evidence, carried.get("log_e_largest") or 0.0)
        items = int(carried.get("items") or 0) + len(values)
        z = standardised(changes)
        cusum = float(carried.get("cusum") or 0.0) if z is None else float(accumulated(carried.get("cusum") or 0.0, z))
        detail = {
            **(figure.detail or {}),
            **stored(purses),
            "e_value": float(np.exp(largest)),
            "log_e_largest": largest,
            "items": items,
            "resets": int(carried.get("resets") or 0),
            "cusum": cusum,
        }
        least = self.settings.minimum_n
        reason = figure.reason
        if not reason and items < least:
            reason = f"{items} clusters bet on since the last reset, fewer than the {least} of safety.minimum_n"
        estimate = figure.estimate and replace(figure.estimate, p=min(1.0, float(np.exp(-largest))))
        return replace(figure, estimate=estimate, estimator=BY_BETTING, detail=detail, reason=reason)

    def moved(self, signals: Sequence[SafetySignal], seen: Mapping[Key, Seen]) -> list[Moved]:
        """A line for every signal whose CUSUM has passed its limit at this look."""
        found = []
        for signal in signals:
            cusum = signal.detail.get("cusum")
            if cusum is None:
                continue
            limit = limit_for(self.settings.evidence.run_length)
            last = seen.get(signal.key)
            earlier = (last.detail.get("cusum") if last is not None else None) or 0.0
            if earlier < limit <= cusum:
                name, axis, group, split, scope = signal.key
                message = (
                    f"moved: {name} {axis}/{group} on {split} ({scope.replace('_', ' ')}) rose since step 0: CUSUM "
                    f"{cusum:.1f}, limit {limit:.1f} (one false in {self.settings.evidence.run_length:g} looks)"
                )
                found.append(Moved(signal.step, signal.key, float(cusum), limit, message))
        return found


def closed(signals: Sequence[SafetySignal], seen: Mapping[Key, Seen]) -> list[SafetySignal]:
    """The signals, those that have just been resolved with their bets begun anew."""
    return [
        replace(signal, detail={**signal.detail, **_anew(signal)})
        if signal.state == "resolved" and "e_value" in signal.detail and _was_raised(seen.get(signal.key))
        else signal
        for signal in signals
    ]


def _was_raised(seen: Seen | None) -> bool:
    return seen is not None and seen.state in RAISED


def _anew(signal: SafetySignal) -> dict[str, float | int]:
    purses = stored(restored({}))
    resets = int(signal.detail.get("resets") or 0) + 1
    return {**purses, "log_e_largest": 0.0, "items": 0, "cusum": 0.0, "resets": resets}


def parts_of(clusters: np.ndarray, parts: int) -> np.ndarray:
    """int ``[n]``: which look each item is new to; a cluster has one place, whatever figure it is in."""
    return np.asarray([zlib.crc32(str(cluster).encode()) % parts for cluster in clusters], int)


def _by_cluster(values: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """The mean of each cluster."""
    _, numbers = np.unique(clusters, return_inverse=True)
    return np.bincount(numbers, weights=values) / np.maximum(np.bincount(numbers), 1) if len(values) else values
