"""Mentions: clitics, false friends, senses."""

from __future__ import annotations

import pytest

from amharic_tl.culture.mentions import Matcher, Mention
from amharic_tl.culture.pack import Group, open_pack

PACK = open_pack("am")
MATCHER = Matcher(PACK)


def found(text: str) -> list[tuple[str, str]]:
    return [(mention.group, mention.sense) for mention in MATCHER.find(text)]


@pytest.mark.parametrize("prefix", ["", "የ", "በ", "ከ", "ለ", "ስለ", "እንደ"])
@pytest.mark.parametrize("suffix", ["", "ን", "ና", "ም", "ስ", "ንና", "ዎች", "ዎቹ", "ዎችን", "ው", "ውን", "ነት"])
def test_clitics_do_not_hide_a_name(prefix: str, suffix: str) -> None:
    mentions = MATCHER.find(f"ትናንት {prefix}ጉራጌ{suffix} ተወራ።")
    assert [mention.group for mention in mentions] == ["gurage"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ሙስሊሞችን", "muslim"),
        ("ሙስሊሙን", "muslim"),
        ("ትግራዋዮች", "tigrayan"),
        ("ያማራ", "amhara"),
        ("ስላማራ", "amhara"),
        ("ካማራ", "amhara"),
        ("ዐማራ", "amhara"),
        ("ዓፋር", "afar"),
        ("ሐዲያ", "hadiya"),
        ("ሃዲያ", "hadiya"),
        ("ሥልጤ", "silte"),
        ("ሀረሪ", "harari"),
        ("ከቤተ እስራኤላውያን", "beta_israel"),
        ("ቤተ-እስራኤል", "beta_israel"),
        ("ሴቶችን", "women"),
        ("ለወንዱ", "men"),
    ],
)
def test_inflected_contracted_and_homophone_spellings(text: str, expected: str) -> None:
    assert [mention.group for mention in MATCHER.find(f"እሱ {text} አየ።")] == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "ወንድሜ መጣ።",  # my brother
        "ወንድሞቼ እና ወንድማችን",
        "እሴት እና ካሴት",  # value; cassette
        "በርታ ወንድሜ!",  # be strong
        "ነገሩ ከፋ።",  # got worse
        "አማራጭ የለም።",  # alternative
        "አይን አፋር ልጅ ነው።",  # shy
        "ዓይን አፋር ነች።",
        "በቤተክርስቲያን ውስጥ",
        "ኮሞ በጣሊያን ይገኛል።",  # a town
        "ማኦ በቻይና ይታወቃል።",
        "ሶማሊላንድ",
        "ከሀዲያን ናቸው።",  # traitors
        "የከሃዲያንን ሴራ",
    ],
)
def test_false_friends(text: str) -> None:
    assert found(text) == []


def test_a_word_that_needs_a_cue_is_a_name_with_it() -> None:
    assert found("የበርታ ብሔረሰብ ባህል") == [("berta", "people")]
    assert found("የማኦ ህዝብ ቋንቋ") == [("mao", "people")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("የትግራይ ህዝብ", [("tigrayan", "people")]),
        ("ትግራይ ውስጥ", [("tigrayan", "region")]),
        ("ወደ ትግራይ እና ወደ ኦሮሚያ", [("tigrayan", "region"), ("oromo", "region")]),
        ("ትግራዋይ ነኝ", [("tigrayan", "person")]),
        ("ተጋሩ", [("tigrayan", "people")]),
        ("በአማራ ክልል", [("amhara", "region")]),
        ("በአማራ", [("amhara", "region")]),
        ("የአማራ ተወላጆች", [("amhara", "people")]),
        ("ኦሮሞ ነህ", [("oromo", "person")]),
        ("በኦሮምኛ ዘፈነ", [("oromo", "language")]),
        ("የሲዳማ ቡና ክለብ", [("sidama", "organisation")]),
        ("የኦርቶዶክስ እምነት ተከታይ", [("orthodox", "belief")]),
        ("ሀድያ ሆሳና አሸነፈ", [("hadiya", "organisation")]),
        ("በኦሮሚኛ ጻፈ", [("oromo", "language")]),
        ("ወላይታ ድቻ አሸነፈ", [("wolayta", "organisation")]),
        ("የወላይታ ሶዶ ነዋሪ", [("wolayta", "region")]),
        ("የትግራይን ህዝብ", [("tigrayan", "people")]),
        ("የአማራን መሬት", [("amhara", "region")]),
        ("አማራን መንግሥት አየ", [("amhara", "people")]),
        ("በአፋን ኦሮሞ", [("oromo", "language")]),
        ("ከሀዲያ መጣ", [("hadiya", "region")]),
        ("ሶማሌ ክልል", [("somali", "region")]),
        ("ሶማሌ ተጫወተ", [("somali", "region")]),
        ("የሶማሌ ህዝብ", [("somali", "people")]),
        ("ሶማሌዎች", [("somali", "people")]),
        ("ቤኒሻንጉል ጉሙዝ", [("gumuz", "region")]),
        ("የአፋር ባንክ", [("afar", "organisation")]),
        ("የኦርቶዶክስ ተዋህዶ እምነት", [("orthodox", "belief")]),
        ("ኦርቶዶክስ ነን", [("orthodox", "person")]),
    ],
)
def test_senses(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


def test_a_full_stop_between_a_name_and_a_cue_parts_them() -> None:
    assert found("ትግራይ። ህዝብ መጣ") == [("tigrayan", "region")]


def test_positions_cover_the_whole_word() -> None:
    text = "እነሱ ለአማራውና ለሙስሊሞች ነገሩ።"
    assert [text[mention.start : mention.end] for mention in MATCHER.find(text)] == ["ለአማራውና", "ለሙስሊሞች"]


def test_axes_can_be_chosen() -> None:
    only = Matcher(PACK, ["religion"])
    assert [mention.group for mention in only.find("አማራ ሙስሊም ሴት")] == ["muslim"]


def test_an_exact_spelling_is_preferred_to_a_homophone_one() -> None:
    def form(text: str) -> str:
        (mention,) = MATCHER.find(text)
        assert isinstance(mention, Mention)
        return mention.form.text

    assert form("ዐማራ") == "ዐማራ"
    assert form("የአማራ ልጅ") == "አማራ"


@pytest.mark.parametrize("group", [g for axis in PACK.axes.values() for g in axis.groups], ids=lambda g: g.id)
def test_every_name_a_swap_writes_is_recognised_as_that_group(group: Group) -> None:
    uncertain = {form.text for form in group.forms if form.requires_cue}
    for template in ("እሱ {} ነው", "ስለ{}ን ሰማሁ", "የ{} ህዝብ"):
        for name in {group.person, group.people, group.name, group.plural, group.in_full} - {None}:
            text = template.format(name)
            expected = [] if name in uncertain and "ህዝብ" not in text else [group.id]
            assert [mention.group for mention in MATCHER.find(text)] == expected, text
