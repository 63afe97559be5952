"""The batch plan: which rows make up which batch, at which padded length, as a pure function of seed and step.

Every process computes the same plan and cuts its own rows out of each batch, so that shapes agree; the position in the
plan is the only state that a resumption needs.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from amharic_tl.errors import ConfigError

MAX_BUCKETS = 10
# A further shape costs a compilation: it must save this share of an epoch's tokens.
MINIMUM_SAVING = 0.005

HostBatch = dict[str, np.ndarray]
Fields = Callable[[np.ndarray, int, int], Mapping[str, np.ndarray]]


def bucket_lengths(
    lengths: np.ndarray, max_buckets: int = MAX_BUCKETS, multiple: int = 4, saving: float = MINIMUM_SAVING
) -> list[int]:
    """Padded lengths (multiples of ``multiple``, above 64 of 8), ascending, that waste the least padding for
    ``lengths``.

    At most ``max_buckets``, and only as many as save enough to be worth compiling for: each this share of the tokens.
    Exact for that cost, by dynamic programming over the distinct rounded lengths.
    """
    values, counts = np.unique(round_lengths(lengths, multiple), return_counts=True)
    n = len(values)
    below = np.concatenate([[0], np.cumsum(counts)])
    # cost[k][j]: padded tokens when the first j distinct lengths use k buckets; the last one is as long as value j - 1.
    cost = np.full((max_buckets + 1, n + 1), np.inf)
    cost[0, 0] = 0
    cut = np.zeros((max_buckets + 1, n + 1), int)
    for k in range(1, max_buckets + 1):
        for j in range(1, n + 1):
            options = cost[k - 1, :j] + values[j - 1] * (below[j] - below[:j])
            cut[k, j] = int(np.argmin(options))
            cost[k, j] = options[cut[k, j]]
    price = saving * float(np.maximum(lengths, 1).sum())
    k, j, bounds = int(np.argmin(cost[:, n] + price * np.arange(max_buckets + 1))), n, []
    while j > 0:
        bounds.append(int(values[j - 1]))
        j, k = cut[k, j], k - 1
    return bounds[::-1]


def round_lengths(lengths: np.ndarray, multiple: int = 4) -> np.ndarray:
    """Up to a multiple of ``multiple``, above 64 of 8."""
    lengths = np.maximum(lengths, 1)
    multiples = np.where(lengths > 64, 8, multiple)
    return -(-lengths // multiples) * multiples


def shapes_worth_compiling(rows: int, batch_size: int) -> int:
    """How many padded lengths to use: each costs a compilation of seconds, which dozens of batches have to win back."""
    return min(MAX_BUCKETS, max(2, rows // (batch_size * 20)))


@dataclass(frozen=True)
class PlannedBatch:
    """One batch: its rows (-1 for filler) and the length they are padded to."""

    rows: np.ndarray
    length: int


class BatchPlan:
    """All batches of all epochs. Each epoch sees every row exactly once; filler rows make the last batches whole."""

    def __init__(
        self,
        lengths: np.ndarray,
        batch_size: int,
        seed: int | None,
        limit: int | None = None,
        max_buckets: int = MAX_BUCKETS,
        buckets: int | None = None,
    ) -> None:
        """Plans batches of whole rows.

        Args:
          lengths: ``[rows]``, in tokens.
          batch_size: rows of a batch.
          seed: of the order; None keeps the rows' order.
          limit: positions that the model has, which padding must not exceed; None where rounding up cannot.
          max_buckets: most padded lengths to use, where they pay for their compilation.
          buckets: how many to use whether they pay or not, even lengths among them; None: as ``max_buckets`` says.
        """
        self.batch_size, self.seed = batch_size, seed
        self.lengths = np.asarray(lengths)
        if buckets is None:
            worth = shapes_worth_compiling(len(self.lengths), batch_size)
            found = bucket_lengths(self.lengths, min(max_buckets, worth))
        else:
            found = bucket_lengths(self.lengths, buckets, multiple=2, saving=0.0)
        self.buckets = found if limit is None else [*found[:-1], min(found[-1], limit)]
        self._bucket_of = np.searchsorted(self.buckets, self.lengths)
        # Two epochs: threads that prefetch across an epoch's end need both.
        self._epoch = functools.lru_cache(maxsize=2)(self._epoch_batches)
        self.steps_per_epoch = len(self._epoch(0))

    def __getitem__(self, step: int) -> PlannedBatch:
        """The batch at ``step``, counted from 0 over all epochs."""
        epoch, position = divmod(step, self.steps_per_epoch)
        return self._epoch(epoch)[position]

    def rows_of(self, epoch: int, generator: np.random.Generator | None) -> np.ndarray:
        """int ``[rows of an epoch]``, as many in every epoch, in the order in which buckets take them."""
        del epoch
        return np.arange(len(self.lengths)) if generator is None else generator.permutation(len(self.lengths))

    def _epoch_batches(self, epoch: int) -> list[PlannedBatch]:
        """Whole batches from one bucket each; what is left of each bucket moves up into the next longer one."""
        generator = None if self.seed is None else np.random.default_rng([self.seed, epoch])
        order = self.rows_of(epoch, generator)
        batches: list[PlannedBatch] = []
        carried = np.zeros(0, int)
        for bucket, length in enumerate(self.buckets):
            rows = np.concatenate([carried, order[self._bucket_of[order] == bucket]])
            whole = len(rows) // self.batch_size * self.batch_size
            batches += [PlannedBatch(part, length) for part in rows[:whole].reshape(-1, self.batch_size)]
            carried = rows[whole:]
        if len(carried):
            longest = int(self._bucket_of[carried].max())
            filler = np.full(self.batch_size - len(carried), -1)
            batches.append(PlannedBatch(np.concatenate([carried, filler]), self.buckets[longest]))
        if generator is not None:
            batches = [batches[index] for index in generator.permutation(len(batches))]
        return batches

    def padding_share(self) -> float:
        """Share of an epoch's token places that hold no token."""
        batches = self._epoch(0)
        places = sum(batch.length * self.batch_size for batch in batches)
        tokens = sum(int(self.lengths[batch.rows[batch.rows >= 0]].sum()) for batch in batches)
        return 1.0 - tokens / places


class BatchSource(ABC):
    """Random access to batches by step, and a stream of them made ahead in threads."""

    @abstractmethod
    def __len__(self) -> int:
        """Batches in an epoch."""

    @abstractmethod
    def __getitem__(self, step: int) -> HostBatch:
        """The batch at ``step``, counted from 0 over all epochs, this process's rows only."""

    def stream(self, start: int, stop: int, prefetch: int = 4) -> Iterator[HostBatch]:
        """The batches of steps ``start`` to ``stop``, made ahead in threads (``grain``)."""
        import grain

        dataset = grain.MapDataset.source(_Window(self, start, stop))
        options = grain.ReadOptions(num_threads=2, prefetch_buffer_size=prefetch)
        return iter(dataset.to_iter_dataset(options))


class PlannedBatches(BatchSource):
    """The batches of a plan, of which a process makes its own rows."""

    def __init__(self, plan: BatchPlan, process_index: int = 0, process_count: int = 1) -> None:
        """``plan`` is that of all processes, and its batches can be divided evenly over them."""
        self.plan = plan
        share = plan.batch_size // process_count
        self._mine = slice(process_index * share, (process_index + 1) * share)

    def __len__(self) -> int:
        """Batches in an epoch of the planned rows."""
        return self.plan.steps_per_epoch

    def __getitem__(self, step: int) -> HostBatch:
        """See :meth:`BatchSource.__getitem__`."""
        planned = self.plan[step]
        return self._made(planned.rows[self._mine], planned.length, step)

    @abstractmethod
    def _made(self, rows: np.ndarray, length: int, step: int) -> HostBatch:
        """The arrays of these rows, -1 for filler, padded to ``length``."""


class Joined(BatchSource):
    """The batches of one source, with the arrays of a second one's batch at the same step beside them."""

    def __init__(self, first: BatchSource, second: BatchSource) -> None:
        self._first, self._second = first, second

    def __len__(self) -> int:
        """Batches in an epoch of the first."""
        return len(self._first)

    def __getitem__(self, step: int) -> HostBatch:
        """Both batches' arrays; their names must differ."""
        return {**self._first[step], **self._second[step]}


class Batches(PlannedBatches):
    """The batches of a plan as arrays."""

    def __init__(
        self,
        plan: BatchPlan,
        ids: Sequence[np.ndarray],
        pad_id: int,
        fields: Fields,
        *,
        process_index: int = 0,
        process_count: int = 1,
    ) -> None:
        """``fields(rows, length, step)`` adds what the task needs (labels, weights) for the given global rows."""
        if plan.batch_size % process_count:
            raise ConfigError(
                f"config.train.batch_size (or config.train.microbatch): {plan.batch_size} rows cannot be divided "
                f"evenly over {process_count} processes"
            )
        super().__init__(plan, process_index, process_count)
        self.ids, self._pad, self._fields = ids, pad_id, fields

    def _made(self, rows: np.ndarray, length: int, step: int) -> HostBatch:
        """``input_ids attention_mask [b, S]`` int32, ``row_index [b]`` int32 (-1 for filler), and the task's fields."""
        input_ids, mask = pad_rows([self.ids[row] if row >= 0 else None for row in rows], length, self._pad)
        batch = {"input_ids": input_ids, "attention_mask": mask, "row_index": rows.astype(np.int32)}
        batch.update(self._fields(rows, length, step))
        return batch


def pad_rows(found: Sequence[np.ndarray | None], length: int, pad: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens and mask ``[b, length]`` int32; None is a filler row."""
    tokens = np.full((len(found), length), pad, np.int32)
    mask = np.zeros((len(found), length), np.int32)
    for place, ids in enumerate(found):
        if ids is not None:
            tokens[place, : len(ids)] = ids
            mask[place, : len(ids)] = 1
        else:
            # A filler row weighs nothing; one real position keeps its attention well defined.
            mask[place, 0] = 1
    return tokens, mask


class _Window:
    """Steps ``start`` to ``stop`` as a random-access source for grain."""

    def __init__(self, batches: BatchSource, start: int, stop: int) -> None:
        self._batches, self._start, self._stop = batches, start, stop

    def __len__(self) -> int:
        return max(self._stop - self._start, 0)

    def __getitem__(self, index: int) -> HostBatch:
        return self._batches[self._start + index]


def classification_fields(labels: np.ndarray, shares: np.ndarray | None = None) -> Fields:
    """``labels [b, ...]`` (0 for filler) and ``weights [b]`` float32; a row of an unknown class (-1) weighs 1 too.

    ``shares``: float32 ``[rows]``, what each row counts for (a window of a text), as ``shares [b]`` (0 for filler).
    """

    def fields(rows: np.ndarray, length: int, step: int) -> Mapping[str, np.ndarray]:
        del length, step
        real = rows >= 0
        picked = labels[np.maximum(rows, 0)].astype(np.float32 if labels.dtype.kind == "f" else np.int32)
        picked[~real] = 0
        fields = {"labels": picked, "weights": real.astype(np.float32)}
        if shares is not None:
            fields["shares"] = np.where(real, shares[np.maximum(rows, 0)], 0).astype(np.float32)
        return fields

    return fields
