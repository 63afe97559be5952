"""What a penalty is built from, and what building it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jax.sharding import Mesh

from amharic_tl.config import Config
from amharic_tl.data.batches import BatchSource
from amharic_tl.data.splits import Splits
from amharic_tl.distributed.mesh import batch_shards
from amharic_tl.errors import ConfigError
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.tasks.prepared import Prepared
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
      passes: forward passes that it adds to those of the task in every part of an update.
    """

    term: Term
    batches: BatchSource | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    passes: int = 0
