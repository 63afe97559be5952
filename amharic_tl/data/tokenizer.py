"""The tokenizer of a model directory, and texts turned into token ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from amharic_tl.errors import BadInputError, MissingInputError

TOKENIZER_FILES = (
    "tokenizer.json",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
    "vocab.txt",
    "vocab.json",
)


@dataclass(frozen=True)
class Encoded:
    """Token ids of texts, cut to a length.

    Attributes:
      ids: int32 arrays, special tokens included.
      lengths: int32 ``[rows]``, lengths before cutting.
      truncated: bool ``[rows]``.
      unknown: int32 ``[rows]``, unknown tokens among the ids kept.
    """

    ids: list[np.ndarray]
    lengths: np.ndarray
    truncated: np.ndarray
    unknown: np.ndarray


def load_tokenizer(folder: Path) -> Any:
    """The Hugging Face tokenizer of a model directory.

    Raises:
      MissingInputError: the directory has no tokenizer files.
      BadInputError: they cannot be read, or the tokenizer has neither a padding nor an end token.
    """
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise MissingInputError(f"{folder} holds no tokenizer: expected one of {', '.join(TOKENIZER_FILES)}")
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # the library raises whatever its many backends raise
        raise BadInputError(f"the tokenizer in {folder} cannot be read: {type(error).__name__}: {error}") from error
    if tokenizer.pad_token_id is None and tokenizer.eos_token_id is not None:
        # Many decoders have none. Any token will do: what is padded is masked.
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token_id is None:
        raise BadInputError(f"the tokenizer in {folder} has no padding token; set pad_token in tokenizer_config.json")
    return tokenizer


def check_fits(tokenizer: Any, vocabulary: int, folder: Path) -> None:
    """Refuses a tokenizer that can produce ids the model has no row for.

    Raises:
      BadInputError: its largest id is not below ``vocabulary``.
    """
    largest = max(tokenizer.get_vocab().values())
    if largest >= vocabulary:
        raise BadInputError(
            f"{folder}: the tokenizer has ids up to {largest}, but config.json says vocab_size {vocabulary}; "
            "tokenizer and weights do not belong together"
        )


def special_ends(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The special tokens that the tokenizer puts before and after a single text."""
    probe = "\u1200"
    bare = tokenizer(probe, add_special_tokens=False)["input_ids"]
    whole = tokenizer(probe)["input_ids"]
    for start in range(len(whole) - len(bare) + 1):
        if whole[start : start + len(bare)] == bare:
            return whole[:start], whole[start + len(bare) :]
    raise BadInputError(
        "the tokenizer changes a text's own tokens when it adds special ones; such a tokenizer cannot be used"
    )


def encode(tokenizer: Any, texts: Sequence[str], max_length: int) -> Encoded:
    """Encodes texts with the tokenizer's own special tokens, cut to ``max_length`` tokens (special ones kept)."""
    before, after = special_ends(tokenizer)
    special = len(before) + len(after)
    unknown_id = tokenizer.unk_token_id
    ids: list[np.ndarray] = []
    lengths = np.zeros(len(texts), np.int32)
    unknown = np.zeros(len(texts), np.int32)
    for start in range(0, len(texts), 1024):
        batch = list(texts[start : start + 1024])
        bare = tokenizer(batch, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
        for offset, pieces in enumerate(bare):
            row = start + offset
            lengths[row] = len(pieces) + special
            kept = pieces[: max_length - special]
            ids.append(np.asarray([*before, *kept, *after], np.int32))
            unknown[row] = 0 if unknown_id is None else kept.count(unknown_id)
    return Encoded(ids, lengths, lengths > max_length, unknown)


def windows_as_encoded(ids: list[np.ndarray], unknown_id: int | None) -> Encoded:
    """The audit's view of windows: nothing of them is cut off."""
    unknown = [0 if unknown_id is None else int(np.count_nonzero(window == unknown_id)) for window in ids]
    lengths = np.asarray([len(window) for window in ids], np.int32)
    return Encoded(ids, lengths, np.zeros(len(ids), bool), np.asarray(unknown, np.int32))
