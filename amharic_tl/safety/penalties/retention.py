"""Retention: what the base model predicts of benign sentences about groups, or of the training rows, is to stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from amharic_tl.data.batches import Batches, BatchPlan, BatchSource, HostBatch, classification_fields
from amharic_tl.data.long_text import KEEP
from amharic_tl.data.rows import Row, Source
from amharic_tl.data.splits import Splits
from amharic_tl.data.tokenizer import encode
from amharic_tl.errors import BadInputError
from amharic_tl.safety.penalties.given import Given, Penalty
from amharic_tl.safety.penalties.penalty_families import penalty_panels
from amharic_tl.tasks.base import Batch, Distributional
from amharic_tl.tasks.prepared import process_share
from amharic_tl.tasks.registry import prepare
from amharic_tl.transfer.regularizers import BaseKL

LEAF = "safety.penalties.retention"
ROWS = "benign_row_"


class BenignBatches(BatchSource):
    """Batches of benign sentences as the task makes its own, each array's name behind ``benign_row_``."""

    def __init__(self, batches: BatchSource) -> None:
        self._batches = batches

    def __len__(self) -> int:
        """Batches in an epoch of the sentences."""
        return len(self._batches)

    def __getitem__(self, step: int) -> HostBatch:
        """Those of a step; filler weighs 0."""
        return {f"{ROWS}{name}": array for name, array in self._batches[step].items()}


def benign_rows(batch: Batch) -> Batch:
    """The benign sentences of a batch, as a batch of the task."""
    return {name.removeprefix(ROWS): array for name, array in batch.items() if name.startswith(ROWS)}


def build(given: Given) -> Penalty:
    """``base_kl`` on what ``config.safety.penalties.retention.on`` names.

    Raises:
      ConfigError: devices and microbatches cannot share the sentences evenly.
      BadInputError: the pack has no benign sentence that may be used.
    """
    task, settings = given.prepared.task, given.config.safety.penalties.retention
    assert isinstance(task, Distributional)
    if settings.on == "rows":
        return Penalty(BaseKL(settings.weight, task, "retention"), passes=1)
    given.check_divides(f"{LEAF}.rows", settings.rows, "rows")
    texts = [
        one.text
        for panel in penalty_panels(given, LEAF)
        for family in panel.families
        for one in panel.filled(family)
        if one.role == "benign"
    ]
    if not texts:
        raise BadInputError(
            f"config.{LEAF}: the culture pack's families of the split penalty have no benign sentence on "
            f"{', '.join(given.operator.axes)}; set {LEAF}.on=rows"
        )
    batches = BenignBatches(_batches(given, texts))
    term = BaseKL(settings.weight, task, "retention", benign_rows)
    return Penalty(term, batches, {"retention": {"sentences": len(texts)}}, passes=2)


def _batches(given: Given, texts: Sequence[str]) -> BatchSource:
    """The sentences as the task makes batches of texts."""
    config, tokenizer, rows = given.config, given.tokenizer, given.config.safety.penalties.retention.rows
    if config.task.kind == "sequence-classification":
        keep, length = KEEP[config.data.long_text], config.data.max_length
        ids = encode(tokenizer, texts, length, keep=keep).ids
        plan = BatchPlan(np.asarray([len(of) for of in ids]), rows, config.train.seed, length, max_buckets=1)
        unlabelled = classification_fields(np.full(len(ids), -1))
        return Batches(plan, ids, tokenizer.pad_token_id, unlabelled, **process_share())
    source = Source(
        "benign sentences", [Row(f"benign/{place}", text, None, "", 0) for place, text in enumerate(texts)], [], ""
    )
    train = replace(config.train, batch_size=rows, microbatch=None)
    return prepare(replace(config, train=train), Splits(source, source, None, []), tokenizer).train
