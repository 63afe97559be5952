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
      last_hidden_state: ``[B, S, H]``, of the backbone (of the decoder, where there is an encoder too), after the final
        norm.
      hidden_states: embeddings first, then each layer: layers + 1 arrays ``[B, S, H]``; where a final norm follows the
        last layer, the last array comes after it. Of the decoder, where there is an encoder too.
      pooler_output: ``[B, H]``.
      encoder_last_hidden_state: ``[B, S, H]``, of the encoder of an encoder-decoder.
      encoder_hidden_states: as ``hidden_states``, of the encoder of an encoder-decoder.
    """

    logits: jax.Array | None = None
    last_hidden_state: jax.Array | None = None
    hidden_states: tuple[jax.Array, ...] | None = None
    pooler_output: jax.Array | None = None
    encoder_last_hidden_state: jax.Array | None = None
    encoder_hidden_states: tuple[jax.Array, ...] | None = None
