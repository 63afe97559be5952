"""Beam search, scored and stopped as Hugging Face does it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from amharic_tl.models.decoding import Context, Prompt, next_logits, start
from amharic_tl.models.sampling import Controls, Strategy, adjust_scores, ends, mark_seen

# The score of a beam that does not exist (yet); finite, so that sums with it stay numbers.
NONE = -1e9


@jax.tree_util.register_dataclass
@dataclass
class Beams:
    """The state of a search with K beams for each of B rows.

    Attributes:
      step: int32, how many tokens were generated.
      running_BKN: int32, the tokens of the beams that go on.
      running_scores_BK: float32, their summed log-probabilities, best first.
      best_BKN: int32, the tokens of the best beams that have ended.
      best_scores_BK: float32, their scores (divided by a power of the length), best first.
      best_lengths_BK: int32, how many tokens they have; 0 where there is no such beam yet.
      open_B: bool, whether a running beam may still become better than the worst of the best.
      cache: of the running beams, as rows ``[B K]``.
      seen_RV: bool, tokens that each of these rows holds; None where there is no repetition penalty.
      last_R: int32, their newest tokens.
    """

    step: jax.Array
    running_BKN: jax.Array
    running_scores_BK: jax.Array
    best_BKN: jax.Array
    best_scores_BK: jax.Array
    best_lengths_BK: jax.Array
    open_B: jax.Array
    cache: Any
    seen_RV: jax.Array | None
    last_R: jax.Array


@partial(jax.jit, static_argnames=("graphdef", "strategy"))
def run_beam_search(
    graphdef: Any, parameters: Any, prompt: Prompt, strategy: Strategy, controls: Controls
) -> tuple[jax.Array, jax.Array]:
    """Searches for the best continuation of each row.

    Returns:
      int32 ``[B, N]``, the tokens of the best beam, padding after its end; and the length of the longest.
    """
    model = nnx.merge(graphdef, parameters, copy=True)
    context, beams = _begin(model, prompt, strategy, controls)

    def unfinished(beams: Beams) -> jax.Array:
        going = (beams.step < strategy.new_tokens) & beams.open_B.any()
        return going & ~(beams.best_lengths_BK > 0).all() if strategy.early_stopping is True else going

    def step(beams: Beams) -> Beams:
        return _extend(model, context, beams, strategy, controls)

    beams = jax.lax.while_loop(unfinished, step, beams)
    return beams.best_BKN[:, 0], beams.best_lengths_BK[:, 0].max()


def _begin(model: Any, prompt: Prompt, strategy: Strategy, controls: Controls) -> tuple[Context, Beams]:
    """K beams a row, all alike; only the first counts at the first step, or all would choose the same."""
    context, progress = start(model, prompt, strategy)
    count, batch = strategy.beams, len(prompt.ids_BP)
    context = replace(
        context,
        key_mask_BT=jnp.repeat(context.key_mask_BT, count, axis=0),
        positions_BT=jnp.repeat(context.positions_BT, count, axis=0),
    )
    if context.cross:
        context.cross = {
            "cross": jax.tree.map(lambda leaf: jnp.repeat(leaf, count, axis=1), context.cross["cross"]),
            "encoder_mask_BS": jnp.repeat(context.cross["encoder_mask_BS"], count, axis=0),
        }
    empty_BKN = jnp.full((batch, count, strategy.new_tokens), controls.pad, jnp.int32)
    return context, Beams(
        step=progress.step,
        running_BKN=empty_BKN,
        running_scores_BK=jnp.full((batch, count), NONE).at[:, 0].set(0.0),
        best_BKN=empty_BKN,
        best_scores_BK=jnp.full((batch, count), NONE),
        best_lengths_BK=jnp.zeros((batch, count), jnp.int32),
        open_B=jnp.ones(batch, bool),
        cache=jax.tree.map(lambda leaf: jnp.repeat(leaf, count, axis=1), progress.cache),
        seen_RV=None if progress.seen_BV is None else jnp.repeat(progress.seen_BV, count, axis=0),
        last_R=jnp.repeat(progress.last_B, count),
    )


def _extend(model: Any, context: Context, beams: Beams, strategy: Strategy, controls: Controls) -> Beams:
    """One more token: the best candidates among all continuations of a row's beams go on, or end."""
    batch, count = beams.running_scores_BK.shape
    logits_RV, cache = next_logits(model, context, beams.cache, beams.last_R, beams.step, strategy)
    scores_RV = adjust_scores(jax.nn.log_softmax(logits_RV), beams.seen_RV, beams.step, strategy, controls)
    vocabulary = scores_RV.shape[-1]
    scores_BK_V = scores_RV.reshape(batch, count, vocabulary) + beams.running_scores_BK[..., None]
    # So many candidates that K of them go on even if every beam meets every end token.
    ending = 0 if controls.end_E is None else len(controls.end_E)
    kept = min(max(2, 1 + ending) * count, count * vocabulary)
    scores_BC, flat_BC = jax.lax.top_k(scores_BK_V.reshape(batch, -1), kept)
    origins_BC, tokens_BC = flat_BC // vocabulary, (flat_BC % vocabulary).astype(jnp.int32)
    candidates_BCN = jnp.take_along_axis(beams.running_BKN, origins_BC[..., None], axis=1)
    candidates_BCN = jax.lax.dynamic_update_index_in_dim(candidates_BCN, tokens_BC, beams.step, axis=2)
    ended_BC = ends(tokens_BC, controls) | (beams.step == strategy.new_tokens - 1)

    running_scores_BK, picked_BK = jax.lax.top_k(jnp.where(ended_BC, scores_BC + NONE, scores_BC), count)
    origins_R = (jnp.take_along_axis(origins_BC, picked_BK, axis=1) + jnp.arange(batch)[:, None] * count).reshape(-1)
    last_R = jnp.take_along_axis(tokens_BC, picked_BK, axis=1).reshape(-1)
    seen_RV = None if beams.seen_RV is None else beams.seen_RV[origins_R]
    beams = _collect(beams, candidates_BCN, scores_BC, ended_BC, strategy, controls)
    return replace(
        beams,
        step=beams.step + 1,
        running_BKN=jnp.take_along_axis(candidates_BCN, picked_BK[..., None], axis=1),
        running_scores_BK=running_scores_BK,
        open_B=beams.open_B & _can_improve(beams, running_scores_BK, strategy, controls),
        cache=jax.tree.map(lambda leaf: jnp.take(leaf, origins_R, axis=1), cache),
        seen_RV=mark_seen(seen_RV, last_R),
        last_R=last_R,
    )


def _collect(
    beams: Beams,
    candidates_BCN: jax.Array,
    scores_BC: jax.Array,
    ended_BC: jax.Array,
    strategy: Strategy,
    controls: Controls,
) -> Beams:
    """The K best beams that have ended, with those of this step. Only the best K candidates may end, and only in rows
    that are still open; with ``early_stopping=True`` a row is full once K beams have ended.
    """
    count = beams.best_scores_BK.shape[1]
    length = beams.step + 1
    allowed_BC = ended_BC & (jnp.arange(scores_BC.shape[1]) < count) & beams.open_B[:, None]
    if strategy.early_stopping is True:
        allowed_BC &= ~(beams.best_lengths_BK > 0).all(axis=1, keepdims=True)
    final_BC = jnp.where(allowed_BC, scores_BC / length.astype(jnp.float32) ** _penalty(controls), NONE)
    scores_BK, picked_BK = jax.lax.top_k(jnp.concatenate([beams.best_scores_BK, final_BC], axis=1), count)
    tokens = jnp.concatenate([beams.best_BKN, candidates_BCN], axis=1)
    lengths = jnp.concatenate([beams.best_lengths_BK, jnp.where(allowed_BC, length, 0)], axis=1)
    return replace(
        beams,
        best_BKN=jnp.take_along_axis(tokens, picked_BK[..., None], axis=1),
        best_scores_BK=scores_BK,
        best_lengths_BK=jnp.take_along_axis(lengths, picked_BK, axis=1),
    )


def _can_improve(beams: Beams, running_scores_BK: jax.Array, strategy: Strategy, controls: Controls) -> jax.Array:
    """bool ``[B]``: whether the best running beam could, at some length, still beat the worst that has ended.

    The length is the present one; with ``early_stopping="never"`` and a positive penalty, the greatest.
    """
    penalty = _penalty(controls)
    length = (beams.step + 1).astype(jnp.float32)
    if strategy.early_stopping == "never":
        length = jnp.where(penalty > 0, float(strategy.new_tokens), length)
    worst_B = jnp.where(beams.best_lengths_BK > 0, beams.best_scores_BK, NONE).min(axis=1)
    return running_scores_BK[:, 0] / length**penalty > worst_B


def _penalty(controls: Controls) -> Any:
    return 1.0 if controls.length_penalty is None else controls.length_penalty
