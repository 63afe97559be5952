"""Pieces of a Unigram model (Kudo 2018) learned from words, with scores on the scale of a model that is there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import numpy as np

LONGEST_PIECE = 16
# From so many shared pieces on, their scores say how the scales differ.
ENOUGH_SHARED = 10
_BATCH = 10_000


def learn_unigram(words: Mapping[str, int], size: int, unknown: str) -> dict[str, float]:
    """Trains a Unigram model; returns its pieces with their log-probabilities, the likeliest first.

    Args:
      words: how often each word stands in the text.
      size: of the vocabulary.
      unknown: a name that no piece has.
    """
    from tokenizers import Tokenizer, models, trainers

    tokenizer = Tokenizer(models.Unigram())
    trainer = trainers.UnigramTrainer(
        vocab_size=size,
        special_tokens=[unknown],
        unk_token=unknown,
        max_piece_length=LONGEST_PIECE,
        show_progress=False,
    )
    tokenizer.train_from_iterator(repeated(words), trainer)
    pieces = json.loads(tokenizer.to_str())["model"]["vocab"]
    found = {piece: float(score) for piece, score in pieces if piece != unknown}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def on_old_scale(learned: Mapping[str, float], old: Mapping[str, float]) -> dict[str, float]:
    """The learned scores, shifted by the median difference of the pieces that both models have.

    Log-probabilities of a model of one language are higher than those of a model that shares its mass among many. Taken
    as they are, new pieces would win against every old one. Where fewer than ten pieces are shared, the least likely
    pieces of both models are set equal.
    """
    shared = [old[piece] - score for piece, score in learned.items() if piece in old]
    if len(shared) >= ENOUGH_SHARED:
        shift = float(np.median(shared))
    else:
        shift = min(old.values()) - min(learned.values())
    return {piece: score + min(shift, 0.0) for piece, score in learned.items()}


def repeated(words: Mapping[str, int]) -> Iterator[list[str]]:
    """Each word as often as it stands in the text: the trainer takes no counts."""
    batch: list[str] = []
    for word, count in words.items():
        batch.extend([word] * count)
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    yield batch
