"""New pieces merged into the tokenizer itself: ids of old tokens stay, and so does how other scripts are split.

Tokens that are merely added (``add_tokens``) are cut out of a text before the model sees it, also from the middle of
words, which breaks the words around them; so pieces are given to the model, each in the way its kind finds pieces:
merges behind the old ones for byte-pair encoding, entries of the longest match for WordPiece, log-probabilities on the
scale of the old ones for Unigram.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from amharic_tl.errors import BadInputError
from amharic_tl.transfer.vocabulary.merges import Merge, learn_merges
from amharic_tl.transfer.vocabulary.pieces import SPACE, Script, may_be_learned
from amharic_tl.transfer.vocabulary.serialised import Change, Serialised, word_counts
from amharic_tl.transfer.vocabulary.unigram import learn_unigram, on_old_scale

# A pair or character that stands in the text only once is no pattern of the language.
MINIMUM_COUNT = 2


def extend(old: Serialised, texts: Iterable[str], size: int, script: Script = "ethiopic") -> Change:
    """Adds up to ``size`` pieces learned from ``texts``.

    Args:
      old: the tokenizer.
      texts: in the language that is to be split better.
      size: how many pieces are added; fewer where the text has no more.
      script: ``ethiopic`` learns from words with Ethiopic letters, pieces of such letters alone, so that every other
        text is split as before; ``any`` learns from all words.

    Raises:
      BadInputError: the texts hold no word of the script, or none that is not one piece already.
    """
    words = word_counts(old, texts)
    words = Counter({word: count for word, count in words.items() if _is_wanted(old, word, script)})
    if not words:
        raise BadInputError(
            f"the text has no word with {'Ethiopic ' if script == 'ethiopic' else ''}letters, so there is nothing to "
            "learn from"
        )
    old = _whole(old)
    new = _unigram(old, words, size, script) if old.kind == "Unigram" else _merged(old, words, size, script)
    added = len(new.tokens) - len(old.tokens)
    if not added:
        raise BadInputError("the text brings no piece that the tokenizer lacks; nothing was written")
    return Change(new, np.concatenate([np.arange(len(old.tokens)), np.full(added, -1)]))


def _is_wanted(old: Serialised, word: str, script: Script) -> bool:
    if script == "ethiopic":
        return old.script(word) == "ethiopic"
    return any(character.isalpha() for character in old.text(word))


def _whole(old: Serialised) -> Serialised:
    """The same tokenizer, whose model holds all tokens, added ones too, so that no later piece can take an id of
    theirs: ``tokenizers`` numbers added tokens anew behind those of the model when it reads them.
    """
    names = [token if token is not None else f"<unused-{place}>" for place, token in enumerate(old.tokens)]
    if old.kind == "Unigram":
        vocabulary = [list(entry) for entry in old.model["vocab"]]
        return old.replaced(vocab=vocabulary + [[name, 0.0] for name in names[len(vocabulary) :]])
    return old.replaced(vocab={name: place for place, name in enumerate(names)})


def _unigram(old: Serialised, words: Mapping[str, int], size: int, script: Script) -> Serialised:
    # What the tokenizer has already is learned again and left aside, as are pieces with marks or digits in them; there
    # must be room for both.
    shared = old.scripts().get("ethiopic", 0) if script == "ethiopic" else min(size, len(old.ids))
    learned = learn_unigram(words, size + shared + size // 4)
    learned = on_old_scale(learned, dict(old.model["vocab"]))
    characters = [piece for piece in learned if len(piece) == 1]
    others = [piece for piece in learned if len(piece) > 1]
    chosen = [
        piece
        for piece in [*characters, *others]
        if piece not in old.ids and may_be_learned(piece, old.text(piece), False, script)
    ][:size]
    return old.replaced(vocab=[*old.model["vocab"], *([piece, learned[piece]] for piece in chosen)])


def _merged(old: Serialised, words: Mapping[str, int], size: int, script: Script) -> Serialised:
    characters = _characters(old, words, script)[:size]
    vocabulary = {**old.model["vocab"]}
    for piece in characters:
        vocabulary[piece] = len(vocabulary)
    old = old.replaced(vocab=vocabulary)
    split: Counter[tuple[str, ...]] = Counter()
    tokenizer = old.build()
    for word, count in words.items():
        split[tuple(token.value for token in tokenizer.model.tokenize(word))] += count
    merges = learn_merges(
        split,
        old.joined,
        lambda piece: _may_be_made(old, piece, script),
        frozenset(old.ids),
        size - len(characters),
        MINIMUM_COUNT,
    )
    for merge in merges:
        vocabulary.setdefault(merge.piece, len(vocabulary))
    return old.replaced(vocab=vocabulary, **_more_merges(old, merges))


def _may_be_made(old: Serialised, piece: str, script: Script) -> bool:
    """No piece may hold a fixed one (an unknown token, a byte, a special token)."""
    held = (old.unknown is not None and old.unknown in piece) or "<0x" in piece
    return not held and piece not in old.fixed and may_be_learned(piece, old.text(piece), old.byte_level, script)


def _more_merges(old: Serialised, merges: list[Merge]) -> dict[str, Any]:
    if old.kind != "BPE":
        return {}
    known = {tuple(pair) for pair in old.model["merges"]}
    return {"merges": [*old.model["merges"], *(list(merge.pair) for merge in merges if merge.pair not in known)]}


def _characters(old: Serialised, words: Mapping[str, int], script: Script) -> list[str]:
    """Characters the model has no piece for, the most frequent first, in the forms they take inside words."""
    if old.byte_level:
        return []
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for piece in old.letters(word):
            counts[piece] += count
    return [
        piece
        for piece, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if count >= MINIMUM_COUNT
        and piece not in old.ids
        and piece.strip(SPACE)
        and may_be_learned(piece, old.text(piece), False, script)
    ]
