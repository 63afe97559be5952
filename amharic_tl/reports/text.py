"""How text that comes from data is shown: isolated, in its language, with nothing invisible in it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from amharic_tl.language.script import letter_counts

LONGEST = 160
# Joiners are part of ordinary words in some scripts.
_ALLOWED = ("\u200c", "\u200d")


def visible(text: object, longest: int = LONGEST) -> str:
    """The text with control, direction and line characters written as codes (``<U+202E>``), cut at ``longest``."""
    shown = "".join(
        f"<U+{ord(character):04X}>"
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in _ALLOWED
        else character
        for character in str(text)
    )
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


def distinct(labels: Sequence[str], longest: int = 40) -> list[str]:
    """Short visible forms of different labels that are different too, for the axes of charts."""
    shown: list[str] = []
    for label in labels:
        short, number = visible(label, longest), 2
        while short in shown:
            short, number = f"{visible(label, longest)} ({number})", number + 1
        shown.append(short)
    return shown


def marked(text: object) -> Any:
    """The text as safe markup: escaped, isolated from its surroundings, and said to be Amharic where it is Ethiopic."""
    from markupsafe import Markup

    shown = visible(text)
    language = Markup(' lang="am"') if letter_counts(shown)[1] else ""
    return Markup("<bdi{}>{}</bdi>").format(language, shown)
