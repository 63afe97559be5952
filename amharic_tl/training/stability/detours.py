"""Which batches of the plan a run leaves out, and which batch a step therefore sees."""

from __future__ import annotations

from collections.abc import Iterable

from amharic_tl.data.batches import BatchSource, HostBatch

Stretch = tuple[int, int]


def merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Stretches of positions, first and last included, in order; those that touch or overlap are one."""
    joined: list[Stretch] = []
    for first, last in sorted(stretches):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    return joined


def position(step: int, left_out: Iterable[Stretch]) -> int:
    """The place in the plan of the batch that the update ``step`` (from 0) sees, past what is left out."""
    place = step
    for first, last in merged(left_out):
        if place < first:
            break
        place += last - first + 1
    return place


class Detoured(BatchSource):
    """The batches of a source without some stretches of them."""

    def __init__(self, source: BatchSource, left_out: Iterable[Stretch]) -> None:
        self._source, self._left_out = source, merged(left_out)

    def __len__(self) -> int:
        """Batches in an epoch of the source."""
        return len(self._source)

    def __getitem__(self, step: int) -> HostBatch:
        """The batch that update ``step`` sees."""
        return self._source[position(step, self._left_out)]
