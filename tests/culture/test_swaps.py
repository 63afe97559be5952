"""Swaps: clitics are kept, rows are permuted whole, and what cannot be exchanged is refused and counted."""

from __future__ import annotations

import pytest

from amharic_tl.culture.mentions import Matcher
from amharic_tl.culture.pack import open_pack
from amharic_tl.culture.swaps import Refusal, Swap, SwapCounts, Swapper, Written, replace_mentions

PACK = open_pack("am")
MATCHER = Matcher(PACK)
ALL = [group.id for group in PACK.axis("ethnicity").groups if group.swaps]


def swapper(sources: list[str] = ALL, targets: list[str] = ALL, held_out_forms: bool = True) -> Swapper:
    return Swapper(PACK, "ethnicity", sources, targets, held_out_forms=held_out_forms, matcher=MATCHER)


def swap(text: str, to: list[str]) -> str | None:
    result = swapper(targets=to).swap(text, MATCHER.find(text), "row-1")
    return result.text if isinstance(result, Swap) else None


@pytest.mark.parametrize(
    ("text", "to", "expected"),
    [
        ("ጉራጌዎችን አየሁ።", "oromo", "ኦሮሞዎችን አየሁ።"),
        ("ጉራጌዎችን አየሁ።", "tigrayan", "ትግራዋዮችን አየሁ።"),
        ("ጉራጌ ነኝ።", "tigrayan", "ትግራዋይ ነኝ።"),
        ("የትግራይ ህዝብ ሰላም ይፈልጋል።", "amhara", "የአማራ ህዝብ ሰላም ይፈልጋል።"),
        ("የአማራ ህዝብ ሰላም ይፈልጋል።", "tigrayan", "የትግራይ ህዝብ ሰላም ይፈልጋል።"),
        ("ተጋሩን አገኘሁ", "gurage", "ጉራጌዎችን አገኘሁ"),
        ("ያማራ ልጅ", "oromo", "የኦሮሞ ልጅ"),
        ("አማራነቴ ኩራቴ", "gurage", "ጉራጌነቴ ኩራቴ"),
        ("ስለ ጉራጌዎች", "beta_israel", "ስለ ቤተ እስራኤላውያን"),
        ("ለአማራውም ለልጁም", "gumuz", "ለጉሙዙም ለልጁም"),
    ],
)
def test_clitics_are_kept_and_forms_agree(text: str, to: str, expected: str) -> None:
    assert swap(text, [to]) == expected


def test_the_rest_of_the_text_is_untouched() -> None:
    text = "RT @USER:  «ጉራጌ ነኝ»፣ 100% ✊🏾\n\n ዐይን ሐሳብ ሠላም"
    assert swap(text, ["oromo"]) == text.replace("ጉራጌ", "ኦሮሞ")


def test_a_row_with_several_groups_is_permuted_whole() -> None:
    text = "አማራና ኦሮሞ፣ አማራዎች እና ኦሮሞዎች"
    assert swap(text, ["amhara", "oromo"]) == "ኦሮሞና አማራ፣ ኦሮሞዎች እና አማራዎች"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ኦሮሞዎች በኦሮሚያ ይኖራሉ", "other_sense"),
        ("ትግሬዎች መጡ", "form_not_swapped"),
        ("ሲዳማ ነኝ", "outside_the_swap_set"),
        ("ዐማራ ነኝ", "outside_the_swap_set"),
    ],
)
def test_what_cannot_be_exchanged_is_refused(text: str, reason: str) -> None:
    training = [group.id for group in PACK.axis("ethnicity").groups if not group.held_out]
    result = swapper(training, training, held_out_forms=False).swap(text, MATCHER.find(text), "row-1")
    assert result == Refusal(reason)  # type: ignore[arg-type]


def test_a_row_without_persons_or_peoples_is_no_swap_and_no_refusal() -> None:
    for text in ("በትግራይ ክልል", "ሰላም ለሁሉም", "ሙስሊም ነኝ"):
        assert swapper().swap(text, MATCHER.find(text), "row-1") is None


def test_no_other_group_to_become() -> None:
    text = "አማራና ኦሮሞ"
    assert swapper(targets=["gurage"]).swap(text, MATCHER.find(text), "1") == Refusal("no_other_group")
    assert swapper(targets=["amhara"]).swap("አማራ ነኝ", MATCHER.find("አማራ ነኝ"), "1") == Refusal("no_other_group")


def test_gender_is_never_swapped_by_words() -> None:
    genders = Swapper(PACK, "gender", ["men", "women"], ["men", "women"], held_out_forms=True)
    text = "አንድ ሴት መጣች"
    assert genders.swap(text, MATCHER.find(text), "1") == Refusal("outside_the_swap_set")


def test_the_choice_depends_on_the_key_alone_and_reaches_every_group() -> None:
    text = "አማራ ነኝ"
    mentions = MATCHER.find(text)
    drawn = [swapper().swap(text, mentions, f"row-{number}") for number in range(400)]
    again = [swapper().swap(text, mentions, f"row-{number}") for number in range(400)]
    assert drawn == again
    became = {swap.exchanged["amhara"] for swap in drawn if isinstance(swap, Swap)}
    assert became == set(ALL) - {"amhara", "berta", "kafa", "komo", "mao"}, "whose names are other words without a cue"
    text = "የአማራ ህዝብ"
    drawn = [swapper().swap(text, MATCHER.find(text), f"row-{number}") for number in range(400)]
    assert {swap.exchanged["amhara"] for swap in drawn if isinstance(swap, Swap)} == set(ALL) - {"amhara"}


# Places of a name in a sentence, for persons and for peoples.
FRAMES = (
    "እሱ {person} ነው",
    "አንድ {person} ተማሪ መጣ",
    "{person} ነኝ",
    "ከ{person} ጎረቤቴ ጋር",
    "የ{people} ህዝብ",
    "የ{people} ልጆች",
    "የ{people} ታሪክ",
    "ለ{people} ማህበረሰብ",
    "{person}ን አየሁ",
    "ስለ{person} ሰማሁ",
)


@pytest.mark.parametrize("axis", ["ethnicity", "religion"])
@pytest.mark.parametrize("frame", FRAMES)
def test_what_is_swapped_is_read_back_as_the_target_and_as_human(axis: str, frame: str) -> None:
    groups = [group for group in PACK.axis(axis).groups if group.swaps]
    made = 0
    for group in groups:
        text = frame.format(person=group.person, people=group.people)
        for target in groups:
            each = Swapper(PACK, axis, [group.id], [target.id], held_out_forms=True, matcher=MATCHER)
            result = each.swap(text, MATCHER.find(text), "1")
            if isinstance(result, Swap):
                found = MATCHER.find(result.text)
                assert [mention.group for mention in found if mention.axis == axis] == [target.id], frame
                assert all(mention.human for mention in found)
                made += 1
    assert made >= len(groups)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("እሱ ኦሮሞ ነው", "kafa"),  # got worse
        ("አንድ ኦሮሞ መጣ", "berta"),  # be strong
        ("ከኦሮሞ መጣ", "amhara"),  # from the region
        ("የአማራ ታሪክ", "tigrayan"),  # of the region
    ],
)
def test_a_target_that_would_be_understood_otherwise_is_refused_or_gives_way(text: str, target: str) -> None:
    assert swapper(targets=[target]).swap(text, MATCHER.find(text), "1") == Refusal("not_read_back")
    for number in range(20):
        result = swapper(targets=[target, "qemant"]).swap(text, MATCHER.find(text), str(number))
        assert isinstance(result, Swap) and set(result.exchanged.values()) == {"qemant"}


def test_a_persons_name_and_a_peoples_name_stand_where_they_belong() -> None:
    assert swap("አንድ አማራ ተማሪ መጣ", ["tigrayan"]) == "አንድ ትግራዋይ ተማሪ መጣ"
    assert swap("አማራ ገበሬዎች", ["tigrayan"]) == "ትግራዋይ ገበሬዎች"
    assert swap("የአማራ ገበሬዎች", ["tigrayan"]) == "የትግራይ ገበሬዎች"
    assert swap("አማራ ህዝብ", ["tigrayan"]) == "ትግራይ ህዝብ"
    assert swap("የአማራና የኦሮሞ ህዝብ", ["tigrayan", "gurage"]) in {"የትግራይና የጉራጌ ህዝብ", "የጉራጌና የትግራይ ህዝብ"}


def religion(text: str, to: list[str]) -> object:
    every = [group.id for group in PACK.axis("religion").groups]
    return Swapper(PACK, "religion", every, to, held_out_forms=True, matcher=MATCHER).swap(
        text, MATCHER.find(text), "1"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ሙስሊሞች በረመዳን ይጾማሉ", "asymmetric"),
        ("ሙስሊሙ ወደ መስጊድ ሄደ", "asymmetric"),
        ("ካቶሊኮች በቤተ ክርስቲያን ተሰበሰቡ", "asymmetric"),
        ("ሙስሊምና ክርስቲያን በሰላም ይኖራሉ", "form_not_swapped"),
        ("ኦርቶዶክስ ክርስቲያን ነኝ", "form_not_swapped"),
    ],
)
def test_a_swap_that_would_change_what_is_true_is_refused(text: str, reason: str) -> None:
    assert religion(text, ["catholic", "muslim", "waaqeffanna"]) == Refusal(reason)  # type: ignore[arg-type]


def test_a_group_that_takes_in_others_is_never_what_one_becomes() -> None:
    assert religion("ሙስሊም ነኝ", ["christian"]) == Refusal("no_other_group")
    assert isinstance(religion("ሙስሊም ጓደኛዬ መጣ", ["catholic", "christian"]), Swap)


def test_swapped_text_is_not_shown_by_accident() -> None:
    result = swapper(targets=["oromo"]).swap("ጉራጌ ነኝ", MATCHER.find("ጉራጌ ነኝ"), "1")
    assert isinstance(result, Swap)
    assert "ኦሮሞ" not in repr(result)


def test_latin_names_take_no_suffixes() -> None:
    text = "ጉራጌዎች"
    with pytest.raises(ValueError, match="takes no suffixes"):
        replace_mentions(text, MATCHER.find(text), {"gurage": Written("Zalfari", "Zalfari")}, PACK.grammar)


def test_refusals_are_counted_by_group() -> None:
    counts = SwapCounts()
    for number, text in enumerate(["አማራ ነኝ", "አማራ ነህ", "አማራዎች በትግራይ", "ኦሮሞዎች በኦሮሚያ"]):
        mentions = MATCHER.find(text)
        result = swapper().swap(text, mentions, str(number))
        assert result is not None
        counts.add(mentions, result)
    table = counts.table()
    assert table["amhara"] == {"texts": 3, "swapped": 2, "refused_share": 1 / 3, "reasons": {"other_sense": 1}}
    assert table["oromo"]["refused_share"] == 1.0
    assert list(table) == sorted(table)
