"""Texts as rows that a language model of any kind is asked about: chosen tokens, and the places that predict them.

- ``masked-lm`` reads the text with the chosen tokens masked, all at once.
- ``causal-lm`` reads the text; the place before a token predicts it.
- ``seq2seq-lm`` under span corruption reads the text with a sentinel for each run of chosen tokens, and writes each
  sentinel and its run, as in training (:func:`~amharic_tl.data.span_corruption.corrupt`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from amharic_tl.data.parallel import NO_LABEL
from amharic_tl.data.span_corruption import sentinel_ids
from amharic_tl.data.tokenizer import special_ends
from amharic_tl.errors import BadInputError
from amharic_tl.tasks.base import Batch

KINDS = ("masked-lm", "causal-lm", "seq2seq-lm")
# What pads a field; input_ids are padded with the tokenizer's own token.
_PADDING = {"labels": NO_LABEL}


@dataclass(frozen=True)
class Asked:
    """One row.

    Attributes:
      fields: int32 arrays ``[length]`` that the task's batches have too, ``input_ids`` among them.
      places: int32 ``[K]``, as :class:`~amharic_tl.tasks.base.PredictsTokens` counts them.
      tokens: int32 ``[K]``, what stands there in the text.
    """

    fields: Mapping[str, np.ndarray]
    places: np.ndarray
    tokens: np.ndarray


# From a text's own tokens, and which of them are asked for in ascending order, to a row.
Ask = Callable[[Sequence[int], Sequence[int]], Asked]


def make_ask(kind: str, tokenizer: Any) -> Ask:
    """How a text is put to a model of a kind of task.

    Raises:
      BadInputError: the tokenizer lacks what that needs: a mask token, or sentinels.
    """
    before, after = special_ends(tokenizer)
    if kind == "causal-lm":
        return lambda ids, asked: _causal(before, ids, asked)
    if kind == "masked-lm":
        if tokenizer.mask_token_id is None:
            raise BadInputError("a penalty on a masked language model needs a tokenizer with a mask token")
        mask = int(tokenizer.mask_token_id)
        return lambda ids, asked: _masked(before, after, mask, ids, asked)
    sentinels = sentinel_ids(tokenizer)
    end = int(tokenizer.eos_token_id)
    return lambda ids, asked: _corrupted(sentinels, end, ids, asked)


def room(tokenizer: Any, max_length: int) -> int:
    """How many tokens of a text a row of ``max_length`` holds beside special ones, whatever the kind."""
    before, after = special_ends(tokenizer)
    return max_length - len(before) - max(len(after), 1)


def stacked(
    rows: Sequence[Asked | None], lengths: Mapping[str, int], asked: int, pad_id: int, kind: str
) -> dict[str, np.ndarray]:
    """Rows as arrays; None is filler.

    Args:
      rows: of one kind.
      lengths: of each field, padding included.
      asked: K, padding included.
      pad_id: of the tokenizer.
      kind: of the task.

    Returns:
      The task's fields int32 ``[R, length]``, ``places tokens [R, K]`` int32 and ``valid [R, K]`` float32.
    """
    made = {
        name: np.full((len(rows), length), pad_id if name == "input_ids" else _PADDING.get(name, 0), np.int32)
        for name, length in lengths.items()
    }
    made |= {name: np.zeros((len(rows), asked), np.int32) for name in ("places", "tokens")}
    made["attention_mask"] = np.zeros_like(made["input_ids"])
    # A filler row keeps one real position, so that its attention is well defined.
    made["attention_mask"][:, 0] = 1
    valid = np.zeros((len(rows), asked), np.float32)
    for place, row in enumerate(rows):
        if row is None:
            continue
        for name, values in row.fields.items():
            made[name][place, : len(values)] = values
        made["attention_mask"][place, : len(row.fields["input_ids"])] = 1
        made["places"][place, : len(row.places)] = row.places
        made["tokens"][place, : len(row.tokens)] = row.tokens
        valid[place, : len(row.tokens)] = 1.0
    if kind == "causal-lm":
        made["segment_ids"] = made["attention_mask"].copy()
        made["positions"] = np.tile(np.arange(lengths["input_ids"], dtype=np.int32), (len(rows), 1))
    return {**made, "valid": valid}


def field_lengths(kind: str, text: int, asked: int) -> dict[str, int]:
    """Of each field of a row, where texts with their special tokens have at most ``text`` tokens and ``asked`` are
    asked for: a run of one token becomes a sentinel and writes two, and an end token."""
    further = {"masked-lm": {"masked_positions": asked}, "seq2seq-lm": {"labels": 2 * asked + 1}}
    return {"input_ids": text, **further.get(kind, {})}


def rows_of(batch: Batch, prefix: str) -> dict[str, jax.Array]:
    """The arrays of a batch whose names begin with ``prefix``, without it, all leading axes made one: ``[R, length]``.

    Axes before the last are rows.
    """
    return {
        name.removeprefix(prefix): array.reshape(-1, array.shape[-1])
        for name, array in batch.items()
        if name.startswith(prefix)
    }


def _row(ids: Sequence[int], places: Sequence[int], tokens: Sequence[int], **further: Sequence[int]) -> Asked:
    def ints(values: Sequence[int]) -> np.ndarray:
        return np.asarray(values, np.int32)

    return Asked(
        {"input_ids": ints(ids), **{name: ints(of) for name, of in further.items()}}, ints(places), ints(tokens)
    )


def _causal(before: Sequence[int], ids: Sequence[int], asked: Sequence[int]) -> Asked:
    return _row([*before, *ids], [len(before) + place - 1 for place in asked], [ids[place] for place in asked])


def _masked(before: Sequence[int], after: Sequence[int], mask: int, ids: Sequence[int], asked: Sequence[int]) -> Asked:
    hidden = set(asked)
    shown = [mask if place in hidden else token for place, token in enumerate(ids)]
    positions = [len(before) + place for place in asked]
    tokens = [ids[place] for place in asked]
    return _row([*before, *shown, *after], range(len(asked)), tokens, masked_positions=positions)


def _corrupted(sentinels: Sequence[int], end: int, ids: Sequence[int], asked: Sequence[int]) -> Asked:
    source: list[int] = []
    target: list[int] = []
    places: list[int] = []
    wanted, run = set(asked), -1
    for place, token in enumerate(ids):
        if place not in wanted:
            source.append(token)
            continue
        if place - 1 not in wanted:
            run += 1
            source.append(sentinels[run])
            target.append(sentinels[run])
        places.append(len(target))
        target.append(token)
    return _row([*source, end], places, [ids[place] for place in asked], labels=[*target, end])
