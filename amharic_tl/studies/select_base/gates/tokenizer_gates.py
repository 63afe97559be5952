"""Whether a tokenizer can write the task's text: unknown tokens, tokens a word, Ethiopic that comes back, length."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amharic_tl.data.tokenizer import bare_tokens, special_ends
from amharic_tl.errors import name_some
from amharic_tl.studies.select_base.gates.gate import Gate

MOST_UNKNOWN = 0.005
MOST_TOKENS_PER_WORD = 4.0
LEAST_COVERED = 0.995
COVERED_TEXTS = 0.9
FIRST, LAST = "\u1200", "\u137f"
_BETWEEN_WORDS = re.compile(r"[\s\u1361]+")
_ETHIOPIC = re.compile(f"[{FIRST}-{LAST}]")


@dataclass(frozen=True)
class Tokenized:
    """The task's texts as a tokenizer writes them.

    Attributes:
      lengths: int ``[texts]``, tokens with the special ones around them.
      tokens, unknown, words: in all texts, special tokens left out.
    """

    lengths: np.ndarray
    tokens: int
    unknown: int
    words: int


def tokenize(tokenizer: Any, texts: Sequence[str], words: Sequence[Sequence[str]] = ()) -> Tokenized:
    """Counts tokens; ``words``: those of each text where the data has them, otherwise what white space divides.

    Raises:
      BadInputError: a text spells out a token that the model has no row for.
    """
    special = sum(map(len, special_ends(tokenizer)))
    lengths, unknown = np.zeros(len(texts), np.int64), 0
    for row, pieces in enumerate(bare_tokens(tokenizer, texts)):
        lengths[row] = len(pieces)
        unknown += 0 if tokenizer.unk_token_id is None else pieces.count(tokenizer.unk_token_id)
    counted = sum(map(len, words)) if words else sum(1 for text in texts for _ in _words(text))
    return Tokenized(lengths + special, int(lengths.sum()), unknown, counted)


def _words(text: str) -> Iterator[str]:
    return (word for word in _BETWEEN_WORDS.split(text) if word)


def unknown_tokens(found: Tokenized) -> Gate:
    """The share of tokens that stand for something the vocabulary does not have."""
    share = found.unknown / max(found.tokens, 1)
    failed = share > MOST_UNKNOWN
    sentence = f"{found.unknown:,} of {found.tokens:,} tokens are the unknown token" + (
        ": what stood there is lost, and no training brings it back" if failed else ""
    )
    return Gate("unknown-tokens", f"{share:.2%}", f"<= {MOST_UNKNOWN:.1%}", "failed" if failed else "passed", sentence)


def tokens_per_word(found: Tokenized) -> Gate:
    """Tokens divided by words. A tokenizer whose unknown token swallows whole words looks thrifty here."""
    figure = found.tokens / max(found.words, 1)
    failed = figure > MOST_TOKENS_PER_WORD
    sentence = f"{found.tokens:,} tokens for {found.words:,} words" + (
        ": words fall apart into letters or bytes, texts take several times the memory and positions" if failed else ""
    )
    threshold = f"<= {MOST_TOKENS_PER_WORD:g}"
    return Gate("tokens-per-word", f"{figure:.2f}", threshold, "failed" if failed else "passed", sentence)


def ethiopic_coverage(tokenizer: Any, texts: Sequence[str]) -> Gate:
    """The share of the texts' Ethiopic characters that are there again when their words' tokens are decoded.

    Counted by occurrence, over the block U+1200 to U+137F. Lost is what becomes unknown, and what the tokenizer writes
    otherwise, such as letters of one sound made one.
    """
    words = Counter(word for text in texts for word in _words(text) if _ETHIOPIC.search(word))
    used, lost = _lost(tokenizer, words)
    threshold = f">= {LEAST_COVERED:.1%}"
    if not used:
        return Gate("ethiopic-coverage", "none", threshold, "unknown", "the task's text has no Ethiopic character")
    occurrences = sum(used.values())
    share = 1.0 - sum(lost.values()) / occurrences
    failed = share < LEAST_COVERED
    never = [character for character in used if lost[character] == used[character]]
    sentence = f"{share:.2%} of {occurrences:,} Ethiopic characters come back from their tokens"
    if never:
        shown = name_some([f"{character} (U+{ord(character):04X})" for character in sorted(never)])
        sentence += f"; {len(never)} of {len(used)} different ones never do: {shown}"
    return Gate("ethiopic-coverage", f"{share:.2%}", threshold, "failed" if failed else "passed", sentence)


def _lost(tokenizer: Any, words: Mapping[str, int]) -> tuple[Counter[str], Counter[str]]:
    """How often each Ethiopic character is used, and how often it does not come back."""
    used: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    distinct = list(words)
    for start in range(0, len(distinct), 1024):
        batch = distinct[start : start + 1024]
        written = tokenizer(batch, add_special_tokens=False, verbose=False)["input_ids"]
        read = [tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False) for ids in written]
        for word, back in zip(batch, read, strict=True):
            before = Counter(_ETHIOPIC.findall(word))
            for character, count in (before - Counter(_ETHIOPIC.findall(back))).items():
                lost[character] += count * words[word]
            for character, count in before.items():
                used[character] += count * words[word]
    return used, lost


def length_budget(found: Tokenized, max_length: int, max_positions: int, long_text: str) -> Gate:
    """Whether nine texts of ten are read whole; windows read all of every text, as long as one fits the model.

    Args:
      found: the texts.
      max_length: ``config.data.max_length``.
      max_positions: of the model; as large as can be where it has no table of them.
      long_text: ``config.data.long_text``.
    """
    needed = int(np.quantile(found.lengths, COVERED_TEXTS, method="inverted_cdf"))
    cut = float((found.lengths > max_length).mean())
    figure, threshold = f"{needed} tokens", f"p90 <= {min(max_length, max_positions)}"
    if max_length > max_positions:
        why = f"config.data.max_length {max_length} is more than the {max_positions} positions of the model"
        return Gate("length-budget", figure, threshold, "failed", f"{why}; set it to {max_positions} or less")
    if long_text == "windows":
        return Gate(
            "length-budget", figure, "windows", "passed", "config.data.long_text=windows reads all of each text"
        )
    sentence = f"nine texts of ten have at most {needed} tokens; {cut:.1%} of the texts are cut at {max_length}"
    if needed <= max_length:
        return Gate("length-budget", figure, threshold, "passed", sentence)
    raised = f"config.data.max_length={needed}, or " if needed <= max_positions else ""
    advice = f"; use {raised}config.data.long_text=windows"
    return Gate("length-budget", figure, threshold, "failed", sentence + advice)
