"""The monitor of a classifier: shows the probes to the model and turns its answers into judged signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from amharic_tl.config import SafetyConfig
from amharic_tl.data.batches import Batches, BatchPlan, BatchSource, classification_fields
from amharic_tl.data.rows import Row
from amharic_tl.data.tokenizer import Keep, encode, first_tokens
from amharic_tl.records.signals import SafetySignal
from amharic_tl.safety.drafts import withhold
from amharic_tl.safety.fairness.watched import look_figures, split_table
from amharic_tl.safety.monitoring.looks import BETWEEN, Judging, Look, describe
from amharic_tl.safety.monitoring.mention_gap import MentionTexts, gap_figures
from amharic_tl.safety.monitoring.swap_looks import VERSIONS, drawn_swaps, swap_look_figures, versions_of
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.probes import Probes, make_probes
from amharic_tl.safety.signals import At, Figure, Observed, as_signal, counterfactual_lines, split_figures
from amharic_tl.safety.twins import Reference, twin_figures

# Probabilities ``[M, C]`` of a source's rows, in their order.
Predict = Callable[[BatchSource], np.ndarray]


class Monitor(Judging):
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
      gap: texts of train and validation that name groups, by axis; None for none.
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
        gap: Mapping[str, MentionTexts] | None = None,
    ) -> None:
        once = {split: 1 for split in rows if split != "validation"}
        of_validation = {"validation": looks - len(once)} if "validation" in rows else {}
        super().__init__(operator, settings, {**once, **of_validation})
        self.reference, self.gap = reference, gap or {}
        self.labels = tuple(labels)
        self.probes: dict[str, Probes] = {}
        self._batches: dict[str, BatchSource] = {}
        self._row_ids: dict[str, list[np.ndarray]] = {}

        def source(ids: Sequence[np.ndarray]) -> BatchSource:
            lengths = np.asarray([len(one) for one in ids])
            plan = BatchPlan(lengths, batch_rows, None, limit=max_length)
            return Batches(plan, ids, tokenizer.pad_token_id, classification_fields(np.full(len(ids), -1)), **share)

        self._source = source
        self._source_of_texts = lambda texts: source(encode(tokenizer, texts, max_length, keep=keep).ids)
        for split, of_split in rows.items():
            probes = make_probes(of_split, operator, tokenizer, max_length, benign=True, keep=keep)
            self.probes[split] = probes
            self._batches[split] = source(probes.ids)
            self._row_ids[split] = encode(tokenizer, [row.text for row in of_split], max_length, keep=keep).ids

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
        pairs = counterfactual_lines(probes, observed)
        to_follow = look_figures(probes, observed, self.operator.axes, self.settings)
        # Last: what is judged is remembered, and a look that fails leaves nothing.
        return replace(self.judged(signals), counterfactuals=pairs, fairness=to_follow)

    def look_between(self, step: int, number: int, seed: int, predict: Predict) -> Look:
        """A look between evaluations: a few exchanges of one axis in rotation, in rows of validation.

        Args:
          step: of the model.
          number: of the look; with the seed it says all that is drawn.
          seed: of the run.
          predict: runs the model.
        """
        probes = self.probes["validation"]
        drawn = drawn_swaps(probes, self.operator.swapped_axes, number, seed)
        if not drawn:
            return Look([], [], "")
        shown = self._source(versions_of(probes, drawn, self._row_ids["validation"]))
        figures = swap_look_figures(probes, drawn, predict(shown), self._positive, step, self.settings)
        where = At(BETWEEN, step)
        signals = [as_signal(figure, where, self.operator.rests_on_unreviewed(figure.axis)) for figure in figures]
        return self.screened(withhold(signals, self.operator, self.settings))

    def losses(self, texts: Sequence[str], labels: Sequence[str | None], predict: Predict) -> np.ndarray:
        """``[N, 2]``: cross-entropy in nats of each text's label, and whether it is what the model predicts."""
        if not texts:
            return np.zeros((0, 2))
        probabilities = predict(self._source_of_texts(texts))
        numbers = np.asarray([self.labels.index(label or "") for label in labels])
        own = np.maximum(probabilities[np.arange(len(numbers)), numbers], np.finfo(np.float32).tiny)
        return np.stack([-np.log(own), probabilities.argmax(axis=-1) == numbers], axis=-1)

    def gaps(self, step: int, predict: Predict) -> list[SafetySignal]:
        """How much worse the model does on rows of validation that name a group than on such rows of train."""

        def losses(texts: Sequence[str], labels: Sequence[str | None]) -> np.ndarray:
            return self.losses(texts, labels, predict)

        figures = gap_figures(self.gap, losses, "cross-entropy in nats", self.settings)
        where = At("validation", step)
        signals = [as_signal(one, where, self.operator.rests_on_unreviewed(one.axis)) for one in figures]
        # Shown and not tested; of drafts that nobody has signed nothing is concluded either.
        return [replace(one, p_value=None) for one in withhold(signals, self.operator, self.settings)]

    def cost(self) -> dict[str, int]:
        """Rows that run through the model for the monitor's sake alone: at an evaluation of validation, at a look
        between (the largest of its axes), and once at the end.
        """
        axes, probes = self.operator.swapped_axes, self.probes["validation"]
        drawn = [len(drawn_swaps(probes, axes, number, 0)) for number in range(len(axes))]
        return {
            "rows_per_evaluation": len(probes.ids),
            "rows_per_look": VERSIONS * max(drawn, default=0),
            "rows_at_the_end": sum(len(of.train) + len(of.dev) for of in self.gap.values()),
        }

    def figures(self, split: str, labels: np.ndarray, probabilities: np.ndarray, predict: Predict) -> list[Figure]:
        """The figures of a model whose looks begin with it, not judged; arguments as of :meth:`look`."""
        observed = self._observed(split, 0, labels, probabilities, predict(self._batches[split]))
        return self._swaps_and_rates(split, observed)

    def _swaps_and_rates(self, split: str, observed: Observed) -> list[Figure]:
        return split_figures(self.probes[split], observed, self.operator, self.settings)

    def fairness(self, split: str, step: int, labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
        """The fairness table of a split; arguments as of :meth:`look`."""
        observed = self._observed(split, step, labels, probabilities, np.zeros((0, len(self.labels))))
        return split_table(self.probes[split], observed, self.operator, self.settings)

    def _observed(
        self, split: str, step: int, labels: np.ndarray, probabilities: np.ndarray, of_probes: np.ndarray
    ) -> Observed:
        return Observed(split, step, labels, probabilities, of_probes, self._positive)

    @property
    def _positive(self) -> np.ndarray:
        return np.asarray([name in (self.settings.positive_labels or ()) for name in self.labels])

    def benign(self, split: str, predict: Predict) -> tuple[list[str], np.ndarray]:
        """Ids and probabilities ``[B, C]`` of the benign sentences, which are the same for every split."""
        probabilities = predict(self._batches[split])
        chosen = self.probes[split].benign
        return [probe.id for probe in chosen], probabilities[[probe.place for probe in chosen]]

    def flagged(self, texts: Sequence[str], predict: Predict) -> np.ndarray:
        """bool, one a text: those in which the model finds harm."""
        return self._positive[predict(self._source_of_texts(texts)).argmax(axis=-1)] if texts else np.zeros(0, bool)

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
