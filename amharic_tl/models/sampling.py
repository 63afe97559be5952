"""From a model's logits to the next token: penalties, forced tokens, and what sampling leaves to choose from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

# A NumPy array where it is made, so that every process of a job gives the same; traced where it is used; or None.
Input = Any


@dataclass(frozen=True)
class Strategy:
    """What of a generation is compiled in.

    Attributes:
      new_tokens: the most tokens that are generated.
      beams: 1 is no beam search.
      sample: whether tokens are drawn, not chosen.
      top_k: how many of the likeliest tokens are drawn from; None: all.
      early_stopping: when beam search ends, see :func:`amharic_tl.models.generate.generate`.
    """

    new_tokens: int
    beams: int = 1
    sample: bool = False
    top_k: int | None = None
    early_stopping: bool | str = False


@jax.tree_util.register_dataclass
@dataclass
class Controls:
    """What of a generation may change from call to call without compiling again; None is off.

    Attributes:
      end_E: int32, tokens that end a row.
      pad: int32, fills a row that has ended.
      forced_first: int32, the first generated token.
      forced_last_F: int32, one of these is the last token of a row that has not ended by then.
      temperature: divides the logits.
      top_p: the share of probability that is drawn from.
      repetition_penalty: makes tokens that a row holds already less likely.
      length_penalty: the power of the length that a beam's score is divided by.
    """

    pad: Input
    end_E: Input = None
    forced_first: Input = None
    forced_last_F: Input = None
    temperature: Input = None
    top_p: Input = None
    repetition_penalty: Input = None
    length_penalty: Input = None


def penalise_repetition(scores_BV: jax.Array, seen_BV: jax.Array, penalty: Any) -> jax.Array:
    """Scores of tokens seen before, divided by ``penalty`` where positive and multiplied where negative (Keskar et al.
    2019, section 4.1, as Hugging Face does it).
    """
    penalised_BV = jnp.where(scores_BV < 0, scores_BV * penalty, scores_BV / penalty)
    return jnp.where(seen_BV, penalised_BV, scores_BV)


def keep_top_k(scores_BV: jax.Array, k: int) -> jax.Array:
    """All but the ``k`` highest scores, and those equal to the lowest of them, become minus infinity (Fan et al.
    2018).
    """
    lowest_B1 = jax.lax.top_k(scores_BV, min(k, scores_BV.shape[-1]))[0][..., -1:]
    return jnp.where(scores_BV < lowest_B1, -jnp.inf, scores_BV)


def keep_top_p(scores_BV: jax.Array, p: Any) -> jax.Array:
    """All but the likeliest tokens that together have at least probability ``p`` become minus infinity (nucleus
    sampling, Holtzman et al. 2020); the likeliest token always stays.
    """
    descending_BV = -jnp.sort(-scores_BV, axis=-1)
    probabilities_BV = jax.nn.softmax(descending_BV, axis=-1)
    likelier_BV = jnp.cumsum(probabilities_BV, axis=-1) - probabilities_BV
    kept_BV = (likelier_BV < p).at[..., 0].set(True)
    lowest_B1 = jnp.where(kept_BV, descending_BV, jnp.inf).min(axis=-1, keepdims=True)
    return jnp.where(scores_BV < lowest_B1, -jnp.inf, scores_BV)


def mark_seen(seen_BV: jax.Array | None, tokens_B: jax.Array) -> jax.Array | None:
    """The tokens each row holds, and one more; None where nobody asks."""
    return None if seen_BV is None else seen_BV.at[jnp.arange(len(tokens_B)), tokens_B].set(True)


def adjust_scores(
    scores_BV: jax.Array, seen_BV: jax.Array | None, step: jax.Array, strategy: Strategy, controls: Controls
) -> jax.Array:
    """Scores with the repetition penalty, and with forced tokens in their places.

    Args:
      scores_BV: float32, logits or log-probabilities.
      seen_BV: bool, the tokens each row holds; None: no penalty.
      step: int32 scalar, how many tokens were generated before.
      strategy: its ``new_tokens`` says which step is the last.
      controls: what is on.
    """
    if seen_BV is not None:
        scores_BV = penalise_repetition(scores_BV, seen_BV, controls.repetition_penalty)
    if controls.forced_first is not None:
        scores_BV = jnp.where(step == 0, _only(controls.forced_first[None], scores_BV), scores_BV)
    if controls.forced_last_F is not None:
        last = step == strategy.new_tokens - 1
        scores_BV = jnp.where(last, _only(controls.forced_last_F, scores_BV), scores_BV)
    return scores_BV


def choose_tokens(scores_BV: jax.Array, key: jax.Array, strategy: Strategy, controls: Controls) -> jax.Array:
    """int32 ``[B]``: the best tokens, or drawn ones."""
    if strategy.sample:
        if controls.temperature is not None:
            scores_BV = scores_BV / controls.temperature
        if strategy.top_k is not None:
            scores_BV = keep_top_k(scores_BV, strategy.top_k)
        if controls.top_p is not None:
            scores_BV = keep_top_p(scores_BV, controls.top_p)
        return jax.random.categorical(key, scores_BV).astype(jnp.int32)
    return scores_BV.argmax(axis=-1).astype(jnp.int32)


def ends(tokens: jax.Array, controls: Controls) -> jax.Array:
    """bool, which tokens end their row."""
    return jnp.zeros(tokens.shape, bool) if controls.end_E is None else jnp.isin(tokens, controls.end_E)


def _only(tokens_F: jax.Array, scores_BV: jax.Array) -> jax.Array:
    """0 for some tokens, minus infinity for all others."""
    allowed_V = jnp.zeros(scores_BV.shape[-1], bool).at[tokens_F].set(True)
    return jnp.broadcast_to(jnp.where(allowed_V, 0.0, -jnp.inf), scores_BV.shape)
