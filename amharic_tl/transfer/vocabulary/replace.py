"""A new vocabulary of the same kind, learned from given texts; what both have keeps its row of the tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.transfer.vocabulary.pieces import BYTE_ALPHABET
from amharic_tl.transfer.vocabulary.serialised import Change, Serialised, word_counts
from amharic_tl.transfer.vocabulary.trim import renumbered
from amharic_tl.transfer.vocabulary.unigram import learn_unigram, repeated


def replace(old: Serialised, texts: Iterable[str], size: int) -> Change:
    """Trains a tokenizer of ``size`` tokens on ``texts``; normalisation and how words are cut stay.

    Tokens that stay whatever a text holds (special ones, bytes) come first, in their old order, so that a padding token
    behind special ones alone keeps its id.

    Raises:
      ConfigError: ``size`` has no room for pieces.
      BadInputError: the texts hold no word.
    """
    fixed = sorted(old.fixed & old.ids.keys(), key=lambda token: old.ids[token])
    if size <= len(fixed):
        raise ConfigError(
            f"--size: expected more than the {len(fixed)} tokens that stay (special ones, bytes), found {size}"
        )
    words = word_counts(old, texts)
    if not words:
        raise BadInputError("the text holds no word, so there is nothing to learn from")
    if old.kind == "Unigram":
        scores = learn_unigram(words, size - len(fixed) + 2, old.unknown or "<unk>")
        learned, merges = list(scores), None
    else:
        scores = {}
        learned, merges = _trained(old, words, size - len([token for token in fixed if token not in BYTE_ALPHABET]))
    names = [*fixed, *(piece for piece in learned if piece not in old.fixed)][:size]
    places = {name: place for place, name in enumerate(names)}
    model = dict(old.model)
    if old.kind == "Unigram":
        before = dict(old.model["vocab"])
        model["vocab"] = [[name, scores.get(name, before.get(name, 0.0))] for name in names]
        if model.get("unk_id") is not None:
            model["unk_id"] = places[str(old.unknown)]
    else:
        model["vocab"] = places
    if merges is not None:
        model["merges"] = [
            pair
            for pair in merges
            if all(piece in places for piece in (*pair, pair[0] + pair[1].removeprefix(old.prefix)))
        ]
    content = {
        **old.content,
        "added_tokens": sorted(
            ({**token, "id": places[token["content"]]} for token in old.content["added_tokens"]),
            key=lambda token: token["id"],
        ),
        "post_processor": renumbered(old.content.get("post_processor"), dict(enumerate(names))),
        "model": model,
    }
    return Change(Serialised(content), np.asarray([old.ids.get(name, -1) for name in names], np.int64))


def _trained(old: Serialised, words: Mapping[str, int], size: int) -> tuple[list[str], list[list[str]] | None]:
    """Pieces in the order they were learned, and for byte-pair encoding the merges."""
    from tokenizers import Tokenizer, models, trainers

    shape: dict[str, Any] = {"continuing_subword_prefix": old.prefix} if old.prefix else {}
    if old.kind == "WordPiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token=old.unknown or "[UNK]"))
        trainer: Any = trainers.WordPieceTrainer(vocab_size=size, show_progress=False, **shape)
    else:
        tokenizer = Tokenizer(models.BPE())
        alphabet = sorted(BYTE_ALPHABET) if old.byte_level else []
        shape |= {"end_of_word_suffix": old.suffix} if old.suffix else {}
        trainer = trainers.BpeTrainer(
            vocab_size=size, min_frequency=2, initial_alphabet=alphabet, show_progress=False, **shape
        )
    tokenizer.train_from_iterator(repeated(words), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    pieces = sorted(model["vocab"], key=lambda piece: model["vocab"][piece])
    return pieces, model.get("merges")
