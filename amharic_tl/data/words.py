"""Sentences of tagged tokens as word pieces, and where each token begins among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

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
    if not getattr(tokenizer, "is_fast", False):
        raise BadInputError(
            "token-classification needs a tokenizer that says which characters a piece comes from (a tokenizer.json); "
            f"this {type(tokenizer).__name__} does not"
        )
    before, after = special_ends(tokenizer)
    special, unknown_id = len(before) + len(after), tokenizer.unk_token_id
    ids: list[np.ndarray] = []
    starts: list[np.ndarray] = []
    lengths = np.zeros(len(sentences), np.int32)
    unknown = np.zeros(len(sentences), np.int32)
    for begin in range(0, len(sentences), 1024):
        batch = [list(words) for words in sentences[begin : begin + 1024]]
        found = tokenizer(
            [" ".join(words) for words in batch],
            add_special_tokens=False,
            truncation=False,
            verbose=False,
            return_offsets_mapping=True,
        )
        for offset, (words, pieces, spans) in enumerate(
            zip(batch, found["input_ids"], found["offset_mapping"], strict=True)
        ):
            kept = pieces[: max_length - special]
            lengths[begin + offset] = len(pieces) + special
            unknown[begin + offset] = 0 if unknown_id is None else kept.count(unknown_id)
            ids.append(np.asarray([*before, *kept, *after], np.int32))
            starts.append(_starts(words, spans[: len(kept)], len(before)))
    return EncodedWords(Encoded(ids, lengths, lengths > max_length, unknown), starts)


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
