"""One label a text: cross-entropy over classes, accuracy and F1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from amharic_tl.config.figures import lower_is_better
from amharic_tl.evaluation.pooling import pool_scores
from amharic_tl.evaluation.score import classification_metrics
from amharic_tl.tasks.base import Batch


def balanced_class_weights(counts: Sequence[int]) -> np.ndarray:
    """Weights n / (classes x count of the class), float32 ``[C]`` (King & Zeng 2001; scikit-learn's ``balanced``).

    A class without rows gets weight 0: it cannot occur in the loss.
    """
    array = np.asarray(counts, np.float64)
    weights = np.divide(array.sum(), len(array) * array, out=np.zeros_like(array), where=array > 0)
    return weights.astype(np.float32)


def class_losses(logits: jax.Array, labels: jax.Array, label_smoothing: float = 0.0) -> jax.Array:
    """Cross-entropy of classes, float32, with label smoothing as Szegedy et al. 2016, section 7.

    Args:
      logits: ``[..., C]``.
      labels: int ``[...]``; below 0 where none is known, and the loss there means nothing.
      label_smoothing: share of the target that is spread over all classes.
    """
    log_probs = jax.nn.log_softmax(logits.astype(jnp.float32), axis=-1)
    picked = jnp.take_along_axis(log_probs, jnp.maximum(labels, 0)[..., None], axis=-1)[..., 0]
    return -((1.0 - label_smoothing) * picked + label_smoothing * log_probs.mean(axis=-1))


def class_divergences(logits: jax.Array, others: jax.Array) -> jax.Array:
    """KL(P || Q) of the distributions of two logits ``[..., C]``, nats, float32 ``[...]``."""
    log_p, log_q = (jax.nn.log_softmax(of.astype(jnp.float32), axis=-1) for of in (logits, others))
    return jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=-1)


class SequenceTask:
    """What every problem of sequence classification has: one output row a text, ``weights [B]`` 0 for filler rows."""

    kind = "sequence-classification"

    def model_inputs(self, batch: Batch) -> dict[str, jax.Array]:
        """Token ids and mask ``[B, S]``."""
        return {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}

    def lower_is_better(self, metric: str) -> bool:
        """For losses and errors."""
        return lower_is_better(metric)

    def shares(self, batch: Batch) -> jax.Array:
        """``[B]``: what each loss counts for, beside its weight: 1, or for a window its share in its text's loss.

        It is no part of the weights that losses are divided by: these would make up for the small shares of a text
        with many windows in the very batches that hold them.
        """
        return batch["shares"] if "shares" in batch else jnp.ones_like(batch["weights"])

    def pool(self, gathered: Mapping[str, np.ndarray], source: np.ndarray) -> dict[str, np.ndarray]:
        """The results of texts from those of their windows: scores are averaged.

        Args:
          gathered: of windows, in order, without filler.
          source: int ``[windows]``, ascending: the text of each.
        """
        return pool_scores(gathered, source, ("probabilities", "predictions"))


class SequenceClassification(SequenceTask):
    """Single-label classification. Batches hold ``labels [B]`` and ``weights [B]``."""

    def __init__(
        self, label_names: Sequence[str], class_weights: np.ndarray | None = None, label_smoothing: float = 0.0
    ) -> None:
        self.label_names = list(label_names)
        self.class_weights = None if class_weights is None else np.asarray(class_weights, np.float32)
        self.label_smoothing = label_smoothing

    def loss_weights(self, batch: Batch) -> jax.Array:
        """``[B]``: the row's weight times its class's weight."""
        weights = batch["weights"].astype(jnp.float32)
        if self.class_weights is None:
            return weights
        return weights * jnp.asarray(self.class_weights)[jnp.maximum(batch["labels"], 0)]

    def loss(self, outputs: Any, batch: Batch) -> jax.Array:
        """Cross-entropy, summed with :meth:`loss_weights`."""
        losses_B = class_losses(outputs.logits, batch["labels"], self.label_smoothing)
        return jnp.sum(losses_B * self.loss_weights(batch) * self.shares(batch))

    def divergence(self, outputs: Any, others: Any, batch: Batch) -> jax.Array:
        """See :class:`~amharic_tl.tasks.base.Distributional`."""
        divergences_B = class_divergences(outputs.logits, others.logits)
        return jnp.sum(divergences_B * self.loss_weights(batch) * self.shares(batch))

    def evaluate(self, outputs: Any, batch: Batch) -> dict[str, jax.Array]:
        """Probabilities ``[B, C]``, plain cross-entropy ``[B]`` (unsmoothed, unweighted), labels, weights, rows."""
        logits_BC = outputs.logits.astype(jnp.float32)
        log_probs_BC = jax.nn.log_softmax(logits_BC, axis=-1)
        labels_B = batch["labels"]
        losses_B = -jnp.take_along_axis(log_probs_BC, jnp.maximum(labels_B, 0)[:, None], axis=-1)[:, 0]
        return {
            "probabilities": jnp.exp(log_probs_BC),
            "losses": losses_B,
            "labels": labels_B,
            "weights": batch["weights"],
            "row_index": batch["row_index"],
        }

    def pool(self, gathered: Mapping[str, np.ndarray], source: np.ndarray) -> dict[str, np.ndarray]:
        """Mean probabilities of each text's windows, and their cross-entropy."""
        pooled = super().pool(gathered, source)
        labels = np.maximum(pooled["labels"], 0)[:, None]
        picked = np.take_along_axis(pooled["probabilities"], labels, axis=1)[:, 0]
        return {**pooled, "losses": -np.log(np.maximum(picked, np.finfo(np.float32).tiny))}

    def score(self, gathered: Mapping[str, np.ndarray]) -> dict[str, float]:
        """``loss`` (over rows whose label the model knows), ``accuracy macro_f1 weighted_f1 f1/<label>`` (all rows)."""
        real = gathered["weights"] > 0
        labels = gathered["labels"][real]
        known = labels >= 0
        losses = gathered["losses"][real][known].astype(np.float64)
        predicted = gathered["probabilities"][real].argmax(axis=-1)
        metrics = {"loss": float(losses.mean()) if len(losses) else float("nan")}
        return metrics | classification_metrics(labels, predicted, self.label_names)
