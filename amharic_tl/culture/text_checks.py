"""What no text of a pack may hold: markup, addresses, placeholders that nothing fills."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from amharic_tl.language.script import MINIMUM_LETTERS

_MARKUP = re.compile(r"<[^>]*>|&\w+;|https?://|www\.|[\[\]#@*_`|\\]")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}?|\}")


def text_problems(text: str, placeholders: Collection[str] = ()) -> list[str]:
    """What is wrong with a text, as sentences; ``placeholders``: those it may hold, with their braces."""
    problems = []
    if found := _MARKUP.search(_PLACEHOLDER.sub("", text)):
        problems.append(f"markup in a text: {found[0]!r}")
    if any(unicodedata.category(character) in ("Cc", "Cf", "Co", "Cn") for character in text):
        problems.append("a control or unassigned character in a text")
    if text != text.strip() or "  " in text:
        problems.append("spaces at an end of a text, or two in a row")
    unknown = [mark for mark in _PLACEHOLDER.findall(text) if mark not in placeholders]
    if unknown:
        allowed = ", ".join(placeholders) or "none"
        problems.append(f"unknown placeholder {unknown[0]}; known here: {allowed}")
    return problems


def same_text(text: str) -> str:
    """Equal for texts that are the same but for case, spaces, punctuation and placeholders; short ones keep them."""
    letters = "".join(filter(str.isalpha, _PLACEHOLDER.sub("", text))).casefold()
    return letters if len(letters) >= MINIMUM_LETTERS else " ".join(text.casefold().split())
