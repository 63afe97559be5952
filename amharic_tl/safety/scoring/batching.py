"""Rows of different lengths as batches of few fixed shapes, and a model run on them under ``jax.jit``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from amharic_tl.distributed.mesh import batch_shards, put_batch, whole
from amharic_tl.errors import BadInputError

Row = Mapping[str, np.ndarray]
# Told how many rows of how many are done.
Tell = Callable[[int, int], None]
# Sequences are padded to a multiple of this many tokens, and longer ones to a multiple of an eighth of their length.
_STEP = 8
_MOST_ROWS = 64
# Logits of a batch, float32 numbers: 256 MiB.
_LOGITS = 2**26


def bucket(length: int) -> int:
    """What a sequence of ``length`` tokens is padded to."""
    step = max(_STEP, 1 << max((length - 1).bit_length() - 3, 0))
    return -(-length // step) * step


def in_batches(
    rows: Sequence[Row], padding: Mapping[str, int], scored: str | None, vocabulary: int, shards: int, limit: int
) -> Iterator[tuple[list[int], dict[str, np.ndarray]]]:
    """Places and arrays of batches; rows of one bucket have one shape, the last filled up with copies of its first.

    Args:
      rows: arrays ``[length]`` by field; fields without padding are of one length in all rows.
      padding: what pads a field.
      scored: the field whose every place has logits; None where a row has those of one place.
      vocabulary: width of the logits.
      shards: over which a batch is split.
      limit: no padding beyond this length, which no row exceeds.
    """
    together = defaultdict(list)
    for place, row in enumerate(rows):
        together[tuple((name, min(bucket(len(row[name])), limit)) for name in padding)].append(place)
    for shape in sorted(together):
        places, lengths = together[shape], dict(shape)
        wide = lengths[scored] if scored is not None else 1
        most = min(_MOST_ROWS, max(_LOGITS // (vocabulary * wide), 1), 1 << (len(places) - 1).bit_length())
        count = -(-max(most, 1) // shards) * shards
        for start in range(0, len(places), count):
            chosen = places[start : start + count]
            filled = chosen + chosen[:1] * (count - len(chosen))
            yield (
                chosen,
                {
                    name: np.stack(
                        [_padded(rows[place][name], lengths.get(name), padding.get(name)) for place in filled]
                    )
                    for name in rows[0]
                },
            )


def _padded(values: np.ndarray, length: int | None, pad: int | None) -> np.ndarray:
    if length is None or pad is None:
        return values
    return np.concatenate([values, np.full(length - len(values), pad, values.dtype)])


class Program:
    """A pure function of model and batch, compiled once for each shape; the model stays where it lies, sharded or not.

    Args:
      model: an ``nnx.Module``.
      function: of the model and arrays ``[B, ...]``, to an array ``[B, ...]``.
      mesh: over which batches are split; None for one device.

    Attributes:
      rows: that it has run, those that fill up a batch among them.
      dry: whether rows are counted alone, and zeros wide enough for any answer come back.
    """

    def __init__(
        self, model: nnx.Module, function: Callable[[Any, Mapping[str, jax.Array]], jax.Array], mesh: Mesh | None
    ) -> None:
        graphdef, self._state = nnx.split(model)
        self._mesh = mesh
        self._traces = 0
        self.rows, self.dry = 0, False

        @jax.jit
        def run(state: nnx.State, batch: dict[str, jax.Array]) -> jax.Array:
            self._traces += 1  # while it is traced, and never when it runs
            return function(nnx.merge(graphdef, state, copy=True), batch)

        self._run = run

    def take(self, model: nnx.Module) -> None:
        """Goes on with other weights of the same model, as those of a later step; nothing is compiled again."""
        self._state = nnx.split(model)[1]

    @property
    def compiled(self) -> int:
        """How often it was compiled: once for each shape of a batch."""
        return self._traces

    @property
    def shards(self) -> int:
        """Over how many groups of devices a batch is split."""
        return 1 if self._mesh is None else batch_shards(self._mesh)

    def __call__(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        """The function's value of a batch."""
        rows = len(next(iter(batch.values())))
        self.rows += rows
        if self.dry:
            return np.zeros((rows, max(array.shape[-1] for array in batch.values())))
        if self._mesh is None:
            return np.asarray(self._run(self._state, batch))
        # Every process has the whole batch, and gives its own part of it.
        mine, of = jax.process_index(), jax.process_count()
        part = {name: np.array_split(array, of)[mine] for name, array in batch.items()}
        return np.asarray(whole(self._run(self._state, put_batch(part, self._mesh)), self._mesh))


class HasPrograms:
    """What runs a model by programs, and may be given later weights of it."""

    programs: tuple[Program, ...] = ()

    def take(self, model: nnx.Module) -> None:
        """Goes on with other weights of the same model; nothing is compiled again."""
        for program in self.programs:
            program.take(model)

    def rows_of(self, work: Callable[[], object]) -> int:
        """How many rows ``work`` would run, copies that fill a batch up among them; the model is not run."""
        before = sum(program.rows for program in self.programs)
        for program in self.programs:
            program.dry = True
        try:
            work()
        finally:
            for program in self.programs:
                program.dry = False
        return sum(program.rows for program in self.programs) - before


def over_rows(
    program: Program,
    rows: Sequence[Row],
    padding: Mapping[str, int],
    *,
    scored: str | None,
    vocabulary: int,
    limit: int,
    tell: Tell | None = None,
) -> list[np.ndarray]:
    """The program's value of every row, in their order.

    Raises:
      BadInputError: a row is longer than the model reads; nothing is cut.
    """
    longest = max((len(row[name]) for row in rows for name in padding), default=0)
    if longest > limit:
        raise BadInputError(f"a text to score has {longest} tokens, and the model reads {limit}; nothing is cut")
    found: list[np.ndarray] = [np.empty(0)] * len(rows)
    done = 0
    for places, batch in in_batches(rows, padding, scored, vocabulary, program.shards, limit):
        for place, value in zip(places, program(batch), strict=False):
            found[place] = value
        done += len(places)
        if tell is not None:
            tell(done, len(rows))
    return found
