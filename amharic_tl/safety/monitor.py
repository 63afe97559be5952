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
from amharic_tl.records.signals import Alert, SafetySignal
from amharic_tl.safety.drafts import watermark, withhold
from amharic_tl.safety.fairness.watched import look_figures, split_table
from amharic_tl.safety.judgement import RAISED, Key, Seen, changes, family, judge
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.probes import Probes, make_probes
from amharic_tl.safety.signals import Observed, as_signal, counterfactual_lines, split_figures
from amharic_tl.safety.twins import Reference, twin_figures

# What is kept of a reference's signals.
_SHOWN = ("name", "axis", "group", "split", "scope", "value", "ci_low", "ci_high", "n", "null_value", "state")

# Probabilities ``[M, C]`` of a source's rows, in their order.
Predict = Callable[[BatchSource], np.ndarray]


@dataclass(frozen=True)
class Look:
    """One evaluation's signals, the alerts they raise, the family of tests in words, and what each swap showed.

    ``counterfactuals``: the lines of counterfactuals-<split>.jsonl, see
    :func:`~amharic_tl.safety.signals.counterfactual_lines`. ``fairness``: figures to follow, for metrics.jsonl.
    """

    signals: list[SafetySignal]
    alerts: list[Alert]
    family: str
    counterfactuals: list[dict[str, Any]]
    fairness: dict[str, float] = field(default_factory=dict)

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
        self._seen: dict[Key, Seen] = {}

    def remember(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Takes the states that a resumed run had reached from the lines of safety.jsonl."""
        for line in lines:
            key = (line["name"], line["axis"], line["group"], line["split"], line["scope"])
            self._seen[key] = Seen.of(line)

    def restore(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Forgets what it has seen but for the lines of safety.jsonl: training went back to a checkpoint."""
        self._seen.clear()
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
        figures = split_figures(probes, observed, self.operator, self.settings)
        figures += twin_figures(probes, observed, self.labels, self.reference, self.settings)
        signals = [as_signal(figure, observed, self.operator.rests_on_unreviewed(figure.axis)) for figure in figures]
        signals = withhold(signals, self.operator, self.settings)
        judged = judge(signals, self._seen, self.settings.level, self.looks)
        alerts = changes(judged, self._seen)
        self._seen |= {signal.key: Seen.of(signal.to_dict()) for signal in judged}
        pairs = counterfactual_lines(probes, observed)
        figures_to_follow = look_figures(probes, observed, self.operator.axes, self.settings)
        return Look(judged, alerts, family(judged, self.settings.level, self.looks), pairs, figures_to_follow)

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
