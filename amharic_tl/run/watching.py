"""The looks of a run at its model: at step 0 where evidence rests on it, at each evaluation, and at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from amharic_tl.data.batches import BatchSource
from amharic_tl.errors import Preempted
from amharic_tl.evaluation.pooling import in_order
from amharic_tl.records.files import read_json, write_json, write_lines
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.alerting import Alerting, what_failed
from amharic_tl.run.assembly import Run
from amharic_tl.safety.alerts.start import at_start, read_start
from amharic_tl.safety.monitor import Look, Predict
from amharic_tl.training.evaluate import gather
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.loop import Interrupted
from amharic_tl.training.progress import Progress
from amharic_tl.training.step import TrainState


class Watching:
    """Lets the monitor judge the model, and hands on what it found.

    Args:
      run: with a monitor.
      workdir: of the run.
      alerting: told of each look.
      progress: tells the user.
      record: what run.json will hold.
      first: whether this is the process that writes.
    """

    def __init__(
        self,
        run: Run,
        workdir: Workdir,
        alerting: Alerting,
        progress: Progress,
        record: dict[str, Any],
        first: bool,
    ) -> None:
        assert run.safety is not None
        self.run, self.workdir, self.alerting, self.monitor = run, workdir, alerting, run.safety.monitor
        self.progress, self.record, self.first = progress, record, first

    def at_start(self, interruption: Interruption) -> None:
        """Measures the model at step 0 where evidence or thresholds rest on it; once, for a run and its resumptions."""
        run, path = self.run, self.workdir.safety_start
        if not self.monitor.evidence.needs_start:
            return
        if path.exists():
            stored = read_json(path)
        else:
            self.progress.note("looking at the model before the first step")
            state, figures = run.steps.state, {}
            predict = predictor(run, state, interruption)
            for split, batches in run.prepared.evaluation.items():
                found = gather(run.steps, state, batches.stream(0, len(batches)), run.mesh, interruption)
                rows = in_order(run.prepared.of_rows(split, found))
                figures[split] = self.monitor.figures(split, rows["labels"], rows["probabilities"], predict)
            stored = at_start(figures, run.config.safety.calibrate)
            if self.first:
                write_json(path, stored)
        self.monitor.evidence.start = read_start(stored)

    def look(
        self,
        state: TrainState,
        step: int,
        split: str,
        gathered: Mapping[str, np.ndarray],
        interruption: Interruption | None,
    ) -> dict[str, float]:
        """Lets the monitor judge a split, records its signals, says what changed; fairness figures to follow."""
        look = self._seen(state, step, split, gathered, interruption)
        self.alerting.take(look, step)
        if self.first:
            write_lines(self.workdir.counterfactuals(split), look.counterfactuals)
        self.record.setdefault("safety", {})[split] = look.summary()
        self.progress.say(f"safety: {split}: {look.family}")
        return look.fairness

    def _seen(
        self,
        state: TrainState,
        step: int,
        split: str,
        gathered: Mapping[str, np.ndarray],
        interruption: Interruption | None,
    ) -> Look:
        """A look. One that fails is an error among the signals, and never the end of the training it watches."""
        predict = predictor(self.run, state, interruption)
        try:
            return self.monitor.look(split, step, gathered["labels"], gathered["probabilities"], predict)
        except (Interrupted, Preempted):
            raise
        except Exception as error:  # whatever a probe, a statistic or a device raises
            return self.monitor.failed(split, step, what_failed(error))


def predictor(run: Run, state: TrainState, interruption: Interruption | None) -> Predict:
    """Probabilities of a source's rows, in their order."""

    def predict(source: BatchSource) -> np.ndarray:
        gathered = gather(run.steps, state, source.stream(0, len(source)), run.mesh, interruption)
        return in_order(gathered)["probabilities"]

    return predict
