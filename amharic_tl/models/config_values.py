"""Values of a config.json, each checked as it is read, so that a wrong one is named instead of failing far away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from amharic_tl.errors import BadInputError


class ConfigValues:
    """Reads a Hugging Face config key by key.

    Every method raises ``BadInputError`` that names the key, what was expected and what was found. A key that is
    absent or null takes ``default``; without a default it must be there.

    ``names`` are what a family calls the keys of others (DistilBERT's ``dim`` is BERT's ``hidden_size``);
    ``defaults``, by the common names, are the family's own and go before the method's.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        names: Mapping[str, str] | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        self.config, self._names, self._defaults = config, names or {}, defaults or {}

    def name(self, key: str) -> str:
        """What this family calls ``key``."""
        return self._names.get(key, key)

    def _get(self, key: str, default: Any, expected: str) -> Any:
        value = self.config.get(self.name(key))
        value = self._defaults.get(key, default) if value is None else value
        if value is None:
            raise BadInputError(
                f"config.json of this {self.config.get('model_type')} model lacks {self.name(key)}: expected {expected}"
            )
        return value

    def _wrong(self, key: str, expected: str, found: Any) -> BadInputError:
        return _wrong(self.name(key), expected, found)

    def whole(self, key: str, default: int | None = None, minimum: int = 1) -> int:
        """A whole number of at least ``minimum``."""
        expected = f"a whole number of at least {minimum}"
        value = self._get(key, default, expected)
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            raise self._wrong(key, expected, value)
        return value

    def integer(self, key: str, default: int) -> int:
        """A whole number, negative ones (which often stand for none) included."""
        value = self._get(key, default, "a whole number")
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(key, "a whole number", value)
        return value

    def number(self, key: str, default: float | None = None, maximum: float = float("inf")) -> float:
        """A number from 0 to ``maximum``."""
        expected = f"a number from 0 to {maximum:g}" if maximum != float("inf") else "a number of at least 0"
        value = self._get(key, default, expected)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= maximum:
            raise self._wrong(key, expected, value)
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._get(key, default, "true or false")
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return value

    def token_id(self, key: str, default: int) -> int:
        """An id; the first where the config has a list of them."""
        value = self.config.get(key)
        if isinstance(value, list) and value:
            return ConfigValues({**self.config, key: value[0]}).token_id(key, default)
        return self.whole(key, default, minimum=0)

    def one_of(self, key: str, choices: Iterable[str], default: str | None = None) -> str:
        """One of some words."""
        expected = f"one of {', '.join(choices)}"
        value = self._get(key, default, expected)
        if not isinstance(value, str) or value not in choices:
            raise self._wrong(key, expected, value)
        return value


# What the weights showed, where they were looked at: a key that is put beside those of config.json, never written.
OWN_TABLES = "_own_tables"


def says_tied(config: Mapping[str, Any], unsaid: bool = True) -> bool:
    """Whether the config ties the output table to the words; ``unsaid``: what the family does without a word of it."""
    return ConfigValues(config).flag("tie_word_embeddings", unsaid)


def has_own_output(config: Mapping[str, Any], unsaid_tied: bool = True) -> bool:
    """Whether a model of one tower, whose output table alone can be tied, has one of its own: as the weights show where
    they were looked at, otherwise as the config says.
    """
    return bool(config[OWN_TABLES]) if OWN_TABLES in config else not says_tied(config, unsaid_tied)


def has_own_table(config: Mapping[str, Any], name: str) -> bool:
    """Whether a table (``lm_head.weight``, ``encoder.embed_tokens.weight``) is another than the word table: as the
    weights show where they were looked at; otherwise an output table is as the config says, and no other one is.
    """
    if OWN_TABLES in config:
        return name in config[OWN_TABLES]
    return name.startswith("lm_head") and not says_tied(config)


def label_names(config: Mapping[str, Any]) -> list[str]:
    """The names of the classes in order: ``id2label``, or as many ``LABEL_i`` as ``num_labels`` says (2, as in
    Hugging Face).

    Raises:
      BadInputError: ``id2label`` is not a map of 0, 1, ... to names.
    """
    stored = config.get("id2label")
    if not stored:
        return [f"LABEL_{index}" for index in range(ConfigValues(config).whole("num_labels", 2))]
    if not isinstance(stored, Mapping) or sorted(map(str, stored)) != sorted(map(str, range(len(stored)))):
        raise _wrong("id2label", "a map of 0, 1, ... to names", stored)
    by_index = {int(index): str(name) for index, name in stored.items()}
    return [by_index[index] for index in range(len(by_index))]


def _wrong(key: str, expected: str, found: Any) -> BadInputError:
    shown = repr(found)
    return BadInputError(
        f"config.json: {key}: expected {expected}, found {shown if len(shown) <= 100 else shown[:100] + '...'}"
    )
