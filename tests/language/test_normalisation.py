"""Normal forms: what is made one, what is never, and the way back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
import yaml

from amharic_tl.errors import BadInputError, MissingInputError
from amharic_tl.language.normalisation import DEFAULT_FORMS, Normaliser, normalise
from amharic_tl.language.numerals import read_numeral
from amharic_tl.language.script import ETHIOPIC_LETTERS
from amharic_tl.language.writing import bundled_writings, open_writing, writing_file

LANGUAGES = bundled_writings()
ALL = tuple(open_writing("am").forms)


def declared(language: str) -> dict[str, dict[str, Any]]:
    """The forms as the file has them, read apart from the code that is tested."""
    values = yaml.safe_load(writing_file(language).read_text(encoding="utf-8"))
    forms = {form["name"]: form for form in values["forms"]}
    if "abbreviations" in forms:
        forms["abbreviations"]["entries"] = values["abbreviations"]["entries"]
    return forms


def alike(language: str) -> dict[str, str]:
    """For every letter of a form of letters, one that stands for all that are joined with it by any of them."""
    of: dict[str, str] = {}
    for form in declared(language).values():
        for same in form.get("letters", ()):
            old = {of.get(letter, letter) for letter in same}
            for letter in [*(known for known, one in of.items() if one in old), *same]:
                of[letter] = min(old)
    return of


def texts(language: str, count: int) -> Iterator[str]:
    """Random texts of what the forms look at, and of what stands around it."""
    dice = random.Random(7)
    pieces = [*"ሀለመደሩዋንኳወይቸልት", *"፩፪፲፱፻፼", *" .:/፡።፣3a(\n", "https://", "www.", "@", "ሩዋንዳ", "ሁዋዌ"]
    for form in declared(language).values():
        pieces += [letter for same in form.get("letters", ()) for letter in same]
        pieces += [text for mark in form.get("marks", ()) for text in mark["for"]] * 4
        pieces += [text for rule in form.get("rules", ()) for text in rule["texts"]]
        pieces += [text + end for rule in form.get("rules", ()) for text in rule["texts"] for end in ("ቸው", "ል")]
        pieces += [text for entry in form.get("entries", ()) for text in (entry["write"], *entry["also"])]
        pieces += [f" {text} " for entry in form.get("entries", ()) for text in entry["also"]]
    for _ in range(count):
        yield "".join(dice.choice(pieces) for _ in range(dice.randint(1, 14)))


@pytest.mark.parametrize(
    "word", ["አዲስ", "እንዴት", "ወስደዋል", "እንደአዲስ", "ሩዋንዳ", "የሩዋንዳን", "ጂማ", "ደወል", "በፌብሩዋሪ", "ዱአችን", "በዱአቸው", "ሁዋዌ"]
)
def test_words_that_other_normalisers_make_into_others_stay(word: str) -> None:
    assert normalise(word, ALL).text == word


def test_a_letter_keeps_its_vowel_where_another_normaliser_loses_it() -> None:
    assert normalise("ኅብረት").text == "ህብረት" != "ሃብረት"
    assert normalise("ሉዓላዊነት ሙዓመር ዱዓ አንዱዓለም", ALL).text == "ሉአላዊነት ሙአመር ዱአ አንዱአለም", "no vowel is swallowed"


@pytest.mark.parametrize(
    ("text", "forms", "expected"),
    [
        ("ዓለም ሥራ ኃይል ፀሐይ ታኅሣሥ", DEFAULT_FORMS, "አለም ስራ ሀይል ጸሀይ ታህሳስ"),
        ("ሄደ፡፡ መጣ:: ሰማ፡፡", ["punctuation"], "ሄደ። መጣ። ሰማ።"),
        ("metu:: ena", ["punctuation"], "metu። ena"),
        ("ሞልቱዋል በሁዋላ ጉዋደኛ ቁዋንቁዋ ሰጡአቸው ልጅቱዋን", ["labialised"], "ሞልቷል በኋላ ጓደኛ ቋንቋ ሰጧቸው ልጅቱዋን"),
        ("ሡዋ ኁዋላ ሞልቱዋል", ["homophones", "labialised"], "ሱዋ ኋላ ሞልቷል"),
        ("ነዉ ሰዎች", ["wu"], "ነው ሰዎች"),
        ("ነዉ ሰዎች", ["wo"], "ነዉ ሰወች"),
        ("በ፲፱፻፺፯ ፪ኛ ፩፪ 5፻", ["numerals"], "በ1997 2ኛ ፩፪ 5፻"),
        ("በ1990 ዓ/ም እ.ኤ.ኣ. በዶ.ር ፅ/ቤት", ["abbreviations"], "በ1990 ዓ.ም እ.ኤ.አ በዶ/ር ጽ/ቤት"),
        ("ዓ.ም.. አዓ/ም ዓ/ምህረት", ["abbreviations"], "ዓ.ም.. አዓ/ም ዓ/ምህረት"),
    ],
)
def test_what_a_form_makes_one(text: str, forms: list[str], expected: str) -> None:
    assert normalise(text, forms).text == expected


@pytest.mark.parametrize(
    "text",
    [
        "ከ3:30 እስከ 12:45", "2:1", "http://example.org/ሠ::1?x=ዓ/ም", "www.example.org/ፀሐይ", "@ሠላም", "a::b",
        "fe80::1", "ሀ:- ለ", ":::", "፡፡፡", "::", "ሰላም፡ለኪ", "e\u0301 Ä  ሰላም\t\u200b",
    ],
)  # fmt: skip
def test_what_no_form_touches(text: str) -> None:
    assert normalise(text, ALL).text == text


@pytest.mark.parametrize("language", LANGUAGES)
def test_letters_are_the_same_only_where_a_form_says_so(language: str) -> None:
    for name, form in declared(language).items():
        classes = {letter: same for same in form.get("letters", ()) for letter in same}
        # A sequence or numeral needs neighbours of its own, which single letters lack.
        one = {letter: normalise(f"{letter}", [name], language).text for letter in ETHIOPIC_LETTERS}
        assert all(len(text) == 1 for text in one.values())
        merged = {frozenset((a, b)) for a, b in combinations(ETHIOPIC_LETTERS, 2) if one[a] == one[b]}
        assert merged == {frozenset(pair) for same in classes.values() for pair in combinations(same, 2)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_change_is_a_declared_one(language: str) -> None:
    forms, same = declared(language), alike(language)

    def folded(text: str) -> str:
        return "".join(same.get(letter, letter) for letter in text)

    for name, form in forms.items():
        seen = 0
        pairs = {(letter, group[0]) for group in form.get("letters", ()) for letter in group}
        pairs |= {(text, mark["write"]) for mark in form.get("marks", ()) for text in mark["for"]}
        pairs |= {pair for rule in form.get("rules", ()) for pair in rule["texts"].items()}
        shorts = {(folded(t), e["write"]) for e in form.get("entries", ()) for t in (e["write"], *e["also"])}
        for text in texts(language, 1500):
            for change in normalise(text, [name], language).changes:
                new, seen = normalise(text, [name], language).text[change.start : change.end], seen + 1
                if name == "numerals":
                    assert str(read_numeral(change.original)) == new
                elif name == "abbreviations":
                    known = [
                        (old, to) for old, to in shorts if folded(change.original).endswith(old) and new.endswith(to)
                    ]
                    assert any(change.original[: -len(old)] == new[: -len(to)] for old, to in known), change
                else:
                    assert (change.original, new) in pairs, change
        assert seen > 20, f"the texts try {name}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_normal_form_is_its_own_and_leads_back(language: str) -> None:
    dice, names = random.Random(3), list(open_writing(language).forms)
    for text in texts(language, 3000):
        normaliser = Normaliser(dice.sample(names, dice.randint(1, len(names))), language)
        result = normaliser(text)
        assert normaliser.text(text) == result.text, "the short way gives the same"
        assert normaliser(result.text).text == result.text, (text, [form.name for form in normaliser.forms])
        assert result.source == text
        assert len(result.spans) == len(result.text)
        starts = [start for start, _ in result.spans]
        assert starts == sorted(starts)
        covered = {place for start, end in result.spans for place in range(start, end)}
        assert covered == set(range(len(text))), "nothing of the source is lost"
        for change in result.changes:
            assert text[change.source_start : change.source_end] == change.original
            assert set(result.spans[change.start : change.end]) == {(change.source_start, change.source_end)}
            assert result.text[change.start : change.end] != change.original
        unchanged = [
            p for p, (a, b) in enumerate(result.spans) if not any(c.start <= p < c.end for c in result.changes)
        ]
        assert all(result.text[place] == text[slice(*result.spans[place])] for place in unchanged)


def test_forms_of_letters_keep_the_length() -> None:
    letters = [name for name, form in open_writing("am").forms.items() if form.letters]
    for text in texts("am", 500):
        result = normalise(text, letters)
        assert len(result.text) == len(text)
        assert result.spans == tuple((place, place + 1) for place in range(len(text)))


def test_a_stretch_is_found_again_in_the_source() -> None:
    text = "በ፲፱፻፺፯ ዓ/ም፡፡ ሥራ"
    result = normalise(text, ALL)
    assert result.text == "በ1997 አ.ም። ስራ"
    start = result.text.index("ስራ")
    assert text[slice(*result.source_span(start, start + 2))] == "ሥራ"
    assert text[slice(*result.source_span(2, 3))] == "፲፱፻፺፯"
    assert [change.forms for change in result.changes] == [
        ("numerals",), ("abbreviations", "homophones"), ("punctuation",), ("homophones",),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="found 3 and 3"):
        result.source_span(3, 3)


def test_another_language_is_other_data() -> None:
    assert normalise("ሐምለ ሠናይ ፀሓይ፡፡", writing="ti").text == "ሐምለ ሰናይ ጸሓይ።", "these h are two sounds in Tigrinya"
    assert normalise("ሐምለ ሠናይ ፀሓይ፡፡").text == "ሀምለ ሰናይ ጸሀይ።"


def test_unknown_forms_and_languages_are_named() -> None:
    with pytest.raises(BadInputError, match="no form homophone of written Amharic; the forms are numerals"):
        normalise("ሀ", ["homophone"])
    with pytest.raises(MissingInputError, match="writing of 'xx': expected one of am, ti"):
        normalise("ሀ", writing="xx")
