"""What a monitor shows the model beside a split's own rows: swapped rows, placebo rows and benign sentences.

A placebo is the same row with its groups replaced by invented names, twice: how often the prediction changes between
two names that mean nothing is what a swap would show in an unbiased model. The two differ in their count of tokens by
exactly as much as the row and the swapped row do, so that a change of length counts on both sides, and are as near to
the row's own length as the names allow. A swap without such a pair is left out and counted. Only token ids are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from amharic_tl.culture.mentions import Mention
from amharic_tl.culture.swaps import (
    CannotInflectError,
    Refusal,
    Swap,
    SwapCounts,
    Written,
    replace_mentions,
)
from amharic_tl.data.rows import Row
from amharic_tl.data.tokenizer import Keep, encode, first_tokens
from amharic_tl.language.script import duplicate_key, near_duplicate_key
from amharic_tl.safety.operator import SCOPES, Scope, SwapOperator


class Watched(Protocol):
    """The rows of a split, as of :class:`Probes`."""

    @property
    def row_ids(self) -> tuple[str, ...]:
        """By row."""
        ...

    @property
    def clusters(self) -> np.ndarray:
        """int ``[rows]``, equal for near-duplicates."""
        ...

    @property
    def mentioned(self) -> Mapping[str, list[tuple[str, ...]]]:
        """By axis and row, the groups that it names."""
        ...


class Swapped(Protocol):
    """A row that was swapped, as of :class:`CounterfactualProbe`."""

    @property
    def row(self) -> int:
        """Its number."""
        ...

    @property
    def axis(self) -> str:
        """Whose groups were exchanged."""
        ...

    @property
    def scope(self) -> str:
        """By which swaps."""
        ...

    @property
    def groups(self) -> tuple[str, ...]:
        """Those that the row names."""
        ...


@dataclass(frozen=True)
class CounterfactualProbe:
    """A row that was swapped, and where in the probes' ids its three other versions are.

    ``excess_tokens``: how many tokens the first placebo has more than the row.
    """

    row: int
    axis: str
    scope: Scope
    groups: tuple[str, ...]
    swapped: int
    placebos: tuple[int, int]
    excess_tokens: int


@dataclass(frozen=True)
class BenignProbe:
    """A benign sentence about a group, and where in the probes' ids it is."""

    id: str
    item: str
    axis: str
    group: str
    place: int


@dataclass(frozen=True)
class Probes:
    """The probes of a split.

    ``mentioned[axis][row]``: ids of the groups whose persons or people the row names. ``clusters[row]``: equal for
    rows that are near-duplicates. ``refused[axis]``: the table of
    :class:`~amharic_tl.culture.swaps.SwapCounts` of the trained-on operator. ``without_placebo`` and ``cut_off`` count
    swaps that are left out: no pair of names fits, or the text is cut off before the name.
    """

    ids: list[np.ndarray]
    row_ids: tuple[str, ...]
    clusters: np.ndarray
    mentioned: Mapping[str, list[tuple[str, ...]]]
    counterfactuals: tuple[CounterfactualProbe, ...]
    benign: tuple[BenignProbe, ...]
    refused: Mapping[str, dict[str, dict[str, object]]]
    without_placebo: int
    cut_off: int

    def mean_excess_tokens(self) -> float | None:
        """How many tokens placebos have more than the rows they stand for, on average; None without any."""
        return float(np.mean([one.excess_tokens for one in self.counterfactuals])) if self.counterfactuals else None


def make_probes(
    rows: Sequence[Row],
    operator: SwapOperator,
    tokenizer: Any,
    max_length: int,
    *,
    benign: bool,
    keep: Keep = first_tokens,
) -> Probes:
    """Finds the mentions of a split and makes its probes; the same rows always give the same ones.

    Args:
      rows: of the split.
      operator: what is exchanged for what.
      tokenizer: counts the tokens of placebos and encodes everything.
      max_length: in tokens.
      benign: whether to add the pack's benign sentences, which belong to no split.
      keep: which tokens of a text that is longer are read.
    """
    mentions = [operator.mentions(row.text) for row in rows]
    swaps = _swaps(rows, mentions, operator)
    placebos = _placebos(
        [(rows[row].text, text, mentions[row], axis) for row, axis, _, _, text in swaps.made], operator, tokenizer
    )
    places: dict[str, int] = {}
    found = []
    cut_off = _cut_off(rows, swaps, tokenizer, max_length, keep)
    for made, pair, is_cut in zip(swaps.made, placebos, cut_off, strict=True):
        row, axis, scope, groups, text = made
        if pair is not None and not is_cut:
            swapped, first, second = (places.setdefault(one, len(places)) for one in (text, *pair.texts))
            probe = CounterfactualProbe(row, axis, scope, groups, swapped, (first, second), pair.excess_tokens)
            found.append(probe)
    texts = list(places)
    sentences = []
    for axis in operator.axes if benign else ():
        for identity, item, group, text in operator.benign_texts(axis):
            sentences.append(BenignProbe(identity, item, axis, group, len(texts)))
            texts.append(text)
    return Probes(
        ids=encode(tokenizer, texts, max_length, keep=keep).ids,
        row_ids=tuple(row.id for row in rows),
        clusters=clusters_of(rows),
        mentioned={axis: [_groups(of, axis) for of in mentions] for axis in operator.axes},
        counterfactuals=tuple(found),
        benign=tuple(sentences),
        refused={axis: of.table() for axis, of in swaps.counts.items()},
        without_placebo=sum(pair is None for pair in placebos),
        cut_off=sum(cut_off),
    )


@dataclass
class _Swaps:
    """Texts in memory, until they are encoded."""

    made: list[tuple[int, str, Scope, tuple[str, ...], str]]
    counts: dict[str, SwapCounts]


def _swaps(rows: Sequence[Row], mentions: Sequence[Sequence[Mention]], operator: SwapOperator) -> _Swaps:
    result = _Swaps([], {axis: SwapCounts() for axis in operator.swapped_axes})
    for number, row in enumerate(rows):
        for axis in operator.swapped_axes if mentions[number] else ():
            own = [mention for mention in mentions[number] if mention.axis == axis]
            for scope in SCOPES:
                swap = operator.swap(axis, scope, row.text, own, f"{row.id}/{axis}/{scope}")
                if scope == "trained_on" and isinstance(swap, Swap | Refusal):
                    result.counts[axis].add(own, swap)
                if isinstance(swap, Swap):
                    result.made.append((number, axis, scope, _groups(own, axis), swap.text))
    return result


def _cut_off(rows: Sequence[Row], swaps: _Swaps, tokenizer: Any, max_length: int, keep: Keep) -> list[bool]:
    """For each swap, whether it is cut off before anything differs: it could never show a change."""
    texts = [text for row, _, _, _, text in swaps.made for text in (rows[row].text, text)]
    ids = encode(tokenizer, texts, max_length, keep=keep).ids
    return [np.array_equal(original, swapped) for original, swapped in zip(ids[::2], ids[1::2], strict=True)]


def _groups(mentions: Sequence[Mention], axis: str) -> tuple[str, ...]:
    return tuple(sorted({mention.group for mention in mentions if mention.axis == axis and mention.human}))


def clusters_of(rows: Sequence[Row]) -> np.ndarray:
    """int ``[rows]``: the number of the near-duplicate cluster of each row."""
    numbers: dict[str, int] = {}
    keys = (near_duplicate_key(row.text) or duplicate_key(row.text) for row in rows)
    return np.asarray([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


@dataclass(frozen=True)
class _PlaceboPair:
    """Two placebo texts, and how many tokens the first has more than the row."""

    texts: tuple[str, str]
    excess_tokens: int


def _placebos(
    swaps: Sequence[tuple[str, str, Sequence[Mention], str]], operator: SwapOperator, tokenizer: Any
) -> list[_PlaceboPair | None]:
    """For each swap two placebo texts, see the module; None where no two names fit."""
    candidates = [_candidates(text, mentions, axis, operator) for text, _, mentions, axis in swaps]
    texts = list(
        dict.fromkeys(text for swap, of in zip(swaps, candidates, strict=True) for text in (*swap[:2], *of.values()))
    )
    lengths = encode(tokenizer, texts, len(max(texts, key=len, default="")) * 8 + 16).lengths.tolist()
    length_of = dict(zip(texts, lengths, strict=True))
    uses: Counter[int] = Counter()
    chosen: list[_PlaceboPair | None] = []
    for (original, swapped, _, _), of in zip(swaps, candidates, strict=True):
        own, change = length_of[original], length_of[original] - length_of[swapped]
        pairs = [
            (
                abs(length_of[first] - own) + abs(length_of[second] - length_of[swapped]),
                uses[left] + uses[right],
                left,
                right,
            )
            for left, first in of.items()
            for right, second in of.items()
            if left != right and length_of[first] - length_of[second] == change
        ]
        if not pairs:
            chosen.append(None)
            continue
        _, _, left, right = min(
            pairs
        )  # among equally near pairs the one least used, so that no two names stand for all
        uses.update((left, right))
        chosen.append(_PlaceboPair((of[left], of[right]), length_of[of[left]] - own))
    return chosen


def _candidates(text: str, mentions: Sequence[Mention], axis: str, operator: SwapOperator) -> dict[int, str]:
    """The row with every choice of neighbouring invented names, a different name for each group, by first name."""
    names = operator.pack.placebo_names
    own = [mention for mention in mentions if mention.axis == axis]
    groups = sorted({mention.group for mention in own})
    texts = {}
    for first in range(len(names)):
        chosen = [names[(first + place) % len(names)] for place in range(len(groups))]
        written = {group: Written(name, name) for group, name in zip(groups, chosen, strict=True)}
        try:
            texts[first] = replace_mentions(text, own, written, operator.pack.grammar)
        except CannotInflectError:
            continue
    return texts
