"""Where sentences and words begin and end."""

from __future__ import annotations

import random

import pytest

from amharic_tl.language.sentences import sentence_spans
from amharic_tl.language.words import word_spans


def sentences(text: str, writing: str = "am") -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text, writing)]


def words(text: str, writing: str = "am") -> list[str]:
    return [text[start:end] for start, end in word_spans(text, writing)]


@pytest.mark.parametrize(
    "expected",
    [
        ["አበበ መጣ።", "ከበደ ሄደ፡፡", "ጫላ ተኛ::", "ማን ነው?", "ማን ነህ፧", "ና!", "እሺ"],
        ["ዶ/ር አበበ በ1990 ዓ.ም. ተወለዱ።", "እ.ኤ.አ. በ2004 የዩ.ኤስ. ጦር መጣ።"],
        ["ዋጋው 3.5 ብር ነው.", "በ3:30 ሰዓት መጣ።"],
        ["«መጣ።» አለ።", "«ሄደ።»", "ከዚያ ተኛ።"],
        ["እሺ... መጣሁ።", "ነው ። ።", "ምን?!", "(አዎ።)", "እሺ"],
        ["አገናኙ http://example.org/a.b?c ነው።", "std::vector ነው።", "ነው:::", "እሺ"],
        ["1. አንደኛው መጣ።", "አ. ከበደ ሄደ።"],
        ["ም/ቤቱ ተሰበሰበ.", "ኤ.ኤፍ.ፒ ዘገበ።"],
    ],
)
@pytest.mark.parametrize("between", [" ", "\n", "\n\n  "])
def test_sentences_end_where_they_do(expected: list[str], between: str) -> None:
    assert sentences(between.join(expected)) == expected


def test_no_space_is_needed_behind_an_ethiopic_mark() -> None:
    assert sentences("መጣ።ሄደ፡፡ተኛ::ተነሳ") == ["መጣ።", "ሄደ፡፡", "ተኛ::", "ተነሳ"]
    assert sentences("a.b c!d") == ["a.b c!d"]


def test_an_abbreviation_before_a_mark_does_not_hide_it() -> None:
    assert sentences("በ1990 ዓ.ም። ከዚያ በ2000 ዓ.ም.:: አሁን") == ["በ1990 ዓ.ም።", "ከዚያ በ2000 ዓ.ም.::", "አሁን"]


def test_places_are_those_of_the_text() -> None:
    dice = random.Random(5)
    pieces = ["ሰላም", "ዓ.ም.", "ዶ/ር", " ", " ", "\n", *'።፧፨፡፡::.!?»«"()3a', "3.5", "http://x.y", "አለ"]
    for _ in range(1500):
        text = "".join(dice.choice(pieces) for _ in range(dice.randint(0, 20)))
        spans = sentence_spans(text)
        ends = [0, *(place for span in spans for place in span), len(text)]
        assert ends == sorted(ends), "in order, without overlap"
        between = [text[ends[place] : ends[place + 1]] for place in range(0, len(ends), 2)]
        assert not "".join(between).strip(), "nothing but white space is left out"
        for start, end in spans:
            assert text[start:end].strip() == text[start:end] != ""
            assert sentence_spans(text[start:end])[0][0] == 0


def test_other_marks_belong_to_other_languages() -> None:
    assert sentences("«መጺኡ።» ኢሉ። ከይዱ።", "ti") == ["«መጺኡ።» ኢሉ።", "ከይዱ።"]
    assert sentences("«መጺኡ።» ኢሉ። ከይዱ።", "am") == ["«መጺኡ።»", "ኢሉ።", "ከይዱ።"]


def test_words_stay_whole() -> None:
    text = "የም/ቤቱ፡ዶ/ር፣ በዓ.ም. ኤ.ኤፍ.ፒ 1,200.5 3:30 ፲፱፻፺፯ ገ/ማርያም (U.S.) @ሰላም http://a.b/c don't፤ ወያኔ-ደርግ አንድ/ሁለት 😀 x1"
    assert words(text) == [
        "የም/ቤቱ", "ዶ/ር", "በዓ.ም.", "ኤ.ኤፍ.ፒ", "1,200.5", "3:30", "፲፱፻፺፯", "ገ/ማርያም", "U.S.", "@ሰላም", "http://a.b/c",
        "don't", "ወያኔ", "ደርግ", "አንድ", "ሁለት", "x1",
    ]  # fmt: skip


def test_words_of_a_text_without_any() -> None:
    assert words("።፡፡ -- 😀") == words("") == []
