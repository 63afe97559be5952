"""Sentences of tagged tokens as word pieces, and where each token begins among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amharic_tl.data.long_text import owners, uncut, window_room, window_spans
from amharic_tl.data.tokenizer import Encoded, special_ends
from amharic_tl.errors import BadInputError


@dataclass(frozen=True)
class EncodedWords:
    """Sentences as word pieces.

    Attributes:
      encoded: the pieces, cut to a length.
      starts: for each sentence, int32 ``[words]``: the place of each word's first piece; -1 for a word that was cut
        off or that the tokenizer makes nothing of.
    """

    encoded: Encoded
    starts: list[np.ndarray]


def encode_words(tokenizer: Any, sentences: Sequence[Sequence[str]], max_length: int) -> EncodedWords:
    """Encodes sentences of words as the text that they make with spaces between them, cut to ``max_length`` pieces.

    The sign of a space belongs to the word that follows it.

    Raises:
      BadInputError: the tokenizer does not tell which characters a piece comes from.
    """
    before, after = _ends(tokenizer)
    special, unknown_id = len(before) + len(after), tokenizer.unk_token_id
    ids: list[np.ndarray] = []
    starts: list[np.ndarray] = []
    lengths = np.zeros(len(sentences), np.int32)
    unknown = np.zeros(len(sentences), np.int32)
    for number, (words, pieces, spans) in enumerate(_word_pieces(tokenizer, sentences)):
        kept = pieces[: max_length - special]
        lengths[number] = len(pieces) + special
        unknown[number] = 0 if unknown_id is None else kept.count(unknown_id)
        ids.append(np.asarray([*before, *kept, *after], np.int32))
        starts.append(_starts(words, spans[: len(kept)], len(before)))
    return EncodedWords(Encoded(ids, lengths, lengths > max_length, unknown), starts)


@dataclass(frozen=True)
class WordWindows:
    """Sentences cut into windows, each word of a sentence in the charge of one of its windows.

    Attributes:
      ids: int32 arrays, special tokens included.
      starts: for each window, int32 ``[words in its charge]``: the place of each one's first piece, as in
        :class:`EncodedWords`.
      words: for each window, the first word in its charge and the one after the last.
      source: int ``[windows]``: the sentence of each.
      encoded: the whole sentences, none cut.
    """

    ids: list[np.ndarray]
    starts: list[np.ndarray]
    words: list[tuple[int, int]]
    source: np.ndarray
    encoded: Encoded


def cut_words_into_windows(
    tokenizer: Any, sentences: Sequence[Sequence[str]], max_length: int, overlap: int | None
) -> WordWindows:
    """Windows of at most ``max_length`` pieces over sentences of words.

    A word that stands in several windows is in the charge of the one that shows most of what surrounds it. No word is
    lost, and none counts twice.

    Raises:
      BadInputError: as :func:`encode_words`.
    """
    before, after = _ends(tokenizer)
    room, shared = window_room(max_length, len(before) + len(after), overlap)
    ids: list[np.ndarray] = []
    starts: list[np.ndarray] = []
    charges: list[tuple[int, int]] = []
    source: list[int] = []
    whole: list[np.ndarray] = []
    for number, (words, pieces, spans) in enumerate(_word_pieces(tokenizer, sentences)):
        whole.append(np.asarray([*before, *pieces, *after], np.int32))
        found = _starts(words, spans, 0)
        windows = window_spans(len(pieces), room, shared)
        owner = owners(_filled(found), windows)
        for index, (begin, end) in enumerate(windows):
            mine = np.flatnonzero(owner == index)
            if not len(mine):
                continue
            first, last = int(mine[0]), int(mine[-1]) + 1
            ids.append(np.asarray([*before, *pieces[begin:end], *after], np.int32))
            places = found[first:last]
            starts.append(np.where(places >= 0, places - begin + len(before), -1).astype(np.int32))
            charges.append((first, last))
            source.append(number)
    return WordWindows(ids, starts, charges, np.asarray(source), uncut(whole, tokenizer.unk_token_id))


def _ends(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The special tokens around a sentence, of a tokenizer that can be used for tags."""
    if not getattr(tokenizer, "is_fast", False):
        raise BadInputError(
            "token-classification needs a tokenizer that says which characters a piece comes from (a tokenizer.json); "
            f"this {type(tokenizer).__name__} does not"
        )
    return special_ends(tokenizer)


def _filled(starts: np.ndarray) -> np.ndarray:
    """The same with a word that has no piece at the place of the word before it."""
    return np.maximum.accumulate(np.maximum(starts, 0))


def _word_pieces(
    tokenizer: Any, sentences: Sequence[Sequence[str]]
) -> Iterator[tuple[list[str], list[int], list[tuple[int, int]]]]:
    """For each sentence its words, the pieces of the words joined with spaces, and their spans in that text."""
    for begin in range(0, len(sentences), 1024):
        batch = [list(words) for words in sentences[begin : begin + 1024]]
        found = tokenizer(
            [" ".join(words) for words in batch],
            add_special_tokens=False,
            truncation=False,
            verbose=False,
            return_offsets_mapping=True,
        )
        yield from zip(batch, found["input_ids"], found["offset_mapping"], strict=True)


def _starts(words: Sequence[str], spans: Sequence[tuple[int, int]], shift: int) -> np.ndarray:
    """Where each word's first piece stands, given the pieces' spans in the words joined with spaces."""
    word_lengths = np.asarray([len(word) for word in words])
    word_ends = np.cumsum(word_lengths + 1) - 1
    begins = np.asarray([begin for begin, _ in spans], int)
    # A piece that begins at a word's end is the space after it, which belongs to the next word.
    owners = np.searchsorted(word_ends, begins, side="right")
    found = np.full(len(words), -1, np.int32)
    for piece in range(len(owners) - 1, -1, -1):
        if owners[piece] < len(words):
            found[owners[piece]] = piece + shift
    return found
