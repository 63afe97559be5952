"""Mentions: clitics, false friends, senses."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from amharic_tl.culture.groups import Group
from amharic_tl.culture.mentions import Matcher, Mention
from amharic_tl.culture.pack import open_pack

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
        ("ኦሮሞዋ", "oromo"),
        ("ትግራዋይዋ", "tigrayan"),
        ("ሙስሊሟን", "muslim"),
        ("ሴቷ", "women"),
        ("ሴትዋ", "women"),
        ("ሴትዮዋ", "women"),
        ("ሴትየዋ", "women"),
        ("ሰውየው", "men"),
        ("አማራወች", "amhara"),
        ("አማሮች", "amhara"),
        ("ኦሮሞችን", "oromo"),
        ("አማራችን", "amhara"),
        ("ኦሮሟችን", "oromo"),
        ("ስለነአማራ", "amhara"),
        ("ከእነኦሮሞ", "oromo"),
        ("የእነጉራጌ", "gurage"),
        ("ለየአማራው", "amhara"),
        ("እንደየሲዳማው", "sidama"),
        ("ስለየጋሞው", "gamo"),
        ("ቤተ እስራኤላዊያንን", "beta_israel"),
        ("ለቤተእስራኤል", "beta_israel"),
        ("በትግሪኛ", "tigrayan"),
        ("ጉራጊኛ", "gurage"),
        ("ኦሮሚፋ", "oromo"),
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
        "ከሃዲዮችን",
        "አይነ አፋር ልጅ",  # shy
        "የዓይነ አፋር ልጅ",
        "ወንድም አለኝ",  # a brother
        "የወንድም ፍቅር",
        "ለወንድምም ነገረው",
        "ወንድምን አየሁ",
        "ገብረ ክርስቲያን መጣ",  # a person's name
        "በቤተ ክርስቲያን ውስጥ",
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
        ("የአማራ ብሔራዊ ክልላዊ መንግሥት", [("amhara", "region")]),
        ("የኦሮሞ ፌደራሊስት ኮንግረስ", [("oromo", "organisation")]),
        ("የአማራ ብሔራዊ ንቅናቄ", [("amhara", "organisation")]),
        ("የአማራ ዴሞክራሲያዊ ፓርቲ", [("amhara", "organisation")]),
        ("የኦሮሞ ህዝብ ዴሞክራሲያዊ ድርጅት", [("oromo", "organisation")]),
        ("ሐረሪ ብሔራዊ ጉባኤ", [("harari", "organisation")]),
        ("አማራ ልማት ማህበር", [("amhara", "organisation")]),
        ("ኦርቶዶክስ ቤተ ክርስቲያን", [("orthodox", "organisation")]),
        ("አማራና አፋር ክልሎች", [("amhara", "region"), ("afar", "region")]),
        ("አማራ፣ አፋርና ትግራይ ክልሎች", [("amhara", "region"), ("afar", "region"), ("tigrayan", "region")]),
        ("በአማራና አፋር", [("amhara", "region"), ("afar", "region")]),
        ("የትግራይና የአማራ ህዝብ", [("tigrayan", "people"), ("amhara", "people")]),
        ("የአማራ ህዝብ እና የአፋር ክልል", [("amhara", "people"), ("afar", "region")]),
        ("ጋሞ ጎፋ", [("gamo", "region")]),
        ("ወደ አማራ ሄደ", [("amhara", "region")]),
        ("የትግራይ ጦርነት", [("tigrayan", "region")]),
        ("የክርስትና ታሪክ", [("christian", "belief")]),
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
            # A name of one axis may hold a place or a language of another (የአማራ ክልል ነዋሪ), never other persons.
            found = [mention for mention in MATCHER.find(text) if mention.axis == group.axis or mention.human]
            assert [mention.group for mention in found] == expected, text


HAND_CHECKED = yaml.safe_load((Path(__file__).parent / "hand_checked.yaml").read_text(encoding="utf-8"))["texts"]
NAMED = [group for axis in ("ethnicity", "religion") for group in PACK.axis(axis).groups]


@pytest.mark.parametrize("group", NAMED, ids=lambda group: group.id)
def test_precision_and_recall_on_texts_read_by_hand(group: Group) -> None:
    right = said = there = 0
    for entry in HAND_CHECKED:
        found = [m.group for m in MATCHER.find(entry["text"]) if m.human and m.axis != "gender"].count(group.id)
        meant = entry.get("human", []).count(group.id)
        right, said, there = right + min(found, meant), said + found, there + meant
    assert there >= 3
    assert right / said >= 0.95 and right / there >= 0.95, (right, said, there)
