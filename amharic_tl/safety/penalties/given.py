"""What a penalty is built from, and what building it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jax.sharding import Mesh

from amharic_tl.config import Config
from amharic_tl.data.batches import Batches, BatchSource
from amharic_tl.data.splits import Splits
from amharic_tl.distributed.mesh import batch_shards
from amharic_tl.errors import ConfigError
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.penalties.group_rows import GroupBatches, Groups
from amharic_tl.safety.penalties.group_sides import Labels
from amharic_tl.tasks.prepared import Prepared, process_share
from amharic_tl.tasks.terms import Term


@dataclass(frozen=True)
class Given:
    """A run as far as it is put together when its penalties are built."""

    config: Config
    operator: SwapOperator
    splits: Splits
    prepared: Prepared
    tokenizer: Any
    mesh: Mesh

    @cached_property
    def group_batches(self) -> GroupBatches:
        """The groups that the training rows name: read once, for all penalties on groups.

        Raises:
          BadInputError: no row names one.
        """
        positive = self.config.safety.positive_labels or ()
        groups = Groups.of(self.splits.train.rows, self.operator, positive)
        assert isinstance(self.prepared.train, Batches), "texts are not cut into windows where groups are watched"
        return GroupBatches(self.prepared.train.plan, groups, **process_share())

    @property
    def group_axes(self) -> tuple[tuple[str, ...], tuple[bool, ...]]:
        """The axis of each group, and of each class whether it is harm: how a penalty on groups begins."""
        positive = self.config.safety.positive_labels or ()
        return self.group_batches.groups.axes, tuple(label in positive for label in self.splits.labels)

    def group_penalty(self, term: Term, labels: Sequence[Labels], alone: bool = False) -> Penalty:
        """A penalty on groups with what it sees of the batches, and how often these hold the groups.

        Args:
          term: of the penalty.
          labels: of the rows that it compares.
          alone: it looks at each group by itself.

        Raises:
          BadInputError: no update holds what it compares.
        """
        presence = self.group_batches.presence(labels, alone)
        notes = presence.check(term.name, self.config.train.batch_size)
        return Penalty(term, self.group_batches, {term.name: presence.about()}, notes)

    def check_divides(self, leaf: str, count: int, what: str) -> None:
        """Refuses items of an update that devices and microbatches cannot share evenly.

        Args:
          leaf: of the config, that sets the count.
          count: items an update, over the whole mesh.
          what: what they are, in the plural.

        Raises:
          ConfigError: see above.
        """
        train = self.config.train
        parts = train.batch_size // (train.microbatch or train.batch_size)
        unit = parts * batch_shards(self.mesh)
        if count % unit:
            raise ConfigError(
                f"config.{leaf}: {count} {what} cannot be split over {batch_shards(self.mesh)} "
                f"devices (mesh data x fsdp) and {parts} microbatches; choose a multiple of {unit}"
            )


@dataclass(frozen=True)
class Penalty:
    """A penalty that is on.

    Attributes:
      term: what is added to the loss.
      batches: the arrays that it needs beside the training rows, at the same step; None: the rows are enough.
      about: what watched.json says of it, such as how many rows could not be exchanged.
      notes: sentences for the user.
      passes: forward passes that it adds to those of the task in every part of an update.
    """

    term: Term
    batches: BatchSource | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    passes: int = 0
