"""How a tokenizer cuts texts, by the script of each word: tokens a word, tokens a character, what it does not know."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any

from amharic_tl.language.script import script_counts
from amharic_tl.transfer.vocabulary.pieces import SCRIPTS, is_ethiopic
from amharic_tl.transfer.vocabulary.serialised import Serialised

_WORD = re.compile(r"\S+")
_BATCH = 500


def measure(tokenizer: Serialised, texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Figures by script, and for ``all`` words.

    A word is what stands between white space; its script is that of most of its letters, ``ethiopic`` also for
    Ethiopic marks and numerals alone. A token belongs to the word its last character is in,
    or stands before.

    Returns:
      For each script that the texts have: ``words``, ``characters`` (of words), ``tokens``, ``unknown`` (tokens),
      ``words_with_unknown``, ``tokens_per_word``, ``tokens_per_character``, ``unknown_rate`` (of tokens),
      ``one_token`` (share of words that are one token).
    """
    backend = tokenizer.build()
    unknown = tokenizer.ids.get(tokenizer.unknown) if tokenizer.unknown is not None else None
    counts: dict[str, Counter[str]] = {}
    for first in range(0, len(texts), _BATCH):
        batch = list(texts[first : first + _BATCH])
        for text, encoding in zip(batch, backend.encode_batch(batch, add_special_tokens=False), strict=True):
            _count(text, encoding, unknown, counts)
    total: Counter[str] = Counter()
    for found in counts.values():
        total.update(found)
    order = [script for script in SCRIPTS if script in counts]
    return {name: _figures(found) for name, found in [*((script, counts[script]) for script in order), ("all", total)]}


def _count(text: str, encoding: Any, unknown: int | None, counts: dict[str, Counter[str]]) -> None:
    words = [(match.start(), match.end()) for match in _WORD.finditer(text)]
    if not words:
        return
    starts = [start for start, _ in words]
    tokens = [0] * len(words)
    lost = [0] * len(words)
    for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
        last = max(start, end - 1)
        place = max(bisect_right(starts, last) - 1, 0)
        if last >= words[place][1] and place + 1 < len(words):  # white space alone is the beginning of the next word
            place += 1
        tokens[place] += 1
        lost[place] += token == unknown
    for (start, end), number, missing in zip(words, tokens, lost, strict=True):
        found = counts.setdefault(word_script(text[start:end]), Counter())
        found["words"] += 1
        found["characters"] += end - start
        found["tokens"] += number
        found["unknown"] += missing
        found["words_with_unknown"] += missing > 0
        found["in_one"] += number == 1 and not missing


def word_script(word: str) -> str:
    """The script of most letters of a word; ``none`` for digits and marks that are not Ethiopic."""
    counts = script_counts(word)
    if not any(counts.values()):
        return "ethiopic" if any(map(is_ethiopic, word)) else "none"
    return max(counts, key=lambda name: counts[name])


def _figures(found: Counter[str]) -> dict[str, Any]:
    words, tokens = found["words"], found["tokens"]
    return {
        "words": words,
        "characters": found["characters"],
        "tokens": tokens,
        "unknown": found["unknown"],
        "words_with_unknown": found["words_with_unknown"],
        "tokens_per_word": tokens / words if words else None,
        "tokens_per_character": tokens / found["characters"] if found["characters"] else None,
        "unknown_rate": found["unknown"] / tokens if tokens else None,
        "one_token": found["in_one"] / words if words else None,
    }
