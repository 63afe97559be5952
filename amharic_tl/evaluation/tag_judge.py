"""What is said of a split of tagged sentences beyond the task's metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from amharic_tl.data.rows import Row
from amharic_tl.data.splits import Splits
from amharic_tl.evaluation.baselines import Subsets
from amharic_tl.evaluation.entities import entity_baselines, entity_summary
from amharic_tl.evaluation.judges import Gathered


class TagJudge:
    """Of tags, one a token.

    Args:
      tags_of: gives the tags of each sentence from their numbers ``[rows, W]``.
      types: of entities.
    """

    def __init__(self, tags_of: Callable[[np.ndarray], list[list[str]]], types: Sequence[str]) -> None:
        self.tags_of, self.types = tags_of, types

    def summary(self, gathered: Gathered) -> dict[str, Any]:
        """With precision and recall by type."""
        return entity_summary(self.tags_of(gathered["gold"]), self.tags_of(gathered["predicted"]), self.types)

    def predictions(self, rows: Sequence[Row], gathered: Gathered) -> list[dict[str, Any]]:
        """``id tags predicted``, the last two a tag for each token."""
        return [
            {"id": row.id, "tags": list(row.labels), "predicted": predicted}
            for row, predicted in zip(rows, self.tags_of(gathered["predicted"]), strict=True)
        ]

    def baselines(self, splits: Splits, subsets: Subsets) -> dict[str, Any]:
        """The most frequent tag, and each word's most frequent tag."""
        named = splits.items()
        return entity_baselines(
            {name: [row.tokens for row in source.rows] for name, source in named},
            {name: [row.labels for row in source.rows] for name, source in named},
            subsets,
        )
