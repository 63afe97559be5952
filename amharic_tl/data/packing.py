"""Rows of one length packed with documents, for causal language models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amharic_tl.data.batches import Fields
from amharic_tl.data.tokenizer import bare_tokens, special_ends


def documents(tokenizer: Any, texts: Sequence[str]) -> list[np.ndarray]:
    """The tokens of whole texts, int32: what the tokenizer puts before a text, and its end token after it."""
    before, after = special_ends(tokenizer)
    end = tokenizer.eos_token_id
    if end is not None and end not in after:
        after = [*after, end]
    return [np.asarray([*before, *pieces, *after], np.int32) for pieces in bare_tokens(tokenizer, texts)]


@dataclass(frozen=True)
class Packed:
    """Documents end to end, cut into rows of one length.

    A document that does not fit goes on in the next row, as a document of its own there. Every token but a document's
    first is predicted exactly once: the label of a row's last place is the first token of the next row, where both
    belong to one document.

    Attributes:
      tokens: int32 ``[N]``, all documents.
      document: int32 ``[N]``, which one each token belongs to.
      offset: int32 ``[N]``, its place in its document.
      length: of a row.
    """

    tokens: np.ndarray
    document: np.ndarray
    offset: np.ndarray
    length: int

    @property
    def rows(self) -> list[np.ndarray]:
        """The tokens of each row; the last one may be shorter."""
        return [self.tokens[start : start + self.length] for start in range(0, len(self.tokens), self.length)]

    def fields(self) -> Fields:
        """``segment_ids positions labels [b, S]`` int32 and ``weights [b, S]`` float32 of planned rows."""

        def fields(rows: np.ndarray, length: int, step: int) -> Mapping[str, np.ndarray]:
            del step
            arrays = {name: np.zeros((len(rows), length), np.int32) for name in ("segment_ids", "positions", "labels")}
            weights = np.zeros((len(rows), length), np.float32)
            for place, row in enumerate(rows):
                if row < 0:
                    # The one position that counts as real belongs to a document.
                    arrays["segment_ids"][place, 0] = 1
                    continue
                start, stop = row * self.length, min((row + 1) * self.length, len(self.tokens))
                document, offset = self.document[start:stop], self.offset[start:stop]
                arrays["segment_ids"][place, : stop - start] = document - document[0] + 1
                # A document that began in an earlier row is counted from its first token here.
                arrays["positions"][place, : stop - start] = np.minimum(offset, np.arange(stop - start))
                following = self.tokens[start + 1 : stop + 1]
                same = self.offset[start + 1 : stop + 1] > 0
                arrays["labels"][place, : len(following)] = np.where(same, following, 0)
                weights[place, : len(following)] = same
            return {**arrays, "weights": weights}

        return fields


def pack(found: Sequence[np.ndarray], length: int) -> Packed:
    """Packs documents, in their order."""
    lengths = np.asarray([len(tokens) for tokens in found], np.int64)
    starts = np.cumsum(lengths) - lengths
    document = np.repeat(np.arange(len(found), dtype=np.int32), lengths)
    offset = np.arange(len(document), dtype=np.int64) - starts[document]
    return Packed(np.concatenate([*found, np.zeros(0, np.int32)]), document, offset.astype(np.int32), length)
