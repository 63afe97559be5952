"""How many characters a token writes, for code lengths that models of different vocabularies share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def vocabulary_characters(tokenizer: Any) -> np.ndarray:
    """Characters by token id, float32 ``[V]``; special tokens write none."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    byte_level = backend is not None and "ByteLevel" in repr(backend.decoder)
    counts = token_characters(tokenizer.convert_ids_to_tokens(list(range(len(tokenizer)))), byte_level)
    counts[[index for index in tokenizer.all_special_ids if index < len(counts)]] = 0.0
    return counts


def token_characters(tokens: Sequence[str], byte_level: bool = False) -> np.ndarray:
    """How many characters each vocabulary entry writes, float32 ``[V]``.

    ``▁`` counts as the space it stands for; a WordPiece continuation as what follows ``##``. A byte counts 1 when
    it begins a
    character and 0 when it continues one, so that the bytes of a character sum to 1: entries ``<0xE1>``, and every
    sign of an entry written in GPT-2's byte alphabet (``byte_level``).
    """
    counts = np.zeros(len(tokens), np.float32)
    continuing = _continuation_signs() if byte_level else frozenset()
    for index, token in enumerate(tokens):
        if byte_level:
            counts[index] = sum(1 for sign in token if sign not in continuing)
        elif len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
            counts[index] = float(int(token[3:5], 16) & 0xC0 != 0x80)
        else:
            counts[index] = len(token.removeprefix("##")) if len(token) > 2 else len(token)
    return counts


def _continuation_signs() -> frozenset[str]:
    """The signs that stand for the bytes 0x80-0xBF in GPT-2's byte alphabet (Radford et al. 2019).

    Printable Latin-1 bytes stand for themselves, the others for the code points from 256 on, in order.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return frozenset(chr(byte) if byte in printable else chr(256 + others.index(byte)) for byte in range(0x80, 0xC0))
