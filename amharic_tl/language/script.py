"""The Ethiopic script: what belongs to it, and the keys by which texts count as duplicates. Texts are never changed here."""

from __future__ import annotations

import re
import unicodedata

# Ethiopic, Supplement, Extended, Extended-A, Extended-B (Unicode 14).
ETHIOPIC_BLOCKS = ((0x1200, 0x137F), (0x1380, 0x139F), (0x2D80, 0x2DDF), (0xAB00, 0xAB2F), (0x1E7E0, 0x1E7FF))
_ETHIOPIC = "".join(f"{chr(first)}-{chr(last)}" for first, last in ETHIOPIC_BLOCKS)
# Punctuation (U+1360-1368) and numerals (U+1369-137C) are no letters.
_LETTERS = re.compile(f"[{_ETHIOPIC}]")
_NOT_LETTERS = re.compile("[\u1360-\u137f]")
_LINKS_AND_MENTIONS = re.compile(r"https?://\S+|www\.\S+|@\w+")

MINIMUM_LETTERS = 15


def is_ethiopic_letter(character: str) -> bool:
    """Whether a character is an Ethiopic letter (not a mark of punctuation or a numeral)."""
    return bool(_LETTERS.match(character)) and not _NOT_LETTERS.match(character)


def ethiopic_share(text: str) -> float | None:
    """The share of alphabetic characters that are Ethiopic, None where there are none."""
    letters = [character for character in text if character.isalpha()]
    if not letters:
        return None
    return sum(1 for character in letters if _LETTERS.match(character)) / len(letters)


def duplicate_key(text: str) -> str:
    """Equal for texts that are the same after NFC, collapse of white space and lower-casing."""
    return " ".join(unicodedata.normalize("NFC", text).lower().split())


def near_duplicate_key(text: str) -> str | None:
    """Equal for texts whose Ethiopic letters are the same; None for texts with fewer than 15 of them.

    Links and user mentions are removed first, so that a reposted text keeps its key.
    """
    letters = "".join(_LETTERS.findall(_NOT_LETTERS.sub("", _LINKS_AND_MENTIONS.sub(" ", text))))
    return letters if len(letters) >= MINIMUM_LETTERS else None
