"""Ids of tokens in config.json and generation_config.json, when tokens are numbered anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from amharic_tl.errors import BadInputError

# Besides all keys that end in _token_id or _token_ids: lists of ids, and maps from a language to its id.
_LISTS = ("suppress_tokens", "begin_suppress_tokens", "bad_words_ids", "force_words_ids")
_MAPS = ("lang_code_to_id", "lang_to_id")


def _is_ids(key: str) -> bool:
    return key.endswith(("_token_id", "_token_ids")) or key in (*_LISTS, *_MAPS)


def _whole_numbers(value: Any) -> Iterator[int]:
    if isinstance(value, int) and not isinstance(value, bool):
        yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _whole_numbers(inner)


def ids_in(config: Mapping[str, Any]) -> set[int]:
    """The ids that a config names; negative ones stand for none."""
    return {number for key, value in config.items() if _is_ids(key) for number in _whole_numbers(value) if number >= 0}


def renumber(config: Mapping[str, Any], places: Mapping[int, int], where: str) -> dict[str, Any]:
    """The config with each id as ``places`` numbers it.

    Raises:
      BadInputError: it names an id that is no token.
    """

    def walk(value: Any, key: str) -> Any:
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            if value not in places:
                raise BadInputError(f"{where}: {key} is {value}, which is no token of the tokenizer; mend it first")
            return places[value]
        if isinstance(value, list):
            return [walk(inner, key) for inner in value]
        if isinstance(value, dict):
            return {name: walk(inner, key) for name, inner in value.items()}
        return value

    return {key: walk(value, key) if _is_ids(key) else value for key, value in config.items()}
