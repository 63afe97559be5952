"""A new vocabulary of the same kind, learned from given texts; what both have keeps its row of the tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.transfer.vocabulary.extend import MINIMUM_COUNT
from amharic_tl.transfer.vocabulary.merges import learn_merges
from amharic_tl.transfer.vocabulary.pieces import BYTE_ALPHABET
from amharic_tl.transfer.vocabulary.serialised import Change, Serialised, word_counts
from amharic_tl.transfer.vocabulary.trim import renumbered
from amharic_tl.transfer.vocabulary.unigram import learn_unigram

_BATCH = 10_000


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
    merges: list[list[str]] = []
    if old.kind == "Unigram":
        scores = learn_unigram(words, size - len(fixed) + 2)
        learned = list(scores)
    else:
        scores = {}
        train = _merged if old.prefix or old.suffix else _trained
        learned, merges = train(old, words, size - len([token for token in fixed if token not in BYTE_ALPHABET]))
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
    if old.kind == "BPE":
        model["merges"] = [
            pair for pair in merges if all(piece in places for piece in (*pair, old.joined(pair[0], pair[1])))
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


def _trained(old: Serialised, words: Mapping[str, int], size: int) -> tuple[list[str], list[list[str]]]:
    """Pieces in the order they were learned, and the merges, of byte-pair encoding without marks inside words."""
    from tokenizers import Tokenizer, models, trainers

    tokenizer = Tokenizer(models.BPE())
    alphabet = sorted(BYTE_ALPHABET) if old.byte_level else []
    trainer = trainers.BpeTrainer(
        vocab_size=size, min_frequency=MINIMUM_COUNT, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_repeated(words), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return sorted(model["vocab"], key=lambda piece: model["vocab"][piece]), model["merges"]


def _merged(old: Serialised, words: Mapping[str, int], size: int) -> tuple[list[str], list[list[str]]]:
    """The same for WordPiece, and where pieces carry marks: the trainers of ``tokenizers`` break ties by chance there.

    WordPiece's own training chooses pairs by another score (Schuster and Nakajima 2012), which `tokenizers` does
    not know either.
    """
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for letter in old.letters(word):
            counts[letter] += count
    letters = sorted(counts, key=lambda letter: (-counts[letter], letter))[:size]
    split = {old.letters(word): count for word, count in words.items()}
    known = old.fixed | set(letters)
    merges = learn_merges(split, old.joined, lambda piece: True, known, size - len(letters), MINIMUM_COUNT)
    pieces = dict.fromkeys([*letters, *(merge.piece for merge in merges)])
    return list(pieces), [list(merge.pair) for merge in merges]


def _repeated(words: Mapping[str, int]) -> Iterator[list[str]]:
    """Each word as often as it stands in the text: the trainer takes no counts."""
    batch: list[str] = []
    for word, count in words.items():
        batch.extend([word] * count)
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    yield batch
