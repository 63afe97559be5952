"""Scores of every training row by part of a figure, over the checkpoints of a run; interrupted and gone on with.

TracInCP (Pruthi et al. 2020, equation 5): ``score(z) = -sum over checkpoints of eta <grad F, grad loss(z)>``: what a
step of plain gradient descent on ``z`` would add to the figure F. ``eta`` is the sum of the learning rates of the steps
since the checkpoint before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from amharic_tl.data.batches import Batches, pad_rows
from amharic_tl.data.tokenizer import Encoded
from amharic_tl.errors import BadInputError, Preempted
from amharic_tl.records.files import replacing, writing
from amharic_tl.run.trajectory import Snapshot, Trajectory
from amharic_tl.safety.differentiable import DifferentiableFigure, Part
from amharic_tl.training.influence import FigureBatch, Influence, added, bytes_needed, stacked
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.progress import Progress, duration

ITEMS = 16  # of a figure's gradient, at a time
SAVED_EVERY = 20  # batches


@dataclass
class Scoring:
    """The work on one figure.

    Attributes:
      trajectory: the run's checkpoints.
      influence: compiled for its model.
      figure: what is attributed.
      encoded: the tokens of the figure's texts, item by item.
      parts: of its items.
      batches: of the training rows, each once, with ``row_index``.
      rows: how many there are.
      pad: the padding token.
      folder: where what is done is kept until all is.
      interruption: asks whether to stop.
      say: tells the user.
    """

    trajectory: Trajectory
    influence: Influence
    figure: DifferentiableFigure
    encoded: Encoded
    parts: Sequence[Part]
    batches: Batches
    rows: int
    pad: int
    folder: Path
    interruption: Interruption
    say: Callable[[str], None]

    def run(self) -> tuple[np.ndarray, list[dict[str, float]]]:
        """Scores float64 ``[N, H]``, and a line for each checkpoint: step, rate, the figure there."""
        total = np.zeros((self.rows, len(self.parts)))
        about = []
        progress = Progress(len(self.batches) * len(self.trajectory.snapshots))
        try:
            for number, snapshot in enumerate(self.trajectory.snapshots):
                scores, value = self._of(snapshot, number, progress)
                total -= snapshot.rate * scores
                about.append({"step": snapshot.step, "rate": snapshot.rate, "figure": value})
        finally:
            progress.close()
        return total, about

    def _of(self, snapshot: Snapshot, number: int, progress: Progress) -> tuple[np.ndarray, float]:
        done = self._read(snapshot)
        if done is not None and done[2] == len(self.batches):
            return done[0], done[1]
        trainable, frozen = self.trajectory.parameters(snapshot.step)
        values, directions = zip(*(self._direction(trainable, frozen, part.items) for part in self.parts), strict=True)
        stack = stacked(list(directions))
        del directions
        scores, value, start = done or (np.zeros((self.rows, len(self.parts))), float(sum(values)), 0)
        if number == 0 and start == 0:
            self._tell_cost(trainable, frozen, stack)
        for index in range(start, len(self.batches)):
            if self.interruption.requested():
                self._write(snapshot, scores, value, index)
                raise Preempted(
                    f"{self.interruption.signal_name or 'a signal'} received: checkpoint {snapshot.step} is scored up "
                    f"to batch {index:,} of {len(self.batches):,}. Type the same command again to go on."
                )
            progress.note(
                f"checkpoint {number + 1} of {len(self.trajectory.snapshots)}: batch {index + 1:,} of "
                f"{len(self.batches):,}"
            )
            batch = self.batches[index]
            found = np.asarray(self.influence.along(trainable, frozen, stack, _fields(batch)))
            real = batch["row_index"] >= 0
            scores[batch["row_index"][real]] = found[real]
            if (index + 1) % SAVED_EVERY == 0:
                self._write(snapshot, scores, value, index + 1)
        if not np.isfinite(scores).all():
            raise BadInputError(f"checkpoint {snapshot.step}: a score is not finite; the parameters are broken")
        self._write(snapshot, scores, value, len(self.batches))
        return scores, value

    def _direction(self, trainable: Any, frozen: Any, part: Sequence[int]) -> tuple[float, Any]:
        """The part's share in the figure, and the gradient of that."""
        weights, length = self.figure.weights(), max(map(len, self.encoded.ids))
        value, gradient = 0.0, None
        for start in range(0, len(part), ITEMS):
            items = self._items(part[start : start + ITEMS], weights, length)
            more, slope = self.influence.figure(trainable, frozen, items)
            value += float(more)
            gradient = slope if gradient is None else added(gradient, slope)
        return value, gradient

    def _items(self, numbers: Sequence[int], weights: np.ndarray, length: int) -> FigureBatch:
        of_item = self._places
        ids: list[np.ndarray | None] = []
        signs = np.zeros((ITEMS, 2), np.float32)
        of_batch = np.zeros(ITEMS, np.float32)
        for place in range(ITEMS):
            here = of_item[numbers[place]] if place < len(numbers) else ()
            ids += [self.encoded.ids[at] for at in here] + [None] * (2 - len(here))
            if place < len(numbers):
                item = self.figure.items[numbers[place]]
                signs[place, : len(here)] = item.signs
                of_batch[place] = weights[numbers[place]]
        tokens, mask = pad_rows(ids, length, self.pad)
        return FigureBatch(tokens.reshape(ITEMS, 2, -1), mask.reshape(ITEMS, 2, -1), signs, of_batch)

    @cached_property
    def _places(self) -> list[range]:
        """Where the texts of each item stand."""
        ends = np.cumsum([len(item.texts) for item in self.figure.items]).tolist()
        return [range(end - len(item.texts), end) for item, end in zip(self.figure.items, ends, strict=True)]

    def _tell_cost(self, trainable: Any, frozen: Any, stack: Any) -> None:
        """Says what is ahead, from two batches that are thrown away: one to compile, one to time."""
        batch, times = _fields(self.batches[0]), []
        for _ in range(2):
            began = time.monotonic()
            np.asarray(self.influence.along(trainable, frozen, stack, batch))
            times.append(time.monotonic() - began)
        passes = len(self.batches) * len(self.trajectory.snapshots)
        gigabytes = bytes_needed(trainable, len(self.parts)) / 1e9
        self.say(
            f"{self.rows:,} rows x {len(self.trajectory.snapshots)} checkpoints x {len(self.parts)} parts: "
            f"about {duration(times[1] * passes + times[0])}; {gigabytes:.2f} GB for parameters and directions beside "
            "the activations of a batch. Ctrl-C saves; the same command goes on."
        )

    def _path(self, snapshot: Snapshot) -> Path:
        return self.folder / f"scores-{snapshot.step}.npz"

    def _write(self, snapshot: Snapshot, scores: np.ndarray, value: float, done: int) -> None:
        path = self._path(snapshot)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            np.savez(file, scores=scores, value=value, done=done)

    def _read(self, snapshot: Snapshot) -> tuple[np.ndarray, float, int] | None:
        path = self._path(snapshot)
        if not path.exists():
            return None
        try:
            with np.load(path) as stored:
                return stored["scores"], float(stored["value"]), int(stored["done"])
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise BadInputError(f"{path} cannot be read: {error}; delete it and type the same command again") from None


def _fields(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array for name, array in batch.items() if name != "row_index"}
