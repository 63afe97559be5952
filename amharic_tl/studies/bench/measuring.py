"""Steps of a run, timed: compiled once for each shape, then fed as the training loop feeds them."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from amharic_tl.distributed.mesh import put_batch
from amharic_tl.models.attention import only_xla
from amharic_tl.models.remat import without_remat
from amharic_tl.run.assembly import Run
from amharic_tl.training.flops import count_flops
from amharic_tl.training.step import TrainState


@dataclass(frozen=True)
class Shape:
    """A shape of batches, compiled.

    Attributes:
      rows: of the whole update.
      length: of a row, padding counted.
      trace_seconds: until XLA had its programme.
      compile_seconds: until it was compiled, or found in the cache.
      temporary: bytes of a device that the step needs beside its arguments; None where the compiler does not say.
      flops: of the model in an update, over all devices; of what trains, forward and backward.
      steps: how many of the timed ones had this shape.
    """

    rows: int
    length: int
    trace_seconds: float
    compile_seconds: float
    temporary: int | None
    flops: int
    steps: int


@dataclass(frozen=True)
class Measured:
    """What timed steps took.

    Attributes:
      shapes: by length.
      seconds: of each step, from one that was done to the next.
      waited: seconds in all that the loop waited for data.
      tokens: that are no padding, in all.
      places: with padding, in all.
      losses: of each step.
    """

    shapes: tuple[Shape, ...]
    seconds: tuple[float, ...]
    waited: float
    tokens: int
    places: int
    losses: tuple[float, ...]


class Bench:
    """The step of a run with a programme for each shape, compiled here so that it is known how long that takes."""

    def __init__(self, run: Run) -> None:
        self.run, self.state = run, run.steps.state
        self._programmes: dict[tuple[int, ...], Any] = {}
        self._shapes: dict[tuple[int, ...], Shape] = {}
        self._timed: dict[tuple[int, ...], int] = {}

    def measure(self, steps: int) -> Measured:
        """Times ``steps`` updates, after one of each of their shapes that is not counted."""
        source = self.run.prepared.train
        for number in range(steps):
            host = source[number]
            if host["input_ids"].shape not in self._programmes:
                self._compile(host)
                self._update(host)
        jax.block_until_ready(self.state)
        return self._time(source.stream(0, steps))

    def profile(self, steps: int, folder: Path) -> None:
        """Writes a trace of some updates, of shapes that were compiled, for TensorBoard or Perfetto."""
        with tracing(folder):
            for number in range(steps):
                with jax.profiler.StepTraceAnnotation("train", step_num=number):
                    self._update(self.run.prepared.train[number])
            jax.block_until_ready(self.state)

    def _time(self, batches: Iterator[Mapping[str, np.ndarray]]) -> Measured:
        seconds, losses, waited, tokens, places = [], [], 0.0, 0, 0
        pending: Any = None
        last = asked = time.perf_counter()
        while (host := next(batches, None)) is not None:
            waited += time.perf_counter() - asked
            metrics = self._update(host)
            key = host["input_ids"].shape
            self._timed[key] = self._timed.get(key, 0) + 1
            tokens += int(host["attention_mask"].sum()) * jax.process_count()
            places += host["attention_mask"].size * jax.process_count()
            if pending is not None:  # as the loop does: one step late, so that the device does not wait
                losses.append(float(pending["loss"]))
                now = time.perf_counter()
                seconds.append(now - last)
                last = now
            pending = metrics
            asked = time.perf_counter()
        losses.append(float(pending["loss"]))
        seconds.append(time.perf_counter() - last)
        shapes = [dataclasses.replace(self._shapes[key], steps=count) for key, count in sorted(self._timed.items())]
        return Measured(tuple(shapes), tuple(seconds), waited, tokens, places, tuple(losses))

    def _update(self, host: Mapping[str, np.ndarray]) -> Any:
        programme = self._programmes[host["input_ids"].shape]
        fed = self.run.stages.fed(self.state, host)
        step = dataclasses.replace(self.run.steps.train, compiled=programme)
        self.state, metrics = step(self.state, put_batch(dict(fed), self.run.mesh))
        return metrics

    def _compile(self, host: Mapping[str, np.ndarray]) -> None:
        key = host["input_ids"].shape
        fed = put_batch(dict(self.run.stages.fed(self.state, host)), self.run.mesh)
        began = time.perf_counter()
        lowered = self.run.steps.train.lower(self.state, fed)
        traced = time.perf_counter()
        compiled = lowered.compile()
        done = time.perf_counter()
        rows, length = fed["input_ids"].shape
        memory = compiled.memory_analysis()
        self._programmes[key] = compiled
        self._shapes[key] = Shape(
            rows,
            length,
            traced - began,
            done - traced,
            None if memory is None else int(memory.temp_size_in_bytes),
            model_flops(self.run, self.state, fed),
            0,
        )


def model_flops(run: Run, state: TrainState, fed: Mapping[str, Any]) -> int:
    """Matrix-product FLOPs of an update that the model needs: of the backward pass what the trainable part asks for,
    nothing twice that ``train.remat`` computes again.
    """
    with only_xla(), without_remat():  # no count sees into a kernel
        return count_flops(run.steps.untraced("train"), state, fed)


@contextlib.contextmanager
def tracing(folder: Path) -> Iterator[None]:
    """Writes what the devices and the host do inside to ``folder``."""
    jax.profiler.start_trace(folder)
    try:
        yield
    finally:
        jax.profiler.stop_trace()
