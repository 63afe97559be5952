"""What a task is: pure functions of the model's outputs and a batch, and host-side scores of what they gathered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

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


class PoolingTask(Task, Protocol):
    """A task whose texts may be cut into windows."""

    def pool(self, gathered: Mapping[str, np.ndarray], source: np.ndarray) -> dict[str, np.ndarray]:
        """The results of texts, in order, from those of their windows; ``source [windows]``: the text of each."""
        ...


@runtime_checkable
class Distributional(Protocol):
    """A task whose outputs are distributions, which can be compared item by item."""

    def loss_weights(self, batch: Batch) -> jax.Array:
        """As of :class:`Task`."""
        ...

    def divergence(self, outputs: Any, others: Any, batch: Batch) -> jax.Array:
        """Kullback-Leibler divergence (nats) of what ``outputs`` predict for an item from what ``others`` do, float32.

        Summed over items with the weights that the loss has: KL(P || Q) with P of ``outputs`` and Q of ``others``. Both
        get gradients.
        """
        ...


@runtime_checkable
class PredictsTokens(Protocol):
    """A language model: a task whose outputs are predictions of tokens, place by place."""

    def predictions_at(self, outputs: Any, places: jax.Array) -> tuple[Callable[[jax.Array], jax.Array], jax.Array]:
        """What gives logits ``[B, K, V]`` of the second result ``[B, K, H]``: of ``places``, int ``[B, K]``.

        A place is one of the row; of a masked language model it is one of those that reach the head.
        """
        ...


@runtime_checkable
class RunsModel(Protocol):
    """A task that runs the model its own way; :func:`forward` calls it."""

    def forward(self, model: Any, batch: Batch, dropout_key: jax.Array | None = None) -> Any:
        """What the task's ``loss`` and ``evaluate`` take as outputs."""
        ...


def forward(task: Task, model: Any, batch: Batch, dropout_key: jax.Array | None = None) -> Any:
    """The outputs that a task judges: the model's, unless the task runs it its own way."""
    if isinstance(task, RunsModel):
        return task.forward(model, batch, dropout_key)
    return model(**task.model_inputs(batch), dropout_key=dropout_key)
