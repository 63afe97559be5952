"""What a piece of a tokenizer says: its text without the marks of its kind, and the script it is written in."""

from __future__ import annotations

import unicodedata
from typing import Literal

from amharic_tl.language.script import ETHIOPIC_BLOCKS, is_ethiopic_letter, script_counts

# "none": no letter at all, but digits and marks. Parts of characters count as "other".
SCRIPTS = ("ethiopic", "latin", "other", "none")
Script = Literal["ethiopic", "any"]
SPACE = "▁"
# UTF-8 begins all Ethiopic characters of the Basic Multilingual Plane with these two bytes, and no others but for
# E1 8E (Ethiopic Supplement, then Cherokee), E2 B7 and EA AC, which are known by whole characters only.
_ETHIOPIC_BYTES = (*(bytes((0xE1, second)) for second in range(0x88, 0x8E)), b"\xe2\xb6")


def _byte_alphabet() -> dict[str, int]:
    """The characters by which byte-level tokenizers write bytes (Radford et al. 2019): printable ones stand for
    themselves, the others for characters from U+0100 on.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + place): byte for place, byte in enumerate(others)}


BYTE_ALPHABET = _byte_alphabet()


def text_of(piece: str, byte_level: bool, prefix: str = "", suffix: str = "") -> str:
    """The text a piece stands for, without marks of word boundaries; of bytes, the characters that are whole."""
    if byte_level:
        return bytes_of(piece).decode("utf-8", errors="ignore").strip()
    if prefix:
        piece = piece.removeprefix(prefix)
    if suffix:
        piece = piece.removesuffix(suffix)
    return piece.strip(SPACE)


def bytes_of(piece: str) -> bytes:
    """The bytes of a byte-level piece; characters that stand for none (those of special tokens) as UTF-8."""
    return b"".join(
        bytes((BYTE_ALPHABET[character],)) if character in BYTE_ALPHABET else character.encode() for character in piece
    )


def is_ethiopic(character: str) -> bool:
    """Whether a character is of the Ethiopic blocks: letters, marks, numerals."""
    return any(first <= ord(character) <= last for first, last in ETHIOPIC_BLOCKS)


def holds_ethiopic(piece: str, text: str, byte_level: bool) -> bool:
    """Whether any character of a piece is Ethiopic, or in bytes the beginning of one that can be nothing else."""
    if any(map(is_ethiopic, text)):
        return True
    return byte_level and any(start in bytes_of(piece) for start in _ETHIOPIC_BYTES)


def script_of(piece: str, text: str, byte_level: bool) -> str:
    """One of :data:`SCRIPTS`: Ethiopic where any character is, otherwise the script of most letters."""
    if holds_ethiopic(piece, text, byte_level):
        return "ethiopic"
    counts = script_counts(text)
    if byte_level and not any(counts.values()) and _is_part(bytes_of(piece)):
        return "other"
    return max(counts, key=lambda name: counts[name]) if any(counts.values()) else "none"


def _is_part(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def may_be_learned(piece: str, text: str, byte_level: bool, script: Script) -> bool:
    """Whether a piece may be added: a single character, or letters alone with their marks; of the script asked for.

    A piece without a letter of the script could change how texts of other languages are split.
    """
    if script == "ethiopic":
        single = len(text) == 1 or all(map(is_ethiopic_letter, text))
        return single and holds_ethiopic(piece, text, byte_level)
    if len(text) == 1:
        return True
    whole = all(character.isalpha() or unicodedata.category(character).startswith("M") for character in text)
    return whole and (bool(text) or byte_level)
