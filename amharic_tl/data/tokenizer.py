"""The tokenizer of a model directory, and texts turned into token ids."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from amharic_tl.errors import BadInputError, MissingInputError

TOKENIZER_FILES = (
    "tokenizer.json",
    "sentencepiece.bpe.model",
    "spiece.model",
    "spm.model",
    "tokenizer.model",
    "vocab.txt",
    "vocab.json",
)


# From a text's tokens and the room there is: those that are read.
Keep = Callable[[Sequence[int], int], list[int]]
_PROBE = "ሰላም ለዓለም! hello 123"


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


def _settle_torch() -> None:
    """Keeps transformers from importing torch where ``USE_TORCH=0`` says so, which its version 5 no longer reads.

    Configs and tokenizers need no torch, which takes seconds to import. It is asked once whether it is there.
    """
    if os.environ.get("USE_TORCH") != "0" or "torch" in sys.modules:
        return
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        from transformers.utils import is_torch_available

        is_torch_available()
    finally:
        del sys.modules["torch"]


def load_tokenizer(folder: Path) -> Any:
    """The Hugging Face tokenizer of a model directory.

    One without a padding token pads with its end token, as is usual for decoders: masks, not ids, say what counts.

    Raises:
      MissingInputError: the directory has no tokenizer files.
      BadInputError: they cannot be read, or not as they were trained, or there is neither a padding nor an end token.
    """
    if not any((folder / name).is_file() for name in TOKENIZER_FILES) and not _of_bytes(folder):
        raise MissingInputError(f"{folder} holds no tokenizer: expected one of {', '.join(TOKENIZER_FILES)}")
    _settle_torch()
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    pieces = None if (folder / "tokenizer.json").is_file() else _sentencepiece_file(folder)
    # A bare tokenizer.model does not say that its texts begin with a token; those of all families with such a file do.
    bare = pieces is not None and pieces.name == "tokenizer.model" and not _object(folder / "tokenizer_config.json")
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, **({"add_bos_token": True} if bare else {})
        )
        if pieces is not None and not _splits_as(tokenizer, pieces):
            tokenizer = _converted(type(tokenizer).__name__, pieces) or tokenizer
    except Exception as error:  # the library raises whatever its many backends raise
        raise BadInputError(f"the tokenizer in {folder} cannot be read: {type(error).__name__}: {error}") from error
    if pieces is not None and not _splits_as(tokenizer, pieces):
        raise BadInputError(
            f"{folder} has no tokenizer.json, and transformers does not split texts as {pieces.name} does; save the "
            "tokenizer again where it works (save_pretrained), so that tokenizer.json is there"
        )
    if tokenizer.pad_token_id is None and tokenizer.eos_token_id is not None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token_id is None:
        raise BadInputError(f"the tokenizer in {folder} has no padding token; set pad_token in tokenizer_config.json")
    return tokenizer


def _object(path: Path) -> Mapping[str, Any]:
    """What a JSON file holds, empty where there is none or it is not an object; others say so."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _of_bytes(folder: Path) -> bool:
    """Whether the tokenizer is ByT5's, which has no file: its tokens are bytes."""
    named = (_object(folder / name).get("tokenizer_class") for name in ("tokenizer_config.json", "config.json"))
    return "ByT5Tokenizer" in named


def _sentencepiece_file(folder: Path) -> Path | None:
    return next(
        (folder / name for name in TOKENIZER_FILES if name.endswith(".model") and (folder / name).is_file()), None
    )


def _splits_as(tokenizer: Any, pieces: Path) -> bool:
    """Whether a text is split as sentencepiece itself splits it with this file."""
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor(model_file=str(pieces))
    expected = [
        None if processor.is_unknown(processor.piece_to_id(piece)) else piece
        for piece in processor.encode(_PROBE, out_type=str)
    ]
    ids = tokenizer(_PROBE, add_special_tokens=False)["input_ids"]
    found = [None if token == tokenizer.unk_token else token for token in tokenizer.convert_ids_to_tokens(ids)]
    # How many unknown tokens stand for a stretch that is unknown is not told apart.
    return [piece for piece, _ in groupby(expected)] == [token for token, _ in groupby(found)]


def _converted(name: str, pieces: Path) -> Any:
    """The tokenizer of a class that transformers 5 makes of ``tokenizer.json`` only; None for other classes."""
    if name != "XGLMTokenizer":
        return None
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import SLOW_TO_FAST_CONVERTERS

    ids = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    source = SimpleNamespace(vocab_file=str(pieces), convert_tokens_to_ids=ids.get)
    return PreTrainedTokenizerFast(
        tokenizer_object=SLOW_TO_FAST_CONVERTERS[name](source).converted(),
        bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>", sep_token="</s>", cls_token="<s>",
    )  # fmt: skip


def check_fits(tokenizer: Any, vocabulary: int, folder: Path) -> None:
    """Refuses a tokenizer that can produce ids the model has no row for.

    Special tokens that no text gets by itself may lie beyond (T5's sentinels, tokens added for other uses); from then
    on :func:`bare_tokens` refuses a text that spells one out.

    Raises:
      BadInputError: its largest id is not below ``vocabulary``.
    """
    used = {tokenizer.pad_token_id, *(token for end in special_ends(tokenizer) for token in end)}
    idle = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    largest = max(token for token in tokenizer.get_vocab().values() if token not in idle or token in used)
    tokenizer.model_rows = vocabulary
    if largest >= vocabulary:
        raise BadInputError(
            f"{folder}: the tokenizer has ids up to {largest}, but config.json says vocab_size {vocabulary}; "
            "tokenizer and weights do not belong together"
        )


def special_ends(tokenizer: Any, target: bool = False) -> tuple[list[int], list[int]]:
    """The special tokens that the tokenizer puts around a single text; ``target``: around one to write."""
    probe = "\u1200"
    bare = tokenizer(probe, add_special_tokens=False)["input_ids"]
    whole = tokenizer(text_target=probe)["input_ids"] if target else tokenizer(probe)["input_ids"]
    for start in range(len(whole) - len(bare) + 1):
        if whole[start : start + len(bare)] == bare:
            return whole[:start], whole[start + len(bare) :]
    raise BadInputError(
        "the tokenizer changes a text's own tokens when it adds special ones; such a tokenizer cannot be used"
    )


def bare_tokens(tokenizer: Any, texts: Sequence[str]) -> Iterator[list[int]]:
    """The tokens of whole texts, without special ones around them.

    Raises:
      BadInputError: a text spells out a token that the model has no row for.
    """
    rows = model_rows(tokenizer)
    for start in range(0, len(texts), 1024):
        batch = list(texts[start : start + 1024])
        for pieces in tokenizer(batch, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]:
            if pieces and max(pieces) >= rows:
                raise BadInputError(
                    f"a text spells out {tokenizer.convert_ids_to_tokens(max(pieces))!r}, for which the model has no "
                    f"row in its table of {rows:.0f}; take it out of the data"
                )
            yield list(pieces)


def model_rows(tokenizer: Any) -> float:
    """Rows of the model's table: ids from there on cannot be used. Known once :func:`check_fits` was called."""
    return float(getattr(tokenizer, "model_rows", np.inf))


def first_tokens(pieces: Sequence[int], room: int) -> list[int]:
    """The beginning of a text."""
    return list(pieces[:room])


def encode(
    tokenizer: Any, texts: Sequence[str], max_length: int, target: bool = False, keep: Keep = first_tokens
) -> Encoded:
    """Encodes texts with the tokenizer's own special tokens, cut to ``max_length`` tokens (special ones kept).

    Args:
      tokenizer: of the model.
      texts: whole.
      max_length: in tokens.
      target: as texts to write, which some tokenizers mark with another language.
      keep: which tokens of a text that is too long are kept.
    """
    before, after = special_ends(tokenizer, target)
    special = len(before) + len(after)
    unknown_id = tokenizer.unk_token_id
    ids: list[np.ndarray] = []
    lengths = np.zeros(len(texts), np.int32)
    unknown = np.zeros(len(texts), np.int32)
    for row, pieces in enumerate(bare_tokens(tokenizer, texts)):
        lengths[row] = len(pieces) + special
        kept = keep(pieces, max_length - special)
        ids.append(np.asarray([*before, *kept, *after], np.int32))
        unknown[row] = 0 if unknown_id is None else kept.count(unknown_id)
    return Encoded(ids, lengths, lengths > max_length, unknown)


def windows_as_encoded(ids: list[np.ndarray], unknown_id: int | None) -> Encoded:
    """The audit's view of windows: nothing of them is cut off."""
    unknown = [0 if unknown_id is None else int(np.count_nonzero(window == unknown_id)) for window in ids]
    lengths = np.asarray([len(window) for window in ids], np.int32)
    return Encoded(ids, lengths, np.zeros(len(ids), bool), np.asarray(unknown, np.int32))
