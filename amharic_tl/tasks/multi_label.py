"""A set of labels a text: binary cross-entropy of each label, F1 of what is more likely than not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from amharic_tl.evaluation.multi_label import multi_label_metrics
from amharic_tl.tasks.base import Batch
from amharic_tl.tasks.sequence_classification import SequenceTask, balanced_class_weights


def balanced_label_weights(flags: np.ndarray) -> np.ndarray:
    """Weights of absence and presence of each label, float32 ``[2, labels]``: each label balanced by itself.

    Args:
      flags: ``[rows, labels]``, 0 or 1.
    """
    present = flags.sum(axis=0).astype(int)
    pairs = [balanced_class_weights([len(flags) - count, count]) for count in present.tolist()]
    return np.stack(pairs, axis=1)


class MultiLabelClassification(SequenceTask):
    """Batches hold ``labels [B, L]`` float32 of 0 and 1 and ``weights [B]``.

    The loss is the mean over texts and labels, as in torch's ``BCEWithLogitsLoss``.
    """

    def __init__(
        self, label_names: Sequence[str], label_weights: np.ndarray | None = None, label_smoothing: float = 0.0
    ) -> None:
        self.label_names = list(label_names)
        self.label_weights = None if label_weights is None else np.asarray(label_weights, np.float32)
        self.label_smoothing = label_smoothing

    def loss_weights(self, batch: Batch) -> jax.Array:
        """``[B, L]``: the row's weight, times that of the label's presence or absence."""
        labels_BL = batch["labels"]
        weights_BL = jnp.broadcast_to(batch["weights"].astype(jnp.float32)[:, None], labels_BL.shape)
        if self.label_weights is None:
            return weights_BL
        absent_L, present_L = jnp.asarray(self.label_weights)
        return weights_BL * jnp.where(labels_BL > 0, present_L, absent_L)

    def loss(self, outputs: Any, batch: Batch) -> jax.Array:
        """Binary cross-entropy, summed with :meth:`loss_weights`; smoothing mixes each target with one half."""
        labels_BL = batch["labels"] * (1.0 - self.label_smoothing) + 0.5 * self.label_smoothing
        return jnp.sum(_losses(outputs.logits, labels_BL) * self.loss_weights(batch) * self.shares(batch)[:, None])

    def divergence(self, outputs: Any, others: Any, batch: Batch) -> jax.Array:
        """See :class:`~amharic_tl.tasks.base.Distributional`: each label is an item, present or absent."""
        p_BL, q_BL = outputs.logits.astype(jnp.float32), others.logits.astype(jnp.float32)
        # KL of two coins: cross-entropy less entropy, both from logits.
        divergences_BL = _losses(q_BL, jax.nn.sigmoid(p_BL)) - _losses(p_BL, jax.nn.sigmoid(p_BL))
        return jnp.sum(divergences_BL * self.loss_weights(batch) * self.shares(batch)[:, None])

    def evaluate(self, outputs: Any, batch: Batch) -> dict[str, jax.Array]:
        """Probabilities ``[B, L]``, plain cross-entropy ``[B]`` (mean over labels), labels, weights, rows."""
        return {
            "probabilities": jax.nn.sigmoid(outputs.logits.astype(jnp.float32)),
            "losses": _losses(outputs.logits, batch["labels"]).mean(axis=-1),
            "labels": batch["labels"],
            "weights": batch["weights"],
            "row_index": batch["row_index"],
        }

    def pool(self, gathered: Mapping[str, np.ndarray], source: np.ndarray) -> dict[str, np.ndarray]:
        """Mean probabilities of each text's windows, and their cross-entropy (mean over labels)."""
        pooled = super().pool(gathered, source)
        present = pooled["labels"] > 0
        picked = np.where(present, pooled["probabilities"], 1.0 - pooled["probabilities"])
        losses = -np.log(np.maximum(picked, np.finfo(np.float32).tiny)).mean(axis=-1)
        return {**pooled, "losses": losses}

    def score(self, gathered: Mapping[str, np.ndarray]) -> dict[str, float]:
        """``loss accuracy micro_f1 macro_f1 weighted_f1 f1/<label>``; accuracy: all labels of a text right."""
        real = gathered["weights"] > 0
        losses = gathered["losses"][real].astype(np.float64)
        metrics = multi_label_metrics(gathered["labels"][real], gathered["probabilities"][real], self.label_names)
        return {"loss": float(losses.mean()) if len(losses) else float("nan")} | metrics


def _losses(logits_BL: jax.Array, labels_BL: jax.Array) -> jax.Array:
    logits_BL = logits_BL.astype(jnp.float32)
    return jax.nn.softplus(logits_BL) - logits_BL * labels_BL
