"""A tag for each word: cross-entropy at the words' first pieces, strict scores of entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from amharic_tl.config.figures import lower_is_better
from amharic_tl.data.tags import OUTSIDE, entity_types
from amharic_tl.evaluation.entities import entity_metrics
from amharic_tl.evaluation.pooling import pool_words
from amharic_tl.tasks.base import Batch
from amharic_tl.tasks.sequence_classification import class_divergences, class_losses


class TokenClassification:
    """Batches hold ``starts [B, W]``, where each word's first piece stands (-1: it has none), ``labels [B, W]``, its
    class (-1 beyond the sentence; at least C for a tag that train does not have), and ``weights [B]``.
    """

    kind = "token-classification"

    def __init__(
        self,
        label_names: Sequence[str],
        unknown: Sequence[str] = (),
        class_weights: np.ndarray | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        """``label_names``: the classes, ``O`` among them; ``unknown``: tags of other splits, numbered after them."""
        self.label_names = list(label_names)
        self.tags = [*label_names, *unknown]
        self.types = entity_types(label_names)
        self.outside = self.label_names.index(OUTSIDE)
        self.class_weights = None if class_weights is None else np.asarray(class_weights, np.float32)
        self.label_smoothing = label_smoothing

    def model_inputs(self, batch: Batch) -> dict[str, jax.Array]:
        """Token ids and mask ``[B, S]``."""
        return {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}

    def loss_weights(self, batch: Batch) -> jax.Array:
        """``[B, W]``: of each word that has a piece and a class, the row's weight times the class's."""
        labels_BW = batch["labels"]
        scored_BW = (batch["starts"] >= 0) & (labels_BW >= 0) & (labels_BW < len(self.label_names))
        weights_BW = scored_BW * batch["weights"].astype(jnp.float32)[:, None]
        if self.class_weights is None:
            return weights_BW
        return weights_BW * jnp.asarray(self.class_weights)[self._classes(batch)]

    def _classes(self, batch: Batch) -> jax.Array:
        return jnp.clip(batch["labels"], 0, len(self.label_names) - 1)

    def _logits(self, outputs: Any, batch: Batch) -> jax.Array:
        """``[B, W, C]``, of the words' first pieces."""
        return jnp.take_along_axis(outputs.logits, jnp.maximum(batch["starts"], 0)[..., None], axis=1)

    def loss(self, outputs: Any, batch: Batch) -> jax.Array:
        """Cross-entropy, summed with :meth:`loss_weights`."""
        losses_BW = class_losses(self._logits(outputs, batch), self._classes(batch), self.label_smoothing)
        return jnp.sum(losses_BW * self.loss_weights(batch))

    def divergence(self, outputs: Any, others: Any, batch: Batch) -> jax.Array:
        """See :class:`~amharic_tl.tasks.base.Distributional`."""
        divergences_BW = class_divergences(self._logits(outputs, batch), self._logits(others, batch))
        return jnp.sum(divergences_BW * self.loss_weights(batch))

    def evaluate(self, outputs: Any, batch: Batch) -> dict[str, jax.Array]:
        """By word ``[B, W]``: gold and predicted tags (-1 beyond the sentence; ``O`` for a word without a piece). By
        row ``[B]``: nats (unsmoothed, unweighted), scored words, weights, rows.
        """
        logits_BWC = self._logits(outputs, batch)
        predicted_BW = jnp.where(batch["starts"] >= 0, logits_BWC.argmax(axis=-1), self.outside)
        labels_BW = batch["labels"]
        scored_BW = (batch["starts"] >= 0) & (labels_BW >= 0) & (labels_BW < len(self.label_names))
        return {
            "gold": labels_BW,
            "predicted": jnp.where(labels_BW >= 0, predicted_BW, -1),
            "nats": jnp.sum(class_losses(logits_BWC, self._classes(batch)) * scored_BW, axis=-1),
            "words": jnp.sum(scored_BW, axis=-1),
            "weights": batch["weights"],
            "row_index": batch["row_index"],
        }

    def score(self, gathered: Mapping[str, np.ndarray]) -> dict[str, float]:
        """``loss`` (nats a word), ``entity_f1 entity_precision entity_recall accuracy f1/<type>``."""
        real = gathered["weights"] > 0
        words = max(float(gathered["words"][real].sum()), 1.0)
        gold, predicted = (self.tags_of(gathered[name][real]) for name in ("gold", "predicted"))
        loss = float(gathered["nats"][real].astype(np.float64).sum()) / words
        return {"loss": loss, **entity_metrics(gold, predicted, self.types)}

    def pool(self, gathered: Mapping[str, np.ndarray], source: np.ndarray) -> dict[str, np.ndarray]:
        """The results of sentences from those of their windows, each word of which stands in one of them."""
        return pool_words(gathered, source)

    def tags_of(self, numbers: np.ndarray) -> list[list[str]]:
        """The tags of each sentence from ``[rows, W]``, -1 beyond it."""
        return [[self.tags[number] for number in row if number >= 0] for row in numbers.tolist()]

    def lower_is_better(self, metric: str) -> bool:
        """Only for ``loss``."""
        return lower_is_better(metric)
