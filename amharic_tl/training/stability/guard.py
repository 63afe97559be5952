"""When a run goes back to a checkpoint, and how: a function of what every process knows, so that all do the same.

There is one way back, for skipped updates and for what an evaluation established (a safety signal).

Nothing here is remembered but in the loop's memory, which the checkpoint holds: a run that is killed anywhere and goes
on comes to the same decisions at the same steps. A rollback itself is written nowhere until the next save; a kill
before that repeats the way up to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import jax
import numpy as np

from amharic_tl.data.batches import BatchSource, HostBatch
from amharic_tl.training.checkpoints import Checkpoints
from amharic_tl.training.memory import Memory
from amharic_tl.training.progress import Progress
from amharic_tl.training.stability.detours import Detoured, Stretch, position
from amharic_tl.training.stability.verdict import Verdict
from amharic_tl.training.stages import Stages
from amharic_tl.training.step import TrainState
from amharic_tl.training.writers import Writer


class TooManySkips(Exception):
    """Raised by the loop where training cannot go on as it does.

    Attributes:
      state: as it is now.
      step: behind the update that was too many.
      host: its batch.
      values: its figures.
      verdict: what became of it.
    """

    def __init__(
        self, state: TrainState, step: int, host: Mapping[str, np.ndarray], values: dict[str, float], verdict: Verdict
    ) -> None:
        super().__init__(f"too many updates were left out up to step {step}")
        self.state, self.step, self.host, self.values, self.verdict = state, step, host, values, verdict


class AskedBack(Exception):
    """Raised by the loop where an evaluation has asked to go back to a checkpoint.

    Attributes:
      state: as it is now.
      step: that was evaluated.
      target: the saved step to go back to.
    """

    def __init__(self, state: TrainState, step: int, target: int) -> None:
        super().__init__(f"step {step} goes back to step {target}")
        self.state, self.step, self.target = state, step, target


@dataclass(frozen=True)
class Limits:
    """See ``config.train.stability``, whose leaves these are.

    ``counts``: whether skipped updates lead back; without, only an evaluation does.
    """

    skips: int
    within: int
    rollbacks: int
    rate_factor: float
    counts: bool = True


@dataclass(frozen=True)
class Guard:
    """Goes back where too many updates were skipped.

    Attributes:
      limits: what is too many.
      source: the batches of training.
      total: steps of the run.
      save_every: steps between saves.
      stages, checkpoints, writer, progress: the loop's.
      after_rollback: told what the loop remembers now.
    """

    limits: Limits
    source: BatchSource
    total: int
    save_every: int
    stages: Stages
    checkpoints: Checkpoints
    writer: Writer
    progress: Progress
    after_rollback: Callable[[Memory], None]

    def stream(self, start: int, memory: Memory) -> Iterator[HostBatch]:
        """The batches of the updates from ``start`` on, without those that the run has left behind."""
        return Detoured(self.source, left_out(memory)).stream(start, self.total)

    def note_skip(self, step: int, memory: Memory) -> bool:
        """Remembers that the update before ``step`` was left out; whether that makes too many."""
        if not self.limits.counts:
            return False
        recent = [skip for skip in memory.skips if skip > step - self.limits.within]
        memory.skips = [*recent, step]
        return len(memory.skips) >= self.limits.skips

    def points(self, step: int) -> set[int]:
        """Up to ``step``, the steps whose checkpoints a later rollback may go back to: two at most.

        Every so many steps, however often a run is saved: what was saved for an interruption is none of them, so that
        an interrupted run goes back to where an undisturbed one does. Skips that are counted together lie within
        ``limits.within`` steps, so that a point older than those lies before them all.
        """
        every = -(-self.limits.within // self.save_every) * self.save_every
        oldest = max(step - self.limits.within, 0) // every * every
        return set(range(oldest, step + 1, every))

    def kept(self, step: int, memory: Memory) -> set[int]:
        """Checkpoints that a later rollback may need, and those that were the best when they were saved."""
        needed = self.points(step) if self.limits.counts else set()
        needed |= {memory.certified or 0}
        points = sorted(needed & set(self.checkpoints.steps()))
        bests = [self.checkpoints.memory(point).get("best_step") for point in points]
        return {*points, *(best for best in bests if best is not None)}

    def roll_back(self, state: TrainState, memory: Memory) -> tuple[TrainState, int, Memory] | str | None:
        """The state, the step and the memory to go on with, or why there is no way back; None: there never is one.

        Parameters, optimiser, average, counters and the window are those of the newest of :meth:`points` before the
        first of the skipped updates; the batches from the first to the last of those are left out from then on; the
        rate is lowered. Later checkpoints are set aside.
        """
        if not self.limits.counts:
            return None
        if len(for_stability(memory)) >= self.limits.rollbacks:
            return f"config.train.stability.rollbacks={self.limits.rollbacks} allows no further return to a checkpoint"
        first, last = memory.skips[0], memory.skips[-1]
        self.checkpoints.wait()
        steps = self.checkpoints.steps()
        points = self.points(last) & set(steps)
        target = max((each for each in points if each < first), default=None)
        if target is None:
            return f"no checkpoint from before step {first} is there to go back to"
        stretch = position(first - 1, left_out(memory)), position(last - 1, left_out(memory))
        entry = {"at": last, "to": target, "first_batch": stretch[0], "last_batch": stretch[1]}
        restored, after = self._restored(state, memory, entry)
        scale = self._scale(after)
        self.writer.write_event(last, "rolled_back", **entry, rate_scale=scale, skipped_steps=memory.skips)
        self.progress.say(
            f"step {last:,}: {len(memory.skips)} updates were skipped; back to step {target:,}, without batches "
            f"{stretch[0]:,} to {stretch[1]:,}, at {scale:g} of the rate "
            f"({len(for_stability(after))} of {self.limits.rollbacks} times)"
        )
        return restored, target, after

    def go_back(self, asked: AskedBack, memory: Memory) -> tuple[TrainState, int, Memory]:
        """The state, the step and the memory to go on with where an evaluation asked for it.

        All is as the checkpoint has it, but that the batches since then are left out from now on: the same ones would
        lead to the same model. The rate stays.
        """
        stretch = position(asked.target, left_out(memory)), position(asked.step - 1, left_out(memory))
        entry = {"at": asked.step, "to": asked.target, "first_batch": stretch[0], "last_batch": stretch[1], "safety": 1}
        restored, after = self._restored(asked.state, memory, entry)
        self.writer.write_event(asked.step, "rolled_back", **entry, reason="safety")
        self.progress.say(
            f"step {asked.step:,}: a safety signal was confirmed; back to step {asked.target:,}, without batches "
            f"{stretch[0]:,} to {stretch[1]:,} (time {len(for_safety(after))})"
        )
        return restored, asked.target, after

    def _restored(self, state: TrainState, memory: Memory, entry: dict[str, int]) -> tuple[TrainState, Memory]:
        """The state and the memory of the checkpoint ``entry["to"]``; later ones are set aside, files cut back."""
        target = entry["to"]
        self.checkpoints.wait()
        if jax.process_index() == 0:
            for later in [each for each in self.checkpoints.steps() if each > target]:
                self.checkpoints.set_aside(later, f"training went back to step {target}")
        self.checkpoints.wait()
        restored = self.stages.restore(self.checkpoints, target, state)
        after = Memory(**restored.loop)
        after.skips, after.rollbacks = [], [*memory.rollbacks, entry]
        self.writer.rewind(after.lengths)
        self.checkpoints.wait()
        self.after_rollback(after)
        return self._slowed(restored.state, self._scale(after)), after

    def _scale(self, memory: Memory) -> float:
        return float(self.limits.rate_factor ** len(for_stability(memory)))

    def _slowed(self, state: TrainState, scale: float) -> TrainState:
        placed = self.stages.steps.shardings.watch
        if state.watch is None or placed is None:  # spikes are not looked for, and the rate is as it was
            return state
        lowered = jax.device_put(np.float32(scale), placed.rate_scale)
        return dataclasses.replace(state, watch=dataclasses.replace(state.watch, rate_scale=lowered))


def left_out(memory: Memory) -> list[Stretch]:
    """The stretches of batches that a run has left behind."""
    return [(entry["first_batch"], entry["last_batch"]) for entry in memory.rollbacks]


def for_safety(memory: Memory) -> list[dict[str, int]]:
    """The returns that an evaluation asked for."""
    return [entry for entry in memory.rollbacks if entry.get("safety")]


def for_stability(memory: Memory) -> list[dict[str, int]]:
    """The returns that skipped updates led to."""
    return [entry for entry in memory.rollbacks if not entry.get("safety")]
