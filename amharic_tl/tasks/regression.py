"""A number a text: mean squared error, and how well the order and the differences are met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from amharic_tl.evaluation.regression import regression_metrics
from amharic_tl.tasks.base import Batch
from amharic_tl.tasks.sequence_classification import SequenceTask


class Regression(SequenceTask):
    """Batches hold ``labels [B]`` float32 and ``weights [B]``; the model has one output, in the units of the labels."""

    def loss_weights(self, batch: Batch) -> jax.Array:
        """``[B]``: the row's weight."""
        return batch["weights"].astype(jnp.float32)

    def loss(self, outputs: Any, batch: Batch) -> jax.Array:
        """Squared errors, summed."""
        error_B = _predicted(outputs) - batch["labels"]
        return jnp.sum(jnp.square(error_B) * self.loss_weights(batch) * self.shares(batch))

    def evaluate(self, outputs: Any, batch: Batch) -> dict[str, jax.Array]:
        """Predictions ``[B]``, labels, weights, rows."""
        return {
            "predictions": _predicted(outputs),
            "labels": batch["labels"],
            "weights": batch["weights"],
            "row_index": batch["row_index"],
        }

    def score(self, gathered: Mapping[str, np.ndarray]) -> dict[str, float]:
        """``loss`` (the mean squared error), ``mse mae pearson spearman``."""
        real = gathered["weights"] > 0
        metrics = regression_metrics(gathered["labels"][real], gathered["predictions"][real])
        return {"loss": metrics.get("mse", float("nan"))} | metrics


def _predicted(outputs: Any) -> jax.Array:
    return outputs.logits[:, 0].astype(jnp.float32)
