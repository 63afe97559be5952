"""What preparing a task gives, and what every preparation shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from amharic_tl.config import Config
from amharic_tl.data.batches import BatchPlan, BatchSource
from amharic_tl.data.mixture import Mixed, MixedPlan
from amharic_tl.data.splits import Splits
from amharic_tl.data.tokenizer import Encoded
from amharic_tl.evaluation.judges import Judge
from amharic_tl.evaluation.pooling import in_order
from amharic_tl.evaluation.translation import Translations
from amharic_tl.tasks.base import Task

# From the gathered results of windows, in order, to those of the rows that they were cut from.
Pool = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Prepared:
    """A task with the batches of each split. ``train`` varies by epoch; evaluation goes through the rows in order.

    Attributes:
      task: the objective.
      train: batches of the training rows.
      evaluation: batches of the other splits, by name.
      encoded: the tokens of each split's texts, for the audit.
      row_source: maps a batch's row number to the row of the split it comes from (windows of one text share it).
      judge: what is said of each row's prediction; None where a task has none.
      encoded_targets: the tokens of the texts to write, where there are any.
      generated: what is written and scored at an evaluation, by split.
      notes: sentences for the user about how the task is judged.
      windows: how many windows the texts of each split make, where long ones are cut into some.
      mixed: the sources that training batches are mixed of, where they are.
      pools: by split, what makes the gathered results of its windows those of its rows, in order.
    """

    task: Task
    train: BatchSource
    evaluation: dict[str, BatchSource]
    encoded: dict[str, Encoded]
    row_source: list[int]
    judge: Judge | None = None
    encoded_targets: dict[str, Encoded] = field(default_factory=dict)
    generated: Mapping[str, Translations] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    windows: Mapping[str, int] = field(default_factory=dict)
    pools: Mapping[str, Pool] = field(default_factory=dict)
    mixed: Mixed | None = None

    def of_rows(self, split: str, gathered: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """What was gathered over the batches of a split, by row where texts were cut into windows."""
        return self.pools[split](in_order(gathered)) if split in self.pools else gathered


# From a config, its splits and its tokenizer.
Preparation = Callable[[Config, Splits, Any], Prepared]


def process_share() -> dict[str, int]:
    """This process's part of every batch."""
    return {"process_index": jax.process_index(), "process_count": jax.process_count()}


def batch_plan(
    config: Config, lengths: np.ndarray, split: str, limit: int | None, mixed: Mixed | None = None
) -> BatchPlan:
    """The plan of a split: training rows in an order of each epoch, others as they stand.

    Args:
      config: of the run.
      lengths: of the rows, in tokens.
      split: train, validation or test.
      limit: what padding must not exceed.
      mixed: the sources of the training rows, where these are mixed.
    """
    train, buckets = config.train, config.data.buckets
    if split == "train" and mixed is not None:
        return MixedPlan(lengths, train.batch_size, train.seed, mixed, limit=limit, buckets=buckets)
    if split == "train":
        return BatchPlan(lengths, train.batch_size, train.seed, limit=limit, buckets=buckets)
    return BatchPlan(lengths, train.microbatch or train.batch_size, None, limit=limit)
