"""The Ethiopic script: what belongs to it, and the keys by which texts count as duplicates. Texts are never changed."""

from __future__ import annotations

import re
import unicodedata

# Ethiopic, Supplement, Extended, Extended-A, Extended-B (Unicode 14).
ETHIOPIC_BLOCKS = ((0x1200, 0x137F), (0x1380, 0x139F), (0x2D80, 0x2DDF), (0xAB00, 0xAB2F), (0x1E7E0, 0x1E7FF))

# Letters alone: the blocks also hold punctuation, numerals, tone signs and gemination marks.
ETHIOPIC_LETTERS = "".join(
    chr(code) for first, last in ETHIOPIC_BLOCKS for code in range(first, last + 1) if chr(code).isalpha()
)
_NOT_LETTERS = re.compile(f"[^{ETHIOPIC_LETTERS}]+")
_KNOWN = frozenset(ETHIOPIC_LETTERS)
LINKS_AND_MENTIONS = re.compile(r"https?://\S+|www\.\S+|@\w+")

MINIMUM_LETTERS = 15


def is_ethiopic_letter(character: str) -> bool:
    """Whether a character is an Ethiopic letter (not a mark of punctuation, a numeral or a gemination mark)."""
    return character in _KNOWN


def letter_counts(text: str) -> tuple[int, int]:
    """How many alphabetic characters a text has, and how many of them are Ethiopic letters."""
    letters = [character for character in text if character.isalpha()]
    return len(letters), sum(1 for character in letters if character in _KNOWN)


def script_counts(text: str) -> dict[str, int]:
    """How many letters of a text are Ethiopic, Latin, and of other scripts."""
    counts = {"ethiopic": 0, "latin": 0, "other": 0}
    for character in text:
        if character in _KNOWN:
            counts["ethiopic"] += 1
        elif character.isalpha():
            counts["latin" if is_latin_letter(character) else "other"] += 1
    return counts


def is_latin_letter(character: str) -> bool:
    """Whether a character is a letter of the Latin alphabet, with or without marks (to the end of Extended-B)."""
    return "a" <= character.lower() <= "z" or "\u00c0" <= character <= "\u024f"


def ethiopic_share(text: str) -> float | None:
    """The share of alphabetic characters that are Ethiopic, None where there are none."""
    letters, ethiopic = letter_counts(text)
    return ethiopic / letters if letters else None


def duplicate_key(text: str) -> str:
    """Equal for texts that are the same after NFC, collapse of white space and lower-casing."""
    return " ".join(unicodedata.normalize("NFC", text).lower().split())


def near_duplicate_key(text: str) -> str | None:
    """Equal for texts whose Ethiopic letters are the same; None for texts with fewer than 15 of them.

    Links and user mentions are removed first, so that a reposted text keeps its key.
    """
    letters = _NOT_LETTERS.sub("", LINKS_AND_MENTIONS.sub(" ", text))
    return letters if len(letters) >= MINIMUM_LETTERS else None


# The letters of a series differ in vowel only, in this order: ä u i a e (none) o.
ORDERS = 7
NO_VOWEL = 5
_SERIES = 8
_REGULAR = range(0x1200, 0x1358)


def vowel_order(letter: str) -> int | None:
    """0 to 6 for the seven vowel orders of a regular Ethiopic series, None for any other character.

    Order 5 (the "sixth order") has no vowel, or the short ə: a word that ends in it ends in a consonant.
    """
    if ord(letter) not in _REGULAR or letter not in _KNOWN:
        return None
    order = ord(letter) % _SERIES
    return order if order < ORDERS else None


def with_vowel(letter: str, order: int) -> str:
    """The letter of the same consonant with another vowel.

    Raises:
      ValueError: the letter belongs to no regular series, or the series has no such letter.
    """
    if vowel_order(letter) is None or not 0 <= order < ORDERS:
        raise ValueError(f"{letter!r} has no letter of order {order}")
    other = chr(ord(letter) - ord(letter) % _SERIES + order)
    if other not in _KNOWN:
        raise ValueError(f"{letter!r} has no letter of order {order}")
    return other


def labialised(letter: str) -> str | None:
    """The letter of the same consonant with ``wa`` (``ም`` gives ``ሟ``), None where there is no such letter."""
    if vowel_order(letter) is None:
        return None
    first = unicodedata.name(chr(ord(letter) - ord(letter) % _SERIES))
    for ending in ("WAA", "WA"):  # MA, MU ... MWA; but QA ... QWA, QWI, QWAA
        try:
            found = unicodedata.lookup(f"{first.removesuffix('A')}{ending}")
        except KeyError:
            continue
        return found if found in _KNOWN else None
    return None
