"""What is computed on the device: log-probabilities of tokens, and of classes. All float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

Batch = Mapping[str, jax.Array]


def _taken(logits_BSV: jax.Array, ids_BS: jax.Array) -> jax.Array:
    """Log-probability of each id: ``[B, S, V]`` and ``[B, S]`` to ``[B, S]``."""
    logits_BSV = logits_BSV.astype(jnp.float32)
    chosen_BS = jnp.take_along_axis(logits_BSV, ids_BS[..., None], axis=-1)[..., 0]
    return chosen_BS - jax.nn.logsumexp(logits_BSV, axis=-1)


def of_visible_tokens(model: Any, batch: Batch) -> jax.Array:
    """An encoder's log-probability ``[B, S]`` of each token that it sees (Kaneko & Bollegala 2022, equation 2)."""
    output = model(batch["input_ids"], attention_mask=batch["attention_mask"])
    return _taken(output.logits, batch["input_ids"])


def of_masked_tokens(model: Any, batch: Batch) -> jax.Array:
    """An encoder's log-probabilities ``[B, K]`` of ``targets [B, K]`` at the masked ``place [B, 1]``."""
    output = model(batch["input_ids"], attention_mask=batch["attention_mask"], masked_positions=batch["place"])
    log_probabilities_BV = jax.nn.log_softmax(output.logits[:, 0].astype(jnp.float32), axis=-1)
    return jnp.take_along_axis(log_probabilities_BV, batch["targets"], axis=-1)


def of_next_tokens(model: Any, batch: Batch) -> jax.Array:
    """A causal model's log-probability ``[B, S]`` of each token given those before it; 0 for the first."""
    ids_BS = batch["input_ids"]
    output = model(ids_BS, attention_mask=batch["attention_mask"])
    return jnp.pad(_taken(output.logits[:, :-1], ids_BS[:, 1:]), ((0, 0), (1, 0)))


def of_written_tokens(model: Any, batch: Batch) -> jax.Array:
    """An encoder-decoder's log-probability ``[B, S]`` of each of ``labels``, given its source and those before."""
    labels_BS = batch["labels"]
    output = model(
        batch["input_ids"],
        attention_mask=batch["attention_mask"],
        decoder_input_ids=model.decoder_inputs(labels_BS),
    )
    return _taken(output.logits, jnp.maximum(labels_BS, 0))


def of_classes(model: Any, batch: Batch) -> jax.Array:
    """A classifier's logits ``[B, C]``."""
    return model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits.astype(jnp.float32)
