"""Batches of pairs: a sequence to read and one to write, each padded to lengths that pairs alike share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from amharic_tl.data.batches import Batches, BatchPlan, HostBatch, pad_rows, round_lengths

NO_LABEL = -100
MakePlan = Callable[[np.ndarray], BatchPlan]


class PairedBatches(Batches):
    """Batches with ``input_ids attention_mask [b, E]`` and ``labels weights [b, S]``; labels are -100 for none.

    Pairs are planned by one length: that of the source, or that of the target in the source's measure where it is
    longer. Each bucket has one shape, which holds all of its pairs and those of shorter buckets (what is left of a
    bucket moves up).
    """

    def __init__(
        self,
        sources: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
        make_plan: MakePlan,
        pad_id: int,
        *,
        limits: tuple[int | None, int | None] = (None, None),
        process_index: int = 0,
        process_count: int = 1,
    ) -> None:
        """``make_plan`` plans the joint lengths; ``limits`` are the longest source and target that padding may make."""
        lengths = [np.asarray([len(ids) for ids in side]) for side in (sources, targets)]
        self.plan = make_plan(joint_lengths(*lengths))
        super().__init__(
            self.plan, sources, pad_id, lambda *_: {}, process_index=process_index, process_count=process_count
        )
        self.targets = targets
        self._shapes = {
            bucket: tuple(
                _longest(side[self.plan.lengths <= bucket], limit) for side, limit in zip(lengths, limits, strict=True)
            )
            for bucket in self.plan.buckets
        }

    def pair(self, row: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The source's and the target's tokens of a row at a step."""
        del step
        return self.ids[row], self.targets[row]

    def __getitem__(self, step: int) -> HostBatch:
        """The batch at ``step``, counted from 0 over all epochs, this process's rows only."""
        planned = self.plan[step]
        rows = planned.rows[self._mine]
        pairs = [self.pair(int(row), step) if row >= 0 else None for row in rows]
        longest_source, longest_target = self._shapes[planned.length]
        input_ids, mask = pad_rows([pair and pair[0] for pair in pairs], longest_source, self._pad)
        labels, _ = pad_rows([pair and pair[1] for pair in pairs], longest_target, NO_LABEL)
        return {
            "input_ids": input_ids,
            "attention_mask": mask,
            "row_index": rows.astype(np.int32),
            "labels": labels,
            "weights": (labels != NO_LABEL).astype(np.float32),
        }


def joint_lengths(sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """One length a pair, in the source's measure: a target counts by the mean ratio of the two."""
    ratio = sources.sum() / max(targets.sum(), 1)
    return np.maximum(sources, np.ceil(targets * ratio).astype(int))


def _longest(lengths: np.ndarray, limit: int | None) -> int:
    longest = int(round_lengths(lengths).max(initial=1))
    return longest if limit is None else min(longest, limit)
