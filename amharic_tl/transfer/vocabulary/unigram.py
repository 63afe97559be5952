"""Pieces of a Unigram model (Kudo 2018) learned from words, with scores on the scale of a model that is there."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

import numpy as np

from amharic_tl.errors import BadInputError
from amharic_tl.transfer.vocabulary.pieces import SPACE

LONGEST_PIECE = 16
# From so many shared pieces on, their scores say how the scales differ.
ENOUGH_SHARED = 10


def learn_unigram(words: Mapping[str, int], size: int) -> dict[str, float]:
    """Trains a Unigram model; returns its pieces with their log-probabilities, the likeliest first.

    With sentencepiece, whose result is the same every time; the trainer of ``tokenizers`` breaks ties by chance.

    Args:
      words: how often each word stands in the text, the beginning of one marked.
      size: of the vocabulary; larger where the words have more characters, smaller where they have no more pieces.

    Raises:
      BadInputError: sentencepiece finds nothing in them.
    """
    from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

    characters = {character for word in words for character in word}
    model = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=_lines(words),
            input_format="tsv",
            model_writer=model,
            model_type="unigram",
            vocab_size=max(size, len(characters) + 2),
            hard_vocab_limit=False,
            character_coverage=1.0,
            max_sentencepiece_length=LONGEST_PIECE,
            # Words come as the tokenizer's own normalisation and pre-tokenization left them.
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            split_by_unicode_script=False,
            split_by_number=False,
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
            num_threads=1,  # sums in another order would be other sums
            minloglevel=2,
        )
    except RuntimeError as error:
        raise BadInputError(
            f"sentencepiece learns nothing from the {len(words):,} words of the text: {error}"
        ) from None
    trained = SentencePieceProcessor(model_proto=model.getvalue())
    found = {trained.id_to_piece(place): trained.get_score(place) for place in range(1, trained.get_piece_size())}
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


def _lines(words: Mapping[str, int]) -> Iterator[str]:
    """Words with their counts, in an order that does not hang on that of the text."""
    for word, count in sorted(words.items(), key=lambda item: (-item[1], item[0])):
        if word.strip(SPACE):
            yield f"{word}\t{count}"
