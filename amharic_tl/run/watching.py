"""A run is watched: looks at evaluations and between them, what is kept for a later run, and the verdict at the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from amharic_tl.data.batches import BatchSource
from amharic_tl.distributed.mesh import whole
from amharic_tl.errors import Preempted
from amharic_tl.evaluation.pooling import in_order
from amharic_tl.evaluation.summary import prediction_lines
from amharic_tl.records.files import read_json, read_lines, write_json, write_lines
from amharic_tl.records.signals import SafetySignal
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.alerting import Alerting, what_failed
from amharic_tl.run.assembly import Run
from amharic_tl.run.steering import bounded_figures
from amharic_tl.safety.alerts.start import at_start, read_start
from amharic_tl.safety.drafts import watermark
from amharic_tl.safety.monitoring.classifier import Monitor, Predict
from amharic_tl.safety.monitoring.language import EVALUATED, FINAL, LanguageMonitor
from amharic_tl.safety.monitoring.language_items import BASE, WATCHED, nuance_lines, nuance_of
from amharic_tl.safety.monitoring.looks import BETWEEN, Look
from amharic_tl.safety.monitoring.retention import told_apart
from amharic_tl.safety.monitoring.verdict import verdict
from amharic_tl.safety.nuance import AnswerScores
from amharic_tl.training.evaluate import gather
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.loop import Interrupted
from amharic_tl.training.step import TrainState

Gathered = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Outlets:
    """Where what was seen goes.

    Attributes:
      workdir: for files of process 0 alone.
      alerting: told of each look; it writes the lines of safety.jsonl and alerts.jsonl.
      say: tells the user.
      note: tells the user what is being done.
      record: what run.json will hold.
      first: whether this is process 0.
    """

    workdir: Workdir
    alerting: Alerting
    say: Callable[[str], None]
    note: Callable[[str], None]
    record: dict[str, Any]
    first: bool


def watching_of(run: Run, outlets: Outlets) -> Watching | None:
    """What watches the run, by the kind of its monitor; None where nothing is watched."""
    if run.safety is None:
        return None
    monitor = run.safety.monitor
    if isinstance(monitor, LanguageMonitor):
        return WatchingLanguage(run, outlets, monitor)
    return WatchingClasses(run, outlets, monitor)


class Watching(ABC):
    """What both kinds of monitors have in common. All processes take part, and process 0 writes."""

    def __init__(self, run: Run, outlets: Outlets, judging: Monitor | LanguageMonitor) -> None:
        self.run, self.outlets = run, outlets
        self._judging = judging
        self._of_final: list[SafetySignal] = []
        self._gaps: list[SafetySignal] = []
        cost = {**self._cost(), "look_every": run.schedule.look_every}
        if outlets.first:
            training = run.safety.training() if run.safety is not None else {}
            about = {**judging.describe(), "training": training, "cost": cost}
            write_json(outlets.workdir.watched, about)

    @abstractmethod
    def at_start(self, interruption: Interruption) -> None:
        """Measures the model at step 0 where evidence rests on it; once, for a run and its resumptions."""

    @abstractmethod
    def begin(self, state: TrainState, step: int) -> None:
        """Before training goes on from ``step``."""

    @abstractmethod
    def evaluated(
        self, state: TrainState, step: int, split: str, gathered: Gathered, interruption: Interruption | None
    ) -> dict[str, float]:
        """An evaluation was made: the whole panel; returns figures to follow, for metrics.jsonl."""

    @abstractmethod
    def scored(self, state: TrainState, step: int, split: str, gathered: Gathered) -> None:
        """The chosen model was scored on a split."""

    def between(self, state: TrainState, step: int) -> None:
        """A look that is due between evaluations; step and seed say all that is drawn."""
        every = self.run.schedule.look_every or 1
        self._record(self._tried(BETWEEN, step, lambda: self._between(state, step, step // every - 1)), step, BETWEEN)

    def finish(self, state: TrainState, step: int) -> None:
        """Keeps what a later run may pair with, and says what the run is worth beside its reference."""
        self._keep(state, step)
        judging, outlets = self._judging, self.outlets
        before = None if judging.reference is None else judging.reference.signals
        found = verdict(self._of_final, before, watermark(judging.operator, judging.settings))
        apart = told_apart(self._gaps, self._of_final)
        outlets.record.setdefault("safety", {}).update(verdict=found, retention=apart)
        outlets.say(f"safety: {found['words']}")
        for line in apart:
            if line["which"] in ("overfitting", "lost nuance", "both"):
                outlets.say(f"safety: {line['axis']}/{line['group']}: {line['words']}")

    def predict(self, state: TrainState, interruption: Interruption | None) -> Predict:
        """Of a classifier, the probabilities of a source's rows, in their order."""
        run = self.run

        def predict(source: BatchSource) -> np.ndarray:
            gathered = gather(run.steps, state, source.stream(0, len(source)), run.mesh, interruption)
            return in_order(gathered)["probabilities"]

        return predict

    @abstractmethod
    def _cost(self) -> dict[str, Any]:
        """Forward rows that are run for the sake of watching alone."""

    @abstractmethod
    def _between(self, state: TrainState, step: int, number: int) -> Look:
        """The look of this number."""

    @abstractmethod
    def _keep(self, state: TrainState, step: int) -> None:
        """Writes what a later run may take as its reference."""

    def _tried(self, split: str, step: int, look: Callable[[], Look]) -> Look:
        """A look. One that fails is an error among the signals, and never the end of the training it watches."""
        try:
            return look()
        except (Interrupted, Preempted):
            raise
        except Exception as error:  # whatever a probe, a statistic or a device raises
            return self._judging.failed(split, step, what_failed(error))

    def _record(self, look: Look, step: int, name: str) -> None:
        """Hands on a look's signals and says what changed."""
        outlets = self.outlets
        outlets.alerting.take(look, step)
        if name != BETWEEN:
            outlets.record.setdefault("safety", {})[name] = look.summary()
            outlets.say(f"safety: {name}: {look.family}")


class WatchingClasses(Watching):
    """A classifier is watched on the splits it is evaluated on."""

    def __init__(self, run: Run, outlets: Outlets, monitor: Monitor) -> None:
        self.monitor = monitor
        super().__init__(run, outlets, monitor)

    def at_start(self, interruption: Interruption) -> None:
        """See :class:`Watching`; thresholds may rest on it too."""
        run, path, monitor = self.run, self.outlets.workdir.safety_start, self.monitor
        if not monitor.evidence.needs_start:
            return
        if path.exists():
            stored = read_json(path)
        else:
            self.outlets.note("looking at the model before the first step")
            state, figures = run.steps.state, {}
            predict = self.predict(state, interruption)
            for split, batches in run.prepared.evaluation.items():
                found = gather(run.steps, state, batches.stream(0, len(batches)), run.mesh, interruption)
                rows = in_order(run.prepared.of_rows(split, found))
                figures[split] = monitor.figures(split, rows["labels"], rows["probabilities"], predict)
            stored = at_start(figures, run.config.safety.calibrate)
            if self.outlets.first:
                write_json(path, stored)
        monitor.evidence.start = read_start(stored)

    def begin(self, state: TrainState, step: int) -> None:
        """Nothing: what evidence needs of the beginning is measured by :meth:`at_start`."""

    def evaluated(
        self, state: TrainState, step: int, split: str, gathered: Gathered, interruption: Interruption | None
    ) -> dict[str, float]:
        """See :class:`Watching`."""
        predict, labels, probabilities = (
            self.predict(state, interruption),
            gathered["labels"],
            gathered["probabilities"],
        )
        look = self._tried(split, step, lambda: self.monitor.look(split, step, labels, probabilities, predict))
        self._record(look, step, split)
        if self.outlets.first:
            write_lines(self.outlets.workdir.counterfactuals(split), look.counterfactuals)
        self._of_final = look.signals
        return look.fairness | (bounded_figures(look.signals, self.monitor.settings) if split == "validation" else {})

    def scored(self, state: TrainState, step: int, split: str, gathered: Gathered) -> None:
        """Looks at splits that training never saw; of validation, how it compares with train."""
        if split != "validation":
            self.evaluated(state, step, split, gathered, None)
            return
        predict = self.predict(state, None)
        look = self._tried(split, step, lambda: Look(self.monitor.gaps(step, predict), [], ""))
        self.outlets.alerting.take(look, step)
        self._gaps = look.signals

    def _cost(self) -> dict[str, Any]:
        return self.monitor.cost()

    def _between(self, state: TrainState, step: int, number: int) -> Look:
        return self.monitor.look_between(step, number, self.run.config.train.seed, self.predict(state, None))

    def _keep(self, state: TrainState, step: int) -> None:
        """Predictions of the benign sentences."""
        del step
        ids, probabilities = self.monitor.benign("validation", self.predict(state, None))
        if self.outlets.first:
            lines = prediction_lines(ids, [None] * len(ids), probabilities, self.monitor.labels)
            write_lines(self.outlets.workdir.predictions("benign"), lines)


class WatchingLanguage(Watching):
    """A language model is watched with the pack's own texts, which belong to no split of the data."""

    def __init__(self, run: Run, outlets: Outlets, monitor: LanguageMonitor) -> None:
        self.monitor = monitor
        self._base: Mapping[str, AnswerScores] | None = None
        super().__init__(run, outlets, monitor)

    def at_start(self, interruption: Interruption) -> None:
        """Nothing: what evidence may rest on step 0 is of classifiers (:mod:`amharic_tl.config.alert_checks`)."""

    def begin(self, state: TrainState, step: int) -> None:
        """Asks the model what it knows before it is trained; a run that goes on reads what it knew."""
        if not self.monitor.nuance:
            return
        path = self.outlets.workdir.predictions(BASE)
        if step > 0:
            self._base = nuance_of(read_lines(path)) if path.exists() else None
            return
        self._base = self.monitor.nuance_scores(self.monitor.scorer(self.run.steps.model(state)))
        if self.outlets.first:
            write_lines(path, nuance_lines(self._base))

    def evaluated(
        self, state: TrainState, step: int, split: str, gathered: Gathered, interruption: Interruption | None
    ) -> dict[str, float]:
        """See :class:`Watching`."""
        del split, gathered
        if interruption is not None and interruption.requested():
            raise Interrupted
        self._record(self._look(state, step, EVALUATED), step, EVALUATED)
        return {}

    def scored(self, state: TrainState, step: int, split: str, gathered: Gathered) -> None:
        """Nothing: the pack's texts are the same for every split."""

    def _cost(self) -> dict[str, Any]:
        return self.monitor.cost(self.run.steps.model(self.run.steps.state))

    def _between(self, state: TrainState, step: int, number: int) -> Look:
        return self.monitor.look_between(step, number, self.run.steps.model(state))

    def _keep(self, state: TrainState, step: int) -> None:
        """Looks at the chosen model once more, and keeps what each item showed."""
        look = self._look(state, step, FINAL)
        self._record(look, step, FINAL)
        self._of_final = self._gaps = look.signals
        if self.outlets.first:
            write_lines(self.outlets.workdir.predictions(WATCHED), look.items)

    def _look(self, state: TrainState, step: int, split: str) -> Look:
        return self._tried(split, step, lambda: self._seen(state, step, split))

    def _seen(self, state: TrainState, step: int, split: str) -> Look:
        steps = self.run.steps
        # To write, every process needs the whole model; to score, each keeps its part.
        together = steps.model(whole(state, self.run.mesh)) if self.monitor.prompts else None
        return self.monitor.look(split, step, steps.model(state), together, self._base)
