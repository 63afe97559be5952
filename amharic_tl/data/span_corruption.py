"""T5's objective on running text: spans become sentinels, and are what is to be written (Raffel et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from amharic_tl.data.parallel import MakePlan, PairedBatches
from amharic_tl.data.tokenizer import model_rows
from amharic_tl.errors import BadInputError


def sentinel_ids(tokenizer: Any) -> list[int]:
    """The ids of ``<extra_id_0>``, ``<extra_id_1>``, ... in that order.

    Raises:
      BadInputError: the tokenizer has none, or the model no row for them.
    """
    vocabulary, rows = tokenizer.get_vocab(), model_rows(tokenizer)
    found: list[int] = []
    # Google's own sentencepiece models of mT5 write them with a space in front.
    for form in ("<extra_id_{}>", "▁<extra_id_{}>"):
        while (name := form.format(len(found))) in vocabulary and vocabulary[name] < rows:
            found.append(vocabulary[name])
    if not found:
        raise BadInputError(
            "span-corruption needs sentinels (<extra_id_0>, ...) as T5 has; this tokenizer has none, or the model "
            "no row for them"
        )
    return found


def span_counts(length: int, density: float, mean_span: float) -> tuple[int, int]:
    """How many of ``length`` tokens are taken out, and in how many spans."""
    noise = min(max(round(length * density), 1), length - 1)
    spans = min(max(round(noise / mean_span), 1), noise, length - noise)
    return noise, spans


def longest_window(limit: int, most_spans: int, density: float, mean_span: float) -> int:
    """The longest window that, corrupted, has at most ``limit`` tokens with the end token, and enough sentinels."""
    length = 2
    while True:
        noise, spans = span_counts(length + 1, density, mean_span)
        if length + 1 - noise + spans + 1 > limit or spans > most_spans:
            return length
        length += 1


def corrupt(
    tokens: np.ndarray, sentinels: Sequence[int], noise: int, spans: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Takes ``noise`` tokens out in ``spans`` spans.

    Kept and taken stretches alternate, a kept one first, none empty: their lengths are a random division of both
    numbers, as in T5's own code. The source has a sentinel for each span; the target each sentinel and its span.
    """
    kept = _division(len(tokens) - noise, spans, generator)
    taken = _division(noise, spans, generator)
    source: list[int] = []
    target: list[int] = []
    start = 0
    for sentinel, keep, take in zip(sentinels, kept, taken, strict=False):
        source += [*tokens[start : start + keep], sentinel]
        target += [sentinel, *tokens[start + keep : start + keep + take]]
        start += keep + take
    return np.asarray(source, np.int32), np.asarray(target, np.int32)


def _division(total: int, parts: int, generator: np.random.Generator) -> np.ndarray:
    """``total`` as a sum of ``parts`` numbers of at least 1, each division as likely as another."""
    cuts = np.sort(generator.choice(total - 1, parts - 1, replace=False)) + 1
    return np.diff(cuts, prepend=0, append=total)


class SpanCorruptionBatches(PairedBatches):
    """Windows of text, corrupted as a function of seed, step and row: the same again after a resumption."""

    def __init__(
        self,
        windows: Sequence[np.ndarray],
        sentinels: Sequence[int],
        make_plan: MakePlan,
        tokenizer: Any,
        *,
        density: float,
        mean_span: float,
        seed: int,
        vary: bool,
        process_index: int = 0,
        process_count: int = 1,
    ) -> None:
        """``windows`` have no special tokens and two tokens or more; ``vary``: corrupt anew at each step."""
        self._windows, self._sentinels = windows, sentinels
        self._counts = [span_counts(len(tokens), density, mean_span) for tokens in windows]
        self._end = np.asarray([tokenizer.eos_token_id], np.int32)
        self._seed, self._vary = seed, vary
        # Lengths follow from the window's; what stands there does not.
        sources = [
            np.zeros(len(tokens) - noise + spans + 1, np.int32)
            for tokens, (noise, spans) in zip(windows, self._counts, strict=True)
        ]
        targets = [np.zeros(noise + spans + 1, np.int32) for noise, spans in self._counts]
        super().__init__(
            sources,
            targets,
            make_plan,
            tokenizer.pad_token_id,
            process_index=process_index,
            process_count=process_count,
        )

    def pair(self, row: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The corrupted window and its spans, each with the end token."""
        counter = (row << 32) | (step if self._vary else 0)
        generator = np.random.Generator(np.random.Philox(key=[self._seed, counter]))
        source, target = corrupt(self._windows[row], self._sentinels, *self._counts[row], generator)
        return np.concatenate([source, self._end]), np.concatenate([target, self._end])
