"""Merges that go on where a training ended."""

from __future__ import annotations

import json
from collections import Counter

from amharic_tl.transfer.vocabulary.merges import learn_merges
from tests.transfer.vocabulary.making import sentences


def _learn(words: dict[tuple[str, ...], int], size: int, **changes: object) -> list[tuple[str, str]]:
    settings: dict = {"join": str.__add__, "allowed": lambda piece: True, "known": frozenset(), **changes}
    return [merge.pair for merge in learn_merges(words, size=size, **settings)]


def test_the_most_frequent_pair_is_merged_and_the_others_are_counted_anew() -> None:
    words = {("a", "b", "c"): 5, ("a", "b"): 4, ("b", "c", "d"): 7}
    # b c stands 12 times; once it is merged, a b stands only 4 times and bc d 7 times.
    assert _learn(words, 3) == [("b", "c"), ("bc", "d"), ("a", "bc")]


def test_pairs_that_overlap_themselves_are_merged_from_the_left() -> None:
    assert _learn({("a", "a", "a"): 3}, 5) == [("a", "a"), ("aa", "a")]


def test_rare_and_disallowed_pairs_are_left() -> None:
    words = {("a", "b"): 9, ("c", "d"): 3, ("e", "f"): 1}
    assert _learn(words, 5, allowed=lambda piece: piece != "ab") == [("c", "d")]


def test_a_merge_that_leads_to_a_known_piece_is_learned_and_not_counted() -> None:
    words = {("a", "b"): 9, ("c", "d"): 3}
    assert _learn(words, 1, known=frozenset({"ab"})) == [("a", "b"), ("c", "d")]


def test_from_letters_on_they_compress_as_the_merges_of_the_library() -> None:
    from tokenizers import Tokenizer, models, trainers

    counts = Counter(word for sentence in sentences(80) for word in sentence.split())
    ours = learn_merges(
        {tuple(word): count for word, count in counts.items()}, str.__add__, lambda piece: True, frozenset(), 60
    )
    trained = Tokenizer(models.BPE())
    letters = {letter for word in counts for letter in word}
    trainer = trainers.BpeTrainer(vocab_size=60 + len(letters), show_progress=False)
    trained.train_from_iterator([word for word, count in counts.items() for _ in range(count)], trainer)
    theirs = [tuple(pair) for pair in json.loads(trained.to_str())["model"]["merges"]]
    # Ties are broken in another order, so that some merges differ; which texts become shorter by how much does not.
    assert ours[0].pair == theirs[0]
    vocabulary = {piece: place for place, piece in enumerate([*sorted(letters), *(merge.piece for merge in ours)])}
    built = Tokenizer(models.BPE(vocabulary, [merge.pair for merge in ours]))
    lengths = [sum(len(one.encode(word).ids) * n for word, n in counts.items()) for one in (built, trained)]
    assert abs(lengths[0] - lengths[1]) <= 0.02 * lengths[1]
