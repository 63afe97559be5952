"""Texts as tokens that know where in the text they stand, so that a word can be scored and not only a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from amharic_tl.data.tokenizer import bare_tokens, model_rows, special_ends
from amharic_tl.errors import BadInputError, name_some


@dataclass(frozen=True)
class ScoredText:
    """What is scored. ``span``: the compared word, in characters; None where there is none. The text is never shown."""

    text: str = field(repr=False)
    span: tuple[int, int] | None = None


@dataclass(frozen=True)
class Tokens:
    """A text's own tokens, without special ones.

    Attributes:
      ids: of each token.
      widths: how many characters each stands for, spaces included; tokens of parts of a character share it.
      inside: places of the tokens that stand for a part of the span.
      unknown: whether one of those, or without a span any, is the unknown token.
      characters: of the text.
    """

    ids: tuple[int, ...]
    widths: tuple[int, ...]
    inside: tuple[int, ...]
    unknown: bool
    characters: int


def tokenize(tokenizer: Any, texts: Sequence[ScoredText]) -> list[Tokens]:
    """Tokens of texts.

    Raises:
      BadInputError: the tokenizer does not say where its tokens stand, or gives a text or a compared word no token.
    """
    places = token_offsets(tokenizer, [one.text for one in texts])
    unknown = tokenizer.unk_token_id
    found, empty = [], []
    for number, (one, (ids, offsets)) in enumerate(zip(texts, places, strict=True), start=1):
        inside: tuple[int, ...] = ()
        if one.span is not None:
            first, last = one.span
            inside = tuple(place for place, (start, end) in enumerate(offsets) if start < last and end > first)
        if not ids or (one.span is not None and not inside):
            empty.append(number)
        looked_at = [ids[place] for place in inside] if one.span is not None else ids
        found.append(
            Tokens(
                tuple(ids),
                tuple(end - start for start, end in offsets),
                inside,
                unknown is not None and unknown in looked_at,
                len(one.text),
            )
        )
    if empty:
        raise BadInputError(f"the tokenizer has no token for text {name_some(empty)}, or for what is compared in it")
    return found


def token_offsets(tokenizer: Any, texts: Sequence[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
    """Token ids of each text, without special ones, and the characters that each token stands for.

    Raises:
      BadInputError: the tokenizer does not say where its tokens stand.
    """
    if getattr(tokenizer, "is_fast", False):
        encoded = tokenizer(list(texts), add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        rows = model_rows(tokenizer)
        if any(ids and max(ids) >= rows for ids in encoded["input_ids"]):
            raise BadInputError("a text spells out a token for which the model has no row")
        return list(zip(encoded["input_ids"], encoded["offset_mapping"], strict=True))
    found = []
    for text, ids in zip(texts, bare_tokens(tokenizer, texts), strict=True):
        offsets = [(place, place + 1) for place, letter in enumerate(text) for _ in letter.encode()]
        if len(offsets) != len(ids):
            raise BadInputError(
                f"{type(tokenizer).__name__} does not say where its tokens stand in a text; save it as a fast "
                "tokenizer, so that tokenizer.json is there"
            )
        found.append((ids, offsets))
    return found


def shared_places(texts: Sequence[Tokens]) -> list[tuple[int, ...]]:
    """Places of the tokens that all these texts have in common, in order: U of Nangia et al. (2020).

    Tokens are matched with :class:`difflib.SequenceMatcher`, as there, each text against the first.
    """
    first = texts[0].ids
    matches: list[dict[int, int]] = []
    for other in texts[1:]:
        blocks = SequenceMatcher(None, first, other.ids, autojunk=False).get_matching_blocks()
        matches.append({a + step: b + step for a, b, size in blocks for step in range(size)})
    common = [place for place in range(len(first)) if all(place in match for match in matches)]
    return [tuple(common), *(tuple(match[place] for place in common) for match in matches)]


@dataclass(frozen=True)
class Ends:
    """The special tokens around a text."""

    before: tuple[int, ...]
    after: tuple[int, ...]


def ends_of(tokenizer: Any, target: bool = False) -> Ends:
    """Those that the tokenizer sets; ``target``: around a text to write."""
    before, after = special_ends(tokenizer, target)
    return Ends(tuple(before), tuple(after))
