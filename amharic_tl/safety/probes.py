"""What a monitor shows the model beside a split's own rows: swapped rows, placebo rows and benign sentences.

A placebo is the same row with its groups replaced by invented names, twice: how often the prediction changes between
two names that mean nothing is what a swap would show in an unbiased model. Both placebos of a row have the same
number of tokens, as near as the names allow to that of the row. Only token ids are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
from amharic_tl.data.tokenizer import encode
from amharic_tl.language.script import duplicate_key, near_duplicate_key
from amharic_tl.safety.operator import SCOPES, Scope, SwapOperator


@dataclass(frozen=True)
class CounterfactualProbe:
    """A row that was swapped, and where in the probes' ids its three other versions are."""

    row: int
    axis: str
    scope: Scope
    groups: tuple[str, ...]
    swapped: int
    placebos: tuple[int, int]


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
    :class:`~amharic_tl.culture.swaps.SwapCounts` of the trained-on operator.
    """

    ids: list[np.ndarray]
    row_ids: tuple[str, ...]
    clusters: np.ndarray
    mentioned: Mapping[str, list[tuple[str, ...]]]
    counterfactuals: tuple[CounterfactualProbe, ...]
    benign: tuple[BenignProbe, ...]
    refused: Mapping[str, dict[str, dict[str, object]]]
    without_placebo: int


def make_probes(
    rows: Sequence[Row], operator: SwapOperator, tokenizer: Any, max_length: int, *, benign: bool
) -> Probes:
    """Finds the mentions of a split and makes its probes; the same rows always give the same ones.

    Args:
      rows: of the split.
      operator: what is exchanged for what.
      tokenizer: counts the tokens of placebos and encodes everything.
      max_length: in tokens.
      benign: whether to add the pack's benign sentences, which belong to no split.
    """
    mentions = [operator.mentions(row.text) for row in rows]
    swaps = _swaps(rows, mentions, operator)
    placebos = _placebos([(rows[row].text, mentions[row], axis) for row, axis in swaps.rows], operator, tokenizer)
    texts: list[str] = []
    place_of_placebo: dict[tuple[int, str], tuple[int, int]] = {}
    for key, pair in zip(swaps.rows, placebos, strict=True):
        if pair is not None:
            place_of_placebo[key] = (len(texts), len(texts) + 1)
            texts += pair
    found = []
    for row, axis, scope, groups, text in swaps.made:
        if (row, axis) in place_of_placebo:
            probe = CounterfactualProbe(row, axis, scope, groups, len(texts), place_of_placebo[row, axis])
            found.append(probe)
            texts.append(text)
    sentences = []
    for axis in operator.axes if benign else ():
        for identity, item, group, text in operator.benign_texts(axis):
            sentences.append(BenignProbe(identity, item, axis, group, len(texts)))
            texts.append(text)
    return Probes(
        ids=encode(tokenizer, texts, max_length).ids,
        row_ids=tuple(row.id for row in rows),
        clusters=_clusters(rows),
        mentioned={axis: [_groups(of, axis) for of in mentions] for axis in operator.axes},
        counterfactuals=tuple(found),
        benign=tuple(sentences),
        refused={axis: of.table() for axis, of in swaps.counts.items()},
        without_placebo=sum(pair is None for pair in placebos),
    )


@dataclass
class _Swaps:
    """Texts in memory, until they are encoded."""

    made: list[tuple[int, str, Scope, tuple[str, ...], str]]
    rows: list[tuple[int, str]]
    counts: dict[str, SwapCounts]


def _swaps(rows: Sequence[Row], mentions: Sequence[Sequence[Mention]], operator: SwapOperator) -> _Swaps:
    result = _Swaps([], [], {axis: SwapCounts() for axis in operator.swapped_axes})
    for number, row in enumerate(rows):
        for axis in operator.swapped_axes if mentions[number] else ():
            own = [mention for mention in mentions[number] if mention.axis == axis]
            taken = False
            for scope in SCOPES:
                swap = operator.swap(axis, scope, row.text, own, f"{row.id}/{axis}/{scope}")
                if scope == "trained_on" and isinstance(swap, Swap | Refusal):
                    result.counts[axis].add(own, swap)
                if isinstance(swap, Swap):
                    result.made.append((number, axis, scope, _groups(own, axis), swap.text))
                    taken = True
            if taken:
                result.rows.append((number, axis))
    return result


def _groups(mentions: Sequence[Mention], axis: str) -> tuple[str, ...]:
    return tuple(sorted({mention.group for mention in mentions if mention.axis == axis and mention.human}))


def _clusters(rows: Sequence[Row]) -> np.ndarray:
    """int ``[rows]``: the number of the near-duplicate cluster of each row."""
    numbers: dict[str, int] = {}
    keys = (near_duplicate_key(row.text) or duplicate_key(row.text) for row in rows)
    return np.asarray([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def _placebos(
    rows: Sequence[tuple[str, Sequence[Mention], str]], operator: SwapOperator, tokenizer: Any
) -> list[tuple[str, str] | None]:
    """Two placebo texts of equal token count for each row, None where no two names allow that."""
    candidates = [_candidates(text, mentions, axis, operator) for text, mentions, axis in rows]
    flat = [text for (original, _, _), texts in zip(rows, candidates, strict=True) for text in (original, *texts)]
    lengths = iter(encode(tokenizer, flat, len(max(flat, key=len, default="")) * 8 + 16).lengths.tolist())
    chosen = []
    for texts in candidates:
        wanted = next(lengths)
        by_length: dict[int, list[str]] = {}
        for text in texts:
            by_length.setdefault(next(lengths), []).append(text)
        usable = [(abs(length - wanted), length) for length, of in by_length.items() if len(of) > 1]
        chosen.append(tuple(by_length[min(usable)[1]][:2]) if usable else None)
    return chosen  # type: ignore[return-value]


def _candidates(text: str, mentions: Sequence[Mention], axis: str, operator: SwapOperator) -> list[str]:
    """The row with every choice of neighbouring invented names, a different name for each group."""
    names = operator.pack.placebo_names
    own = [mention for mention in mentions if mention.axis == axis]
    groups = sorted({mention.group for mention in own})
    texts = []
    for first in range(len(names)):
        chosen = [names[(first + place) % len(names)] for place in range(len(groups))]
        written = {group: Written(name, name) for group, name in zip(groups, chosen, strict=True)}
        try:
            texts.append(replace_mentions(text, own, written, operator.pack.grammar))
        except CannotInflectError:
            continue
    return texts
