"""The loops of generation under ``jit``: token by token with a cache of fixed length, greedy or sampled.

A model takes part by ``empty_cache`` and ``decode`` (and ``encode`` and ``cross_cache`` where it has an encoder).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from amharic_tl.models.sampling import Controls, Input, Strategy, adjust_scores, choose_tokens, ends, mark_seen


@jax.tree_util.register_dataclass
@dataclass
class Prompt:
    """What generation starts from.

    Attributes:
      ids_BP: int32, what the decoder is given, padded on the left.
      mask_BP: int32, 0 for padding.
      encoder_ids_BS: int32, what the encoder is given; None without an encoder.
      encoder_mask_BS: int32, 0 for padding.
      seen_BV: bool, the tokens the decoder's prompt holds; None where there is no repetition penalty.
      seed: uint32, of drawn tokens.
    """

    ids_BP: Input
    mask_BP: Input
    encoder_ids_BS: Input
    encoder_mask_BS: Input
    seen_BV: Input
    seed: Input


@jax.tree_util.register_dataclass
@dataclass
class Context:
    """What stays the same while tokens are generated.

    Attributes:
      key_mask_BT: int32, the slots of the cache that hold no padding.
      positions_BT: int32, of the token in each slot; they count from the first that is no padding.
      cross: what ``decode`` is given of an encoder.
      key: of drawn tokens.
    """

    key_mask_BT: jax.Array
    positions_BT: jax.Array
    key: jax.Array
    cross: dict[str, Any] = field(default_factory=dict)


@jax.tree_util.register_dataclass
@dataclass
class Progress:
    """What changes from token to token.

    Attributes:
      step: int32, how many tokens were generated.
      last_B: int32, the newest token of each row, which the cache does not hold yet.
      cache: of the tokens before.
      ended_B: bool.
      seen_BV: bool, tokens each row holds; None where there is no repetition penalty.
    """

    step: jax.Array
    last_B: jax.Array
    cache: Any
    ended_B: jax.Array
    seen_BV: jax.Array | None


def start(model: Any, prompt: Prompt, strategy: Strategy) -> tuple[Context, Progress]:
    """Encodes, and fills the cache with all of the prompt but its last token, which the first step begins with."""
    batch, length = prompt.ids_BP.shape
    cross = {}
    if prompt.encoder_ids_BS is not None:
        hidden_BSH = model.encode(prompt.encoder_ids_BS, prompt.encoder_mask_BS)
        cross = {"cross": model.cross_cache(hidden_BSH), "encoder_mask_BS": prompt.encoder_mask_BS}
    # The last generated token is never fed back: it needs no slot.
    generated_BN = jnp.ones((batch, strategy.new_tokens - 1), jnp.int32)
    key_mask_BT = jnp.concatenate([prompt.mask_BP, generated_BN], axis=1)
    positions_BT = jnp.maximum(jnp.cumsum(key_mask_BT, axis=1) - 1, 0)
    context = Context(key_mask_BT, positions_BT, jax.random.key(prompt.seed), cross)
    cache = model.empty_cache(batch, key_mask_BT.shape[1], jnp.dtype(model.compute_dtype))
    if length > 1:
        # The logits are not used, so that the compiler leaves their wide product out.
        _, cache = model.decode(
            prompt.ids_BP[:, :-1],
            cache,
            start=jnp.int32(0),
            key_mask_BT=key_mask_BT,
            positions_BS=positions_BT[:, : length - 1],
            **cross,
        )
    return context, Progress(jnp.int32(0), prompt.ids_BP[:, -1], cache, jnp.zeros(batch, bool), prompt.seen_BV)


def next_logits(
    model: Any, context: Context, cache: Any, last_B: jax.Array, step: jax.Array, strategy: Strategy
) -> tuple[jax.Array, Any]:
    """float32 logits ``[B, V]`` of the token after ``last_B``, and the cache with ``last_B`` in it."""
    slot = step + context.key_mask_BT.shape[1] - strategy.new_tokens
    logits_B1V, cache = model.decode(
        last_B[:, None],
        cache,
        start=slot,
        key_mask_BT=context.key_mask_BT,
        positions_BS=jax.lax.dynamic_slice_in_dim(context.positions_BT, slot, 1, axis=1),
        **context.cross,
    )
    return logits_B1V[:, 0], cache


def advance(model: Any, context: Context, progress: Progress, strategy: Strategy, controls: Controls) -> Progress:
    """One more token in every row: the padding token in rows that have ended."""
    logits_BV, cache = next_logits(model, context, progress.cache, progress.last_B, progress.step, strategy)
    scores_BV = adjust_scores(logits_BV, progress.seen_BV, progress.step, strategy, controls)
    key = jax.random.fold_in(context.key, progress.step)
    chosen_B = choose_tokens(scores_BV, key, strategy, controls)
    chosen_B = jnp.where(progress.ended_B, controls.pad, chosen_B)
    return Progress(
        progress.step + 1,
        chosen_B,
        cache,
        progress.ended_B | ends(chosen_B, controls),
        mark_seen(progress.seen_BV, chosen_B),
    )


@partial(jax.jit, static_argnames=("graphdef", "strategy"))
def run_to_the_end(
    graphdef: Any, parameters: Any, prompt: Prompt, strategy: Strategy, controls: Controls
) -> tuple[jax.Array, jax.Array]:
    """Generates until every row has ended.

    Returns:
      int32 ``[B, N]``, the new tokens, padding after the end of a row; and how many columns were reached.
    """
    model = nnx.merge(graphdef, parameters, copy=True)
    context, progress = start(model, prompt, strategy)
    tokens_BN = jnp.full((len(prompt.ids_BP), strategy.new_tokens), controls.pad, jnp.int32)

    def unfinished(carry: tuple[Progress, jax.Array]) -> jax.Array:
        return (carry[0].step < strategy.new_tokens) & ~carry[0].ended_B.all()

    def step(carry: tuple[Progress, jax.Array]) -> tuple[Progress, jax.Array]:
        progress, tokens_BN = carry
        new = advance(model, context, progress, strategy, controls)
        return new, jax.lax.dynamic_update_index_in_dim(tokens_BN, new.last_B, progress.step, axis=1)

    progress, tokens_BN = jax.lax.while_loop(unfinished, step, (progress, tokens_BN))
    return tokens_BN, progress.step


@partial(jax.jit, static_argnames=("graphdef", "strategy"))
def run_start(graphdef: Any, parameters: Any, prompt: Prompt, strategy: Strategy) -> tuple[Context, Progress]:
    """:func:`start` by itself, for token after token."""
    return start(nnx.merge(graphdef, parameters, copy=True), prompt, strategy)


@partial(jax.jit, static_argnames=("graphdef", "strategy"), donate_argnames=("progress",))
def run_step(
    graphdef: Any, parameters: Any, context: Context, progress: Progress, strategy: Strategy, controls: Controls
) -> tuple[Progress, jax.Array, jax.Array]:
    """:func:`advance` by itself: the progress, the new tokens ``[B]`` and which rows have ended, ``[B]``."""
    new = advance(nnx.merge(graphdef, parameters, copy=True), context, progress, strategy, controls)
    # Copies: the next step takes the progress itself.
    return new, new.last_B.copy(), new.ended_B.copy()
