"""Unlabelled rows of a target domain, beside the training rows of each update."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from amharic_tl.data.batches import BatchPlan, HostBatch, PlannedBatches, pad_rows

# The step is compiled for each padded length of the training rows times each of these.
MAX_BUCKETS = 2


class TargetBatches(PlannedBatches):
    """``target_input_ids target_attention_mask [R, T]`` int32 and ``target_weights [R]`` float32 (0: filler), by step.

    An epoch of target rows sees each once; its length has nothing to do with that of the training rows.
    """

    def __init__(
        self,
        ids: Sequence[np.ndarray],
        size: int,
        pad_id: int,
        seed: int,
        limit: int,
        *,
        process_index: int = 0,
        process_count: int = 1,
    ) -> None:
        """Plans ``ids`` in batches of ``size``; arguments as of :class:`~amharic_tl.data.batches.Batches`."""
        plan = BatchPlan(np.asarray([len(row) for row in ids]), size, seed, limit, MAX_BUCKETS)
        super().__init__(plan, process_index, process_count)
        self._ids, self._pad = ids, pad_id

    def _made(self, rows: np.ndarray, length: int, step: int) -> HostBatch:
        del step
        input_ids, mask = pad_rows([self._ids[row] if row >= 0 else None for row in rows], length, self._pad)
        weights = (rows >= 0).astype(np.float32)
        return {"target_input_ids": input_ids, "target_attention_mask": mask, "target_weights": weights}
