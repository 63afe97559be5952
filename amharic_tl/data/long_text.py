"""What is read of a text that is longer than the model's input: its beginning, its two ends, or windows over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amharic_tl.data.tokenizer import Encoded, Keep, bare_tokens, first_tokens, special_ends
from amharic_tl.errors import ConfigError

# Sun et al. 2019 ("How to Fine-Tune BERT for Text Classification?", section 5.3.1) keep the first 128 and the last 382
# of 510 tokens.
HEAD_SHARE = 128 / 510


def head_and_tail(pieces: Sequence[int], room: int) -> list[int]:
    """The first quarter of ``room`` from a text's beginning, the rest from its end (Sun et al. 2019)."""
    if len(pieces) <= room:
        return list(pieces)
    head = round(HEAD_SHARE * room)
    return [*pieces[:head], *pieces[len(pieces) - (room - head) :]]


# By config.data.long_text; windows are no way to keep a part.
KEEP: dict[str, Keep] = {"truncate": first_tokens, "head-tail": head_and_tail}


def window_spans(count: int, room: int, overlap: int) -> list[tuple[int, int]]:
    """Begin and end of the windows over ``count`` pieces: each of ``room``, the last one moved back to be as long.

    Neighbours share ``overlap`` pieces, the last two maybe more. Nothing lies in no window.
    """
    if count <= room:
        return [(0, count)]
    begins = [*range(0, count - room, room - overlap), count - room]
    return [(begin, begin + room) for begin in begins]


def window_room(max_length: int, special: int, overlap: int | None) -> tuple[int, int]:
    """How many pieces a window holds beside the special ones, and how many neighbours share.

    Raises:
      ConfigError: the overlap leaves no way forward.
    """
    room = max_length - special
    shared = max_length // 4 if overlap is None else overlap
    if shared >= room:
        raise ConfigError(
            f"config.data.window_overlap: {shared} tokens in common leave windows of {room} tokens no way forward; "
            f"use at most {room // 2}"
        )
    return room, shared


@dataclass(frozen=True)
class Windows:
    """Texts cut into windows.

    Attributes:
      ids: int32 arrays, special tokens included, those of a text one after the other.
      source: int ``[windows]``: the text of each.
      encoded: the whole texts, none cut.
    """

    ids: list[np.ndarray]
    source: np.ndarray
    encoded: Encoded

    def shares(self) -> np.ndarray:
        """float32 ``[windows]``: what a window weighs so that every text weighs the same, 1 on average."""
        counts = np.bincount(self.source)
        return (len(self.source) / len(counts) / counts[self.source]).astype(np.float32)


def cut_into_windows(tokenizer: Any, texts: Sequence[str], max_length: int, overlap: int | None) -> Windows:
    """Windows of at most ``max_length`` tokens, the tokenizer's special tokens around each.

    ``overlap``: tokens that neighbours share; None: a quarter of ``max_length``.
    """
    before, after = special_ends(tokenizer)
    room, shared = window_room(max_length, len(before) + len(after), overlap)
    ids: list[np.ndarray] = []
    source: list[int] = []
    whole: list[np.ndarray] = []
    for row, pieces in enumerate(bare_tokens(tokenizer, texts)):
        whole.append(np.asarray([*before, *pieces, *after], np.int32))
        for begin, end in window_spans(len(pieces), room, shared):
            ids.append(np.asarray([*before, *pieces[begin:end], *after], np.int32))
            source.append(row)
    return Windows(ids, np.asarray(source), uncut(whole, tokenizer.unk_token_id))


def uncut(ids: list[np.ndarray], unknown_id: int | None) -> Encoded:
    """Texts of which every token is read, by one window or another."""
    unknown = [0 if unknown_id is None else int(np.count_nonzero(row == unknown_id)) for row in ids]
    lengths = np.asarray([len(row) for row in ids], np.int32)
    return Encoded(ids, lengths, np.zeros(len(ids), bool), np.asarray(unknown, np.int32))


def owners(places: np.ndarray, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """int ``[places]``: for each piece the window that shows most of what stands on both sides of it.

    Where two windows show as much, the earlier one; ascending for ascending ``places``.
    """
    begins, ends = (np.asarray(side)[None, :] for side in zip(*spans, strict=True))
    inside = (places[:, None] >= begins) & (places[:, None] < ends)
    context = np.minimum(places[:, None] - begins, ends - 1 - places[:, None])
    # The ends of a text lack nothing on their outer side.
    context = np.where((begins == 0) & inside, ends - 1 - places[:, None], context)
    context = np.where((ends == np.max(ends)) & inside & (begins > 0), places[:, None] - begins, context)
    return np.argmax(np.where(inside, context, -1), axis=1)
