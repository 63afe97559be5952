"""The training loop, read top-down. Every policy it follows is handed to it.

At a step that is due for both, the loop saves first and evaluates then, so that a kill in the evaluation loses nothing:
the resumed run evaluates again. Metrics are read one step late, so that the device never waits for the host.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import jax
import numpy as np
from jax.sharding import Mesh

from amharic_tl.distributed.mesh import put_batch
from amharic_tl.errors import Preempted, TrainingStopped
from amharic_tl.training.checkpoints import Checkpoints
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.memory import Memory
from amharic_tl.training.progress import Progress
from amharic_tl.training.selection import Selection
from amharic_tl.training.stability.guard import AskedBack, Guard, TooManySkips
from amharic_tl.training.stability.stopping import stop
from amharic_tl.training.stability.verdict import verdict_of
from amharic_tl.training.stages import Stages
from amharic_tl.training.step import TrainState
from amharic_tl.training.thaws import Thaws
from amharic_tl.training.window import Window
from amharic_tl.training.writers import Writer

HostBatch = Mapping[str, np.ndarray]


class Interrupted(Exception):
    """Raised inside an evaluation when the run is told to stop."""


# The state with what a penalty weighs from here on, from state, step, memory and the evaluation's metrics.
Steer = Callable[[TrainState, int, Memory, Mapping[str, float]], TrainState]


class Evaluator(Protocol):
    """Scores the validation split: metrics by name. Raises :class:`Interrupted` when told to stop in between."""

    def __call__(self, state: TrainState, step: int) -> dict[str, float]:
        """Metrics of the validation split."""
        ...


@dataclass(frozen=True)
class Schedule:
    """When the loop does what, in steps."""

    total: int
    evaluate_every: int
    save_every: int
    log_every: int
    patience: int | None
    max_non_finite: int
    look_every: int | None = None

    def look_due(self, step: int) -> bool:
        """At every multiple of ``look_every`` at which no evaluation is due, which looks at more."""
        every = self.look_every
        return every is not None and step > 0 and step % every == 0 and not self.evaluation_due(step)

    def evaluation_due(self, step: int) -> bool:
        """At every multiple of ``evaluate_every`` above 0, and at the end."""
        return step > 0 and (step % self.evaluate_every == 0 or step == self.total)

    def evaluations(self) -> int:
        """How many evaluations are due in all, if nothing stops the run early."""
        return -(-self.total // self.evaluate_every)


@dataclass
class Loop:
    """The loop's parts. ``row_ids`` turns row numbers into ids; ``after_evaluation`` may give a step to go back to."""

    stages: Stages
    thaws: Thaws
    batches: Callable[[int], Iterator[HostBatch]]
    evaluate: Evaluator
    after_evaluation: Callable[[int, Memory], int | None]
    after_thaw: Callable[[int, Memory], None]
    checkpoints: Checkpoints
    writer: Writer
    progress: Progress
    interruption: Interruption
    schedule: Schedule
    mesh: Mesh
    selection: Selection
    row_ids: Callable[[np.ndarray], list[str]]
    guard: Guard | None = None
    steer: Steer | None = None
    look: Callable[[TrainState, int], None] | None = None

    def run(self, state: TrainState, step: int, memory: Memory) -> tuple[TrainState, Memory, str]:
        """Trains from ``step`` to the end; returns the last state, the memory and why it stopped.

        Raises:
          Preempted: told to stop; everything is saved.
          TrainingStopped: too many updates were left out.
        """
        if self.guard is not None and step == 0:  # the beginning is a place to go back to
            self._save(state, step, memory)
        while True:
            try:
                return self._run(state, step, memory)
            except TooManySkips as found:
                back = None if self.guard is None else self.guard.roll_back(found.state, memory)
                if back is None or isinstance(back, str):
                    raise self._stopped(found, back, memory) from None
                state, step, memory = back
            except AskedBack as asked:
                assert self.guard is not None
                state, step, memory = self.guard.go_back(asked, memory)

    def _run(self, state: TrainState, step: int, memory: Memory) -> tuple[TrainState, Memory, str]:
        """:meth:`run`, up to where training cannot go on as it does (:class:`TooManySkips`)."""
        batches: Iterator[HostBatch] | None = None
        window = Window()
        pending: _Pending | None = None
        stopped_because = "all steps done"
        while True:
            if self.look is not None and self.schedule.look_due(step) and memory.looked_step != step:
                self._flush(pending, window, state, memory)
                pending = None
                # Before a save that is due: the checkpoint then knows that the look is done and its lines are there.
                self.look(state, step)
                memory.looked_step = step
                window.restart()
            if self.schedule.evaluation_due(step) and memory.evaluated_step != step:
                self._flush(pending, window, state, memory)
                pending = None
                self._save(state, step, memory)
                after = self._evaluate(state, step, memory)
                if after is None:
                    raise self._preempted(step)
                state = after
                if self.thaws.stalled(memory) and step < self.schedule.total:
                    state = self._thaw(state, step, memory)
                window.restart()
                if self._patience_is_over(memory):
                    stopped_because = f"no better {self.selection.select_by} for {memory.since_best} evaluations"
                    self.writer.write_event(step, "early_stop", best_step=memory.best_step)
                    break
            elif step > 0 and step % self.schedule.save_every == 0:
                self._flush(pending, window, state, memory)
                pending = None
                self._save(state, step, memory)
            if step >= self.schedule.total:
                break
            if self.interruption.requested():
                self._flush(pending, window, state, memory)
                pending = None
                self._save(state, step, memory)
                raise self._preempted(step)
            if self.thaws.due(step, memory):
                self._flush(pending, window, state, memory)
                pending = None
                state = self._thaw(state, step, memory)
                window.restart()
            if batches is None:
                batches = self.batches(step) if self.guard is None else self.guard.stream(step, memory)
            began = time.monotonic()
            host = next(batches)
            window.waited += time.monotonic() - began
            fed = self.stages.fed(state, host)
            state, metrics = self.stages.steps.train(state, put_batch(dict(fed), self.mesh))
            step += 1
            self._flush(pending, window, state, memory)
            pending = _Pending(step, metrics, host)
        self.writer.flush()
        return state, memory, stopped_because

    def _flush(self, pending: _Pending | None, window: Window, state: TrainState, memory: Memory) -> None:
        """Reads the metrics of an earlier step, records them, and says where training cannot go on."""
        if pending is None:
            return
        step = pending.step
        values = {name: float(value) for name, value in jax.device_get(pending.metrics).items()}
        verdict = verdict_of(values)
        window.add(pending.host)
        if verdict.noteworthy:
            name, details = verdict.event()
            self.writer.write_event(step, name, rows=self.row_ids(pending.host["row_index"])[:50], **details, **values)
            self.progress.say(verdict.sentence(step, values))
        if verdict.noteworthy or step % self.schedule.log_every == 0 or step == self.schedule.total:
            self.writer.write_scalars(step, values)
        if step % self.schedule.log_every == 0:
            self.writer.write_timing(step, window.figures())
        self.progress.update(step, values["loss"], window.tokens_per_second())
        many = verdict.skipped and self.guard is not None and self.guard.note_skip(step, memory)
        if many or verdict.in_a_row > self.schedule.max_non_finite:
            raise TooManySkips(state, step, pending.host, values, verdict)

    def _stopped(self, found: TooManySkips, no_way_back: str | None, memory: Memory) -> TrainingStopped:
        rows, limit = self.row_ids(found.host["row_index"]), self.schedule.max_non_finite
        return stop(found, no_way_back, rows, memory, limit, stages=self.stages, mesh=self.mesh, writer=self.writer)

    def _thaw(self, state: TrainState, step: int, memory: Memory) -> TrainState:
        """Begins the next stage before ``step``."""
        memory.begin_stage(step)
        self.progress.note(f"step {step:,}: stage {memory.stage} begins")
        state = self.stages.enter(memory.stage, state)
        plan = self.stages.plan
        self.writer.write_event(
            step, "thaw", stage=memory.stage, rules=list(plan.stages[memory.stage].rules), **plan.totals
        )
        self.after_thaw(step, memory)
        return state

    def _patience_is_over(self, memory: Memory) -> bool:
        """Whether to stop for want of a better figure. What is still to thaw gets its chance first."""
        patience = self.schedule.patience
        return patience is not None and memory.since_best >= patience and self.thaws.all_thawed(memory)

    def _save(self, state: TrainState, step: int, memory: Memory) -> None:
        memory.lengths = self.writer.lengths()
        keep = {memory.best_step} if memory.best_step is not None else set()
        if self.guard is not None:
            keep |= self.guard.kept(step, memory)
        self.checkpoints.save(step, state, memory.stored(), keep)
        self.writer.write_event(step, "saved")

    def _evaluate(self, state: TrainState, step: int, memory: Memory) -> TrainState | None:
        """Evaluates, records and remembers the best; the state to go on with, None when told to stop in between."""
        self.progress.note(f"step {step:,}: evaluating")
        try:
            metrics = self.evaluate(state, step)
        except Interrupted:
            return None
        self.writer.write_scalars(step, metrics, split="validation")
        non_finite = sorted(name for name, figure in metrics.items() if not np.isfinite(figure))
        if non_finite:
            self.writer.write_event(step, "non_finite_metrics", split="validation", names=non_finite)
        better = self.selection.take(step, metrics, memory)
        memory.evaluated_step = step
        self.thaws.note(metrics.get("loss", np.nan), memory)
        self.writer.write_event(step, "evaluated", best=better)
        shown = "  ".join(f"{name} {figure:.4f}" for name, figure in metrics.items() if "/" not in name)
        self.progress.say(f"step {step:,}/{self.schedule.total:,}  validation  {shown}{'  (best)' if better else ''}")
        target = self.after_evaluation(step, memory)
        if target is not None:
            raise AskedBack(state, step, target)
        return state if self.steer is None else self.steer(state, step, memory, metrics)

    def _preempted(self, step: int) -> Preempted:
        name = self.interruption.signal_name or "a signal"
        self.writer.write_event(step, "preempted", signal=name)
        self.writer.flush()
        return Preempted(f"{name} received: saved at step {step}. Type the same command again to go on.")


@dataclass
class _Pending:
    """A step whose metrics are still on the device, and the batch it saw."""

    step: int
    metrics: dict[str, jax.Array]
    host: HostBatch
