"""Rules of ``transfer.rules``: ``PATTERN [frozen] [rate=0.5] [decay=0] [from=2epochs]``, one after the other.

On the command line they are one text with ``;`` between them, in a file a list of texts, or of mappings with the keys
``pattern trains rate decay from``. They are stored as texts.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NewType

from amharic_tl.config.moments import START, Moment, parse_moment

RuleText = NewType("RuleText", str)
_KEYS = ("rate", "decay", "from")


@dataclass(frozen=True)
class WrittenRule:
    """A rule as a user wrote it.

    Attributes:
      pattern: that a whole canonical name must match.
      trains: whether what it matches ever trains.
      rate: factor of the learning rate.
      decay: weight decay; None: the run's, for matrices alone.
      begins: when it thaws.
    """

    pattern: str
    trains: bool = True
    rate: float = 1.0
    decay: float | None = None
    begins: Moment = START


def rule_texts(value: Any) -> tuple[RuleText, ...]:
    """The rules as texts, whatever way they were given.

    Raises:
      ValueError: a rule that cannot be read, with its place and what was expected.
    """
    if isinstance(value, str):
        value = [part for part in re.split(r"[;\n]", value) if part.strip()]
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"expected rules such as '.*embeddings.* frozen; .* rate=0.5', found {value!r}")
    texts = []
    for number, each in enumerate(value, 1):
        try:
            text = " ".join((each if isinstance(each, str) else _from_mapping(each)).split())
            parse_rule(text)
        except ValueError as error:
            raise ValueError(f"rule {number}: {error}") from None
        texts.append(RuleText(text))
    return tuple(texts)


def parse_rule(text: str) -> WrittenRule:
    """One rule.

    Raises:
      ValueError: no pattern, an unknown word, or a value that does not fit.
    """
    pattern, *words = text.split()
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    settings: dict[str, Any] = {}
    for word in words:
        key, equals, typed = word.partition("=")
        name = key if not equals else {"from": "begins"}.get(key, key)
        if name in settings or (key == "frozen" and "trains" in settings):
            raise ValueError(f"{key} is given twice in {text!r}")
        if word == "frozen":
            settings["trains"] = False
        elif key in _KEYS and equals:
            settings[name] = _value(key, typed)
        else:
            near = difflib.get_close_matches(key, [*_KEYS, "frozen"], n=1)
            hint = f"; did you mean {near[0]}{'=' if near[0] in _KEYS else ''}?" if near else ""
            raise ValueError(f"expected frozen, rate=, decay= or from= after the pattern, found {word!r}{hint}")
    if settings.get("trains") is False and len(settings) > 1:
        raise ValueError(f"{text!r}: what is frozen has no rate, decay or beginning")
    return WrittenRule(pattern, **settings)


def _value(key: str, typed: str) -> float | Moment:
    if key == "from":
        return parse_moment(typed)
    low, high = (0.0, 1000.0) if key == "rate" else (0.0, 1.0)
    try:
        number = float(typed)
    except ValueError:
        number = math.nan
    if not low <= number <= high or (key == "rate" and number == 0):
        most = f"above 0 and at most {high:g}" if key == "rate" else f"from {low:g} to {high:g}"
        raise ValueError(f"{key}: expected a number {most}, found {typed!r}{'; use frozen' if number == 0 else ''}")
    return number


def _from_mapping(each: Any) -> str:
    given = each.to_dict() if hasattr(each, "to_dict") else each
    if not isinstance(given, Mapping) or not isinstance(given.get("pattern"), str) or not given["pattern"].strip():
        raise ValueError(f"expected a text or a mapping with a pattern, found {each!r}")
    if len(given["pattern"].split()) > 1:
        raise ValueError(f"a pattern has no blanks, found {given['pattern']!r}")
    unknown = [key for key in given if key not in ("pattern", "trains", *_KEYS)]
    if unknown:
        raise ValueError(f"expected the keys pattern, trains, rate, decay, from, found {unknown[0]!r}")
    if not isinstance(given.get("trains", True), bool):
        raise ValueError(f"trains: expected true or false, found {given['trains']!r}")
    words = [f"{key}={given[key]}" for key in _KEYS if given.get(key) is not None]
    return " ".join([given["pattern"], *([] if given.get("trains", True) else ["frozen"]), *words])
