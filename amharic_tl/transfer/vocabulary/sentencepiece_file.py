"""The sentencepiece file of a tokenizer that has one, with the pieces of its tokenizer.json."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from amharic_tl.transfer.vocabulary.serialised import Change, Serialised

NAMES = ("sentencepiece.bpe.model", "spiece.model", "spm.model", "tokenizer.model")


def find_file(folder: Path) -> Path | None:
    """The sentencepiece file of a model directory."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def changed_file(path: Path, old: Serialised, change: Change) -> tuple[bytes, list[str]]:
    """The file with the pieces of the changed tokenizer: kept ones as they were and in their order, new ones behind.

    Ids of fairseq's models (XLM-R) are those of the file plus one, and their mask token has the id behind the last
    piece of the file, without being in it. Where pieces are added behind such a token, an entry that no text can match
    takes its place, so that the ids of new pieces fit too.

    Returns:
      The file, and the tokens whose places are held so: who reads the file alone gives them other ids.
    """
    from sentencepiece import sentencepiece_model_pb2 as messages

    proto: Any = messages.ModelProto()  # type: ignore[attr-defined]
    proto.ParseFromString(path.read_bytes())
    kept = set(change.tokenizer.ids)
    # Control tokens of the file go by other names or none in tokenizer.json: they are no pieces of text.
    pieces = [piece for piece in proto.pieces if piece.piece in kept or piece.type not in (1, 4) or _is_alias(piece)]
    offset = _offset(proto, old)
    del proto.pieces[:]
    proto.pieces.extend(pieces)
    lowest = min((piece.score for piece in pieces if piece.type == 1), default=0.0)
    scores = dict(change.tokenizer.model["vocab"]) if change.tokenizer.kind == "Unigram" else {}
    names = {piece.piece for piece in pieces}
    tokens = change.tokenizer.tokens
    held: list[str] = []
    for place in np.flatnonzero(change.origin < 0):
        while offset is not None and len(proto.pieces) < place - offset:
            filler = len(proto.pieces) + offset
            name = tokens[filler] if tokens[filler] not in (None, *names) else f"<unused-{filler}>"
            proto.pieces.add(piece=name, score=0.0, type=3)
            held.append(str(tokens[filler]))
        lowest -= 1.0
        proto.pieces.add(piece=tokens[place], score=scores.get(tokens[place], lowest), type=1)
    proto.trainer_spec.vocab_size = len(proto.pieces)
    return bytes(proto.SerializeToString()), held


def _is_alias(piece: Any) -> bool:
    return piece.piece in ("<s>", "</s>", "<unk>", "<pad>")


def _offset(proto: Any, old: Serialised) -> int | None:
    """By how much the ids of tokenizer.json are larger than those of the file; None where they are not by one number.

    A list in another order cannot be kept in step; its file is of use by pieces alone.
    """
    found = {
        old.ids[piece.piece] - place
        for place, piece in enumerate(proto.pieces)
        if piece.type == 1 and piece.piece in old.ids
    }
    return found.pop() if len(found) == 1 else None


def splits_alike(content: bytes, tokenizer: Serialised, texts: Sequence[str]) -> bool:
    """Whether sentencepiece cuts texts by this file as the tokenizer does; runs of unknown pieces count as one."""
    from sentencepiece import SentencePieceProcessor

    try:
        processor = SentencePieceProcessor(model_proto=content)
    except RuntimeError:  # it does not take the file
        return False
    backend = tokenizer.build()
    unknown = tokenizer.ids.get(tokenizer.unknown or "")
    for text in texts:
        ids = backend.encode(text, add_special_tokens=False).ids
        tokens = [None if place == unknown else tokenizer.tokens[place] for place in ids]
        pieces = [
            None if processor.is_unknown(processor.piece_to_id(piece)) else piece
            for piece in processor.encode(text, out_type=str)
        ]
        if [token for token, _ in groupby(tokens)] != [piece for piece, _ in groupby(pieces)]:
            return False
    return True
