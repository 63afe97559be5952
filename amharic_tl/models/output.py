"""What a model returns."""

from __future__ import annotations

import dataclasses

import jax


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class ModelOutput:
    """The outputs of a call; what was not asked for, or what the model does not have, is None. All are float32.

    Attributes:
      logits: of the task's head. ``[B, C]`` (sequence classification), ``[B, S, V]`` or, with ``masked_positions``,
        ``[B, M, V]``.
      last_hidden_state: ``[B, S, H]``, of the backbone.
      hidden_states: embeddings first, then each layer: layers + 1 arrays ``[B, S, H]``.
      pooler_output: ``[B, H]``.
    """

    logits: jax.Array | None = None
    last_hidden_state: jax.Array | None = None
    hidden_states: tuple[jax.Array, ...] | None = None
    pooler_output: jax.Array | None = None
