"""Text generation: greedy, sampled, by beams; all at once or token by token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from flax import nnx

from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.models.beams import run_beam_search
from amharic_tl.models.decoding import Prompt, run_start, run_step, run_to_the_end
from amharic_tl.models.generation_settings import GenerationSettings
from amharic_tl.models.sampling import Controls, Strategy

TASKS = ("causal-lm", "seq2seq-lm")


def generate(model: Any, input_ids: Any, *, attention_mask: Any = None, **settings: Any) -> np.ndarray:
    """Continues texts, greedily unless told otherwise. A second call with the same shapes and the same kinds of
    settings does not compile again.

    Which tokens begin and end a text is taken from the model's generation_config.json (without one, from its
    config.json) where it is not given; how tokens are chosen never is.

    Args:
      model: loaded for ``causal-lm`` or ``seq2seq-lm``.
      input_ids: int ``[B, S]``: the prompts, or what the encoder reads.
      attention_mask: ``[B, S]``, 0 for padding, which may lie on either side; None: nothing is padding.
      **settings: of :class:`GenerationSettings`: ``max_new_tokens``, ``temperature``, ``num_beams``,
        ``eos_token_id``, ...

    Returns:
      int32 ``[B, S + n]``: prompts as given and continuations; of an encoder-decoder ``[B, 1 + n]``: the start token
      and the text. n is the length of the longest continuation; shorter ones are filled with the padding token.

    Raises:
      ConfigError: a setting is wrong, or two contradict each other, or the model has no such task.
      BadInputError: the ids do not fit the model.
    """
    request = _request(model, input_ids, attention_mask, GenerationSettings.checked(settings))
    run = run_beam_search if request.strategy.beams > 1 else run_to_the_end
    new_tokens, count = run(*nnx.split(model), request.prompt, request.strategy, request.controls)
    return np.concatenate([request.shown, np.asarray(new_tokens)[:, : int(count)]], axis=1)


def stream_tokens(model: Any, input_ids: Any, *, attention_mask: Any = None, **settings: Any) -> Iterator[np.ndarray]:
    """As :func:`generate`, but gives each column of new tokens, int32 ``[B]``, as soon as it is there. Without beams:
    their text is known at the end only.

    Raises:
      ConfigError: a setting is wrong, or two contradict each other, or the model has no such task.
      BadInputError: the ids do not fit the model.
    """
    checked = GenerationSettings.checked(settings)
    if checked.num_beams > 1:
        raise ConfigError(f"num_beams={checked.num_beams}: beam search cannot be streamed; leave it out")
    # Not a generator itself, so that a wrong setting is refused at the call.
    return _columns(model, _request(model, input_ids, attention_mask, checked))


@dataclass(frozen=True)
class _Request:
    """A generation ready to run; ``shown`` is what comes before the new tokens in the result."""

    prompt: Prompt
    strategy: Strategy
    controls: Controls
    shown: np.ndarray


def _columns(model: Any, request: _Request) -> Iterator[np.ndarray]:
    graphdef, parameters = nnx.split(model)
    context, progress = run_start(graphdef, parameters, request.prompt, request.strategy)
    for _ in range(request.strategy.new_tokens):
        progress, tokens_B, ended_B = run_step(
            graphdef, parameters, context, progress, request.strategy, request.controls
        )
        yield np.asarray(tokens_B)
        if np.asarray(ended_B).all():
            return


def _request(model: Any, input_ids: Any, attention_mask: Any, settings: GenerationSettings) -> _Request:
    if model.task not in TASKS:
        raise ConfigError(f"only models of {' and '.join(TASKS)} generate; this one was loaded for {model.task}")
    has_encoder = model.task == "seq2seq-lm"
    vocabulary = int(model.hf_config["vocab_size"])
    ids_BS, mask_BS = _checked_inputs(input_ids, attention_mask, vocabulary)
    controls = settings.controls(model, vocabulary, has_encoder)
    if has_encoder:
        _refuse_too_long(model, ids_BS.shape[1], 1)
        shown = prompt_BP = np.full((len(ids_BS), 1), settings.first_token(model, vocabulary), np.int32)
        prompt_mask_BP = np.ones_like(prompt_BP)
    else:
        # Padding goes to the left, so that every row goes on from its last slot.
        order_BS = np.argsort(mask_BS, axis=1, kind="stable")
        prompt_BP, prompt_mask_BP = (np.take_along_axis(array, order_BS, axis=1) for array in (ids_BS, mask_BS))
        shown = ids_BS
    _refuse_too_long(model, int(prompt_mask_BP.sum(axis=1).max()), settings.max_new_tokens)
    seen_BV = None
    if settings.repetition_penalty is not None:
        seen_BV = np.zeros((len(prompt_BP), vocabulary), bool)
        rows, columns = prompt_mask_BP.nonzero()
        seen_BV[rows, prompt_BP[rows, columns]] = True
    prompt = Prompt(
        ids_BP=prompt_BP,
        mask_BP=prompt_mask_BP,
        encoder_ids_BS=ids_BS if has_encoder else None,
        encoder_mask_BS=mask_BS if has_encoder else None,
        seen_BV=seen_BV,
        seed=np.uint32(settings.seed),
    )
    return _Request(prompt, settings.strategy, controls, shown)


def _checked_inputs(input_ids: Any, attention_mask: Any, vocabulary: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids and mask as int32 ``[B, S]``."""
    ids_BS = np.asarray(input_ids)
    if ids_BS.ndim != 2 or not ids_BS.size or not np.issubdtype(ids_BS.dtype, np.integer):
        raise BadInputError(
            f"input_ids: expected whole numbers of shape [batch, length], found {ids_BS.dtype} of shape {ids_BS.shape}"
        )
    if ids_BS.min() < 0 or ids_BS.max() >= vocabulary:
        raise BadInputError(
            f"input_ids: expected ids from 0 to {vocabulary - 1}, found {ids_BS.min()} to {ids_BS.max()}; "
            "the tokenizer does not fit the model"
        )
    mask_BS = np.ones_like(ids_BS) if attention_mask is None else np.asarray(attention_mask)
    if mask_BS.shape != ids_BS.shape or not np.isin(mask_BS, (0, 1)).all():
        raise BadInputError(f"attention_mask: expected 0 and 1 of shape {ids_BS.shape}, found shape {mask_BS.shape}")
    empty = np.flatnonzero(~mask_BS.any(axis=1))
    if len(empty):
        raise BadInputError(f"row {empty[0]} of input_ids holds padding only; leave it out")
    return ids_BS.astype(np.int32), mask_BS.astype(np.int32)


def _refuse_too_long(model: Any, longest: int, new_tokens: int) -> None:
    # The last generated token is never read.
    needed = longest + new_tokens - 1
    if needed > model.max_positions:
        raise BadInputError(
            f"{longest} tokens and {new_tokens} new ones need {needed} positions, but the model has "
            f"{model.max_positions}; ask for fewer new tokens or cut the texts shorter"
        )
