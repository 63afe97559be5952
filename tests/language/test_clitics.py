"""Words taken apart and put together."""

from __future__ import annotations

import pytest

from amharic_tl.language.clitics import Clitics, Grammar, Prefix, Slot, Suffix
from amharic_tl.language.script import vowel_order, with_vowel

PLURAL = Suffix("plural", "ኦች", "ዎች")
DEFINITE = Suffix("definite", "ኡ", "ው")
ACCUSATIVE = Suffix("accusative", "ን", "ን")
GRAMMAR = Grammar(
    [Prefix("የ", contracts=True), Prefix("ስለ", contracts=True), Prefix("ያለ")],
    [Slot("number", (PLURAL,)), Slot("owner", (DEFINITE,)), Slot("case", (ACCUSATIVE,), outer=True)],
    {ord("ዐ"): "አ", ord("ሐ"): "ሀ"},
)


@pytest.mark.parametrize(
    ("stem", "suffixes", "expected"),
    [
        ("ሙስሊም", ("plural",), "ሙስሊሞች"),
        ("ሙስሊም", ("definite",), "ሙስሊሙ"),
        ("ሙስሊም", ("plural", "definite", "accusative"), "ሙስሊሞቹን"),
        ("ጉራጌ", ("plural",), "ጉራጌዎች"),
        ("ጉራጌ", ("definite", "accusative"), "ጉራጌውን"),
        ("ትግራዋይ", ("plural",), "ትግራዋዮች"),
    ],
)
def test_suffixes_join_a_consonant_and_follow_a_vowel(stem: str, suffixes: tuple[str, ...], expected: str) -> None:
    assert GRAMMAR.build(stem, Clitics("", suffixes)) == expected


def test_a_built_word_is_read_back() -> None:
    for stem in ("ሙስሊም", "ጉራጌ", "አማራ"):
        for written, inner in GRAMMAR.inflections(stem):
            for prefix in ("", "የ", "ስለ", "ያለ"):
                word = prefix + written + "ን"
                assert (GRAMMAR.fold(written), Clitics(prefix, ("accusative",))) in GRAMMAR.readings(
                    GRAMMAR.fold(word)
                ), (stem, inner, prefix)


def test_a_contracted_prefix_is_read_and_written_out_in_full() -> None:
    assert ("አማራ", Clitics("የ", ())) in GRAMMAR.readings("ያማራ")
    assert ("አማራ", Clitics("ስለ", ())) in GRAMMAR.readings("ስላማራ")
    assert GRAMMAR.build("አማራ", Clitics("የ", ())) == "የአማራ"


def test_folding_keeps_length_and_makes_homophones_one() -> None:
    assert GRAMMAR.fold("ሐዐX") == "ሀአx"
    assert len(GRAMMAR.fold("ሐዲያ ዐማራ")) == len("ሐዲያ ዐማራ")


def test_other_spellings_are_read_and_never_written() -> None:
    plural = Suffix("plural", "ኦች", "ዎች", ("ወች", "ኦች"))
    feminine = Suffix("feminine", "ʷኣ", "ዋ", ("ዋ",))
    grammar = Grammar([], [Slot("number", (plural,)), Slot("owner", (feminine,))])
    assert {text for text, names in grammar.inflections("አማራ") if names == ("plural",)} == {"አማራዎች", "አማራወች", "አማሮች"}
    assert {text for text, names in grammar.inflections("ሴት") if names == ("feminine",)} == {"ሴቷ", "ሴትዋ"}
    assert grammar.build("አማራ", Clitics("", ("plural",))) == "አማራዎች"
    assert grammar.build("ሴት", Clitics("", ("feminine",))) == "ሴቷ"
    assert grammar.build("ትግራዋይ", Clitics("", ("feminine",))) == "ትግራዋይዋ", "there is no labial letter"
    assert list(grammar.inflections("ቋንቋ")), "a series that lacks the vowel has no such spelling"


def test_an_unknown_suffix_is_an_error() -> None:
    with pytest.raises(KeyError):
        GRAMMAR.build("አማራ", Clitics("", ("dual",)))


def test_vowels_of_letters() -> None:
    assert [vowel_order(letter) for letter in "መሙሚማሜምሞ"] == list(range(7))
    assert vowel_order("ሟ") is None  # labialised
    assert vowel_order("x") is None
    assert with_vowel("ም", 6) == "ሞ"
    with pytest.raises(ValueError, match="no letter of order"):
        with_vowel("x", 1)
