"""What a task is: pure functions of the model's outputs and a batch, and host-side scores of what they gathered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import jax
import numpy as np

Batch = Mapping[str, jax.Array]


class Task(Protocol):
    """An objective. The step divides the summed loss by the summed weights of the whole update."""

    kind: str

    def model_inputs(self, batch: Batch) -> dict[str, jax.Array]:
        """The keyword arguments of the model's call, ``input_ids`` among them."""
        ...

    def loss_weights(self, batch: Batch) -> jax.Array:
        """The weight of each scored item, float32; filler items weigh 0."""
        ...

    def loss(self, outputs: Any, batch: Batch) -> jax.Array:
        """The weighted sum of the items' losses, a float32 scalar."""
        ...

    def evaluate(self, outputs: Any, batch: Batch) -> dict[str, jax.Array]:
        """What scoring needs of a batch, computed on the device: arrays with the batch's rows first."""
        ...

    def score(self, gathered: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Metrics of a whole split from the concatenated results of :meth:`evaluate`, filler rows left out."""
        ...

    def lower_is_better(self, metric: str) -> bool:
        """Whether a smaller value of ``metric`` is the better one."""
        ...


def lower_is_better(metric: str) -> bool:
    """Losses and code lengths fall as a model improves; every other metric rises."""
    return metric in ("loss", "bits_per_character", "perplexity")
