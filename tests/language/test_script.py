"""Ethiopic letters, shares and duplicate keys."""

from __future__ import annotations

import unicodedata

import pytest

from amharic_tl.language.script import (
    ETHIOPIC_BLOCKS,
    MINIMUM_LETTERS,
    duplicate_key,
    ethiopic_share,
    is_ethiopic_letter,
    letter_counts,
    near_duplicate_key,
)


def test_letters_are_those_that_unicode_calls_ethiopic() -> None:
    every = map(chr, range(0x110000))
    expected = {c for c in every if unicodedata.name(c, "").startswith("ETHIOPIC ") and unicodedata.category(c) == "Lo"}
    found = {c for first, last in ETHIOPIC_BLOCKS for c in map(chr, range(first, last + 1)) if is_ethiopic_letter(c)}
    assert found == expected


@pytest.mark.parametrize("character", ["።", "፡", "፩", "፼", "\u135f", "\u1390", "a", "1", "\u137f"])
def test_marks_and_numerals_are_no_letters(character: str) -> None:
    assert not is_ethiopic_letter(character)


@pytest.mark.parametrize("character", ["ሀ", "ፐ", "\u1380", "\u2d80", "\uab01", "\U0001e7e0"])
def test_supplements_are_letters(character: str) -> None:
    assert is_ethiopic_letter(character)


def test_share_counts_alphabetic_characters_only() -> None:
    assert ethiopic_share("ሰላም abc 123 ።") == pytest.approx(0.5)
    assert ethiopic_share("123 ። !") is None
    assert letter_counts("ሰላም!") == (3, 3)


def test_duplicate_key_folds_case_space_and_composition() -> None:
    assert duplicate_key("  Cafe\u0301\n ሰላም ") == duplicate_key("CAFÉ\tሰላም")
    assert duplicate_key("ሰላም") != duplicate_key("ሠላም"), "homophones are other letters"


def test_near_duplicate_key_drops_links_mentions_and_marks() -> None:
    words = "ባለ ታመ ካነ ዳረ ጋሰ ፋቀ ዛወ ቦሎ"
    key = near_duplicate_key(words)
    assert key is not None and len(key) == 16
    assert near_duplicate_key(f"@someone_ሀሁ {words}። 😀 https://example.org/ሀ?x=1 12") == key
    assert near_duplicate_key("RT: " + words.replace(" ", "፡")) == key


def test_short_texts_have_no_near_duplicate_key() -> None:
    assert near_duplicate_key("ሀ" * (MINIMUM_LETTERS - 1)) is None
    assert near_duplicate_key("ሀ" * MINIMUM_LETTERS) is not None
    assert near_duplicate_key("a long English text that has no such letters at all") is None
