"""The monitor of a run: shows the probes to the model at each evaluation and turns answers into judged signals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amharic_tl.config import SafetyConfig
from amharic_tl.data.batches import Batches, BatchPlan, BatchSource, classification_fields
from amharic_tl.data.rows import Row
from amharic_tl.data.tokenizer import Keep, encode, first_tokens
from amharic_tl.records.signals import Alert, Moved, SafetySignal
from amharic_tl.safety.alerts.evidence import Evidence, closed
from amharic_tl.safety.alerts.judgement import RAISED, Key, Seen, changes, family, judge, remembered
from amharic_tl.safety.drafts import watermark, withhold
from amharic_tl.safety.fairness.watched import look_figures, split_table
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.probes import Probes, make_probes
from amharic_tl.safety.signals import Figure, Observed, as_signal, counterfactual_lines, split_figures
from amharic_tl.safety.twins import Reference, twin_figures

# The name of the signal of a look that failed.
FAILED = "monitor"
# What is kept of a reference's signals.
_SHOWN = ("name", "axis", "group", "split", "scope", "value", "ci_low", "ci_high", "n", "null_value", "state")

# Probabilities ``[M, C]`` of a source's rows, in their order.
Predict = Callable[[BatchSource], np.ndarray]


@dataclass(frozen=True)
class Look:
    """One evaluation's signals, the alerts they raise, the family of tests in words, and what each swap showed.

    ``counterfactuals``: the lines of counterfactuals-<split>.jsonl, see
    :func:`~amharic_tl.safety.signals.counterfactual_lines`. ``fairness``: figures to follow, for metrics.jsonl.
    ``moved``: figures that rose since step 0.
    """

    signals: list[SafetySignal]
    alerts: list[Alert]
    family: str
    counterfactuals: list[dict[str, Any]]
    fairness: dict[str, float] = field(default_factory=dict)
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


class Monitor:
    """Signals of a classifier on the splits it is evaluated on.

    Args:
      operator: what is watched and exchanged.
      rows: of each split.
      tokenizer: of the model.
      labels: the classes.
      settings: ``config.safety``.
      reference: of the twins, None for none.
      looks: planned evaluations, over which the level is shared.
      max_length: in tokens.
      keep: which tokens of a text that is longer are read.
      batch_rows: rows of a probe batch over the whole mesh.
      share: this process's index and the count of processes.
    """

    def __init__(
        self,
        operator: SwapOperator,
        rows: Mapping[str, Sequence[Row]],
        tokenizer: Any,
        labels: Sequence[str],
        settings: SafetyConfig,
        reference: Reference | None,
        *,
        looks: int,
        max_length: int,
        batch_rows: int,
        share: Mapping[str, int],
        keep: Keep = first_tokens,
    ) -> None:
        self.operator, self.settings, self.reference, self.looks = operator, settings, reference, looks
        self.labels = tuple(labels)
        self.probes: dict[str, Probes] = {}
        self._batches: dict[str, BatchSource] = {}

        def source(ids: Sequence[np.ndarray]) -> BatchSource:
            lengths = np.asarray([len(one) for one in ids])
            plan = BatchPlan(lengths, batch_rows, None, limit=max_length)
            return Batches(plan, ids, tokenizer.pad_token_id, classification_fields(np.full(len(ids), -1)), **share)

        self._source_of_texts = lambda texts: source(encode(tokenizer, texts, max_length, keep=keep).ids)
        for split, of_split in rows.items():
            probes = make_probes(of_split, operator, tokenizer, max_length, benign=True, keep=keep)
            self.probes[split] = probes
            self._batches[split] = source(probes.ids)
        once = {split: 1 for split in rows if split != "validation"}
        self.evidence = Evidence(
            settings, {**once, **({"validation": looks - len(once)} if "validation" in rows else {})}
        )
        self._seen: dict[Key, Seen] = {}
        self._looked: set[tuple[str, int]] = set()

    def remember(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Takes the states and the evidence that a resumed run had reached from the lines of safety.jsonl."""
        lines = list(lines)
        self._seen = remembered(self._seen, lines)
        self._looked |= {(line["split"], line["step"]) for line in lines}

    def restore(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Forgets what it has seen but for the lines of safety.jsonl: training went back to a checkpoint."""
        self._seen, self._looked = {}, set()
        self.remember(lines)

    def look(self, split: str, step: int, labels: np.ndarray, probabilities: np.ndarray, predict: Predict) -> Look:
        """Shows the probes of ``split`` to the model and judges.

        Args:
          split: one of those the monitor was made for.
          step: of the model.
          labels: int ``[N]`` of the split's rows, -1 for an unknown one.
          probabilities: ``[N, C]`` of the split's rows, in their order.
          predict: runs the model.
        """
        probes = self.probes[split]
        observed = self._observed(split, step, labels, probabilities, predict(self._batches[split]))
        figures = self._swaps_and_rates(split, observed)
        looked = sum(of == split for of, _ in self._looked)
        figures = self.evidence.weigh(figures, split, looked, self._seen)
        figures += twin_figures(probes, observed, self.labels, self.reference, self.settings)
        signals = [as_signal(figure, observed, self.operator.rests_on_unreviewed(figure.axis)) for figure in figures]
        signals = withhold(signals, self.operator, self.settings)
        level, share = self.evidence.level, self.evidence.share(len(self._looked))
        judged = closed(judge(signals, self._seen, level, self.looks, share), self._seen)
        alerts, moved = changes(judged, self._seen), self.evidence.moved(judged, self._seen)
        self.remember(signal.to_dict() for signal in judged)
        pairs = counterfactual_lines(probes, observed)
        figures_to_follow = look_figures(probes, observed, self.operator.axes, self.settings)
        tests = family(judged, level, self.looks, self.evidence.how())
        return Look(judged, alerts, tests, pairs, figures_to_follow, moved)

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
        return Look(signals, alerts, f"nothing was tested: {reason}", [])

    def figures(self, split: str, labels: np.ndarray, probabilities: np.ndarray, predict: Predict) -> list[Figure]:
        """The figures of a model whose looks begin with it, not judged; arguments as of :meth:`look`."""
        return self._swaps_and_rates(
            split, self._observed(split, 0, labels, probabilities, predict(self._batches[split]))
        )

    def _swaps_and_rates(self, split: str, observed: Observed) -> list[Figure]:
        return split_figures(self.probes[split], observed, self.operator, self.settings)

    def fairness(self, split: str, step: int, labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
        """The fairness table of a split; arguments as of :meth:`look`."""
        observed = self._observed(split, step, labels, probabilities, np.zeros((0, len(self.labels))))
        return split_table(self.probes[split], observed, self.operator, self.settings)

    def _observed(
        self, split: str, step: int, labels: np.ndarray, probabilities: np.ndarray, of_probes: np.ndarray
    ) -> Observed:
        positive = np.asarray([name in (self.settings.positive_labels or ()) for name in self.labels])
        return Observed(split, step, labels, probabilities, of_probes, positive)

    def benign(self, split: str, predict: Predict) -> tuple[list[str], np.ndarray]:
        """Ids and probabilities ``[B, C]`` of the benign sentences, which are the same for every split."""
        probabilities = predict(self._batches[split])
        chosen = self.probes[split].benign
        return [probe.id for probe in chosen], probabilities[[probe.place for probe in chosen]]

    def flagged(self, texts: Sequence[str], predict: Predict) -> np.ndarray:
        """bool, one a text: those in which the model finds harm."""
        harmful = np.asarray([name in (self.settings.positive_labels or ()) for name in self.labels])
        return harmful[predict(self._source_of_texts(texts)).argmax(axis=-1)] if texts else np.zeros(0, bool)

    def describe(self) -> dict[str, Any]:
        """What safety.json holds: the pack and its authorship, groups by use, what was refused, counts of probes."""
        splits = {
            split: {
                "counterfactuals": len(probes.counterfactuals),
                "without_placebo": probes.without_placebo,
                "cut_off": probes.cut_off,
                "placebo_excess_tokens": probes.mean_excess_tokens(),
                "benign": len(probes.benign),
                "benign_unreadable": sum(
                    len(self.operator.unreadable_benign_texts(axis)) for axis in self.operator.axes
                ),
                "refused": probes.refused,
            }
            for split, probes in self.probes.items()
        }
        return describe(self.operator, self.settings, self.reference, self.looks, splits)


def describe(
    operator: SwapOperator,
    settings: SafetyConfig,
    reference: Reference | None,
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
