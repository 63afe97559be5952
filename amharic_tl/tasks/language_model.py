"""What causal and sequence-to-sequence language models share: tokens predicted one after the other."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from amharic_tl.config.figures import lower_is_better
from amharic_tl.tasks.base import Batch
from amharic_tl.tasks.chunked_loss import chunked_loss
from amharic_tl.tasks.token_losses import Headed, token_divergences, token_losses


@dataclass(frozen=True)
class HiddenOutputs:
    """Hidden states ``[B, S, H]`` and what turns a stretch of them into float32 logits."""

    hidden_BSH: jax.Array
    logits_of: Callable[[jax.Array], jax.Array]


class LanguageModel(ABC):
    """Batches hold ``labels [B, S]``, the token to predict at each place, and ``weights [B, S]``, 0 for none.

    The model's own logits are left unused, so that a compiler drops them; the loss takes the hidden states and applies
    the head chunk by chunk.
    """

    kind: str

    def __init__(self, characters_V: np.ndarray) -> None:
        self.characters_V = np.asarray(characters_V, np.float32)

    @abstractmethod
    def model_inputs(self, batch: Batch) -> dict[str, jax.Array]:
        """The keyword arguments of the model's call."""

    def forward(self, model: Any, batch: Batch, dropout_key: jax.Array | None = None) -> HiddenOutputs:
        """Runs the model up to its head."""
        outputs = model(**self.model_inputs(batch), dropout_key=dropout_key)
        return HiddenOutputs(outputs.last_hidden_state, model.token_logits)

    def loss_weights(self, batch: Batch) -> jax.Array:
        """``[B, S]``: 1 for a token to predict, otherwise 0."""
        return batch["weights"].astype(jnp.float32)

    def loss(self, outputs: HiddenOutputs, batch: Batch) -> jax.Array:
        """Cross-entropy of the tokens, summed (nats)."""
        labels_BS = jnp.maximum(batch["labels"], 0)
        return chunked_loss(outputs.logits_of, outputs.hidden_BSH, labels_BS, self.loss_weights(batch))

    def divergence(self, outputs: HiddenOutputs, others: HiddenOutputs, batch: Batch) -> jax.Array:
        """See :class:`~amharic_tl.tasks.base.Distributional`: an item is a token to predict."""
        of_both = ((of.logits_of, of.hidden_BSH) for of in (outputs, others))
        return jnp.sum(token_divergences(*of_both) * self.loss_weights(batch))

    def predictions_at(self, outputs: HiddenOutputs, places: jax.Array) -> Headed:
        """See :class:`~amharic_tl.tasks.base.PredictsTokens`."""
        return outputs.logits_of, jnp.take_along_axis(outputs.hidden_BSH, places[..., None], axis=1)

    def evaluate(self, outputs: HiddenOutputs, batch: Batch) -> dict[str, jax.Array]:
        """Sums by row ``[B]``: nats, tokens, those predicted right, characters."""
        labels_BS, weights_BS = jnp.maximum(batch["labels"], 0), self.loss_weights(batch)
        nats_BS, right_BS = token_losses(outputs.logits_of, outputs.hidden_BSH, labels_BS, ranked=True)
        return {
            "nats": jnp.sum(nats_BS * weights_BS, axis=-1),
            "tokens": jnp.sum(weights_BS, axis=-1),
            "right": jnp.sum(right_BS * weights_BS, axis=-1),
            "characters": jnp.sum(jnp.asarray(self.characters_V)[labels_BS] * weights_BS, axis=-1),
        }

    def score(self, gathered: Mapping[str, np.ndarray]) -> dict[str, float]:
        """``loss`` (nats a token), ``accuracy``, ``perplexity``, ``bits_per_character``."""
        metrics = token_metrics(gathered)
        with np.errstate(over="ignore"):
            return {**metrics, "perplexity": float(np.exp(metrics["loss"]))}

    def lower_is_better(self, metric: str) -> bool:
        """For all but ``accuracy`` and scores of translations."""
        return lower_is_better(metric)


def token_metrics(gathered: Mapping[str, np.ndarray]) -> dict[str, float]:
    """``loss`` (nats a token), ``accuracy``, ``bits_per_character``, from sums by row.

    Bits per character are those of all predicted tokens, the ends of texts among them, over the characters that these
    tokens write: a figure that models of different vocabularies share.
    """
    sums = {name: float(values.astype(np.float64).sum()) for name, values in gathered.items()}
    tokens = max(sums["tokens"], 1.0)
    return {
        "loss": sums["nats"] / tokens,
        "accuracy": sums["right"] / tokens,
        "bits_per_character": sums["nats"] / math.log(2) / max(sums["characters"], 1.0),
    }
