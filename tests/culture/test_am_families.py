"""Families on religion and gender in the Amharic pack: how many, of what kinds, balanced, and agreeing throughout."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from amharic_tl.culture import pack as pack_module
from amharic_tl.culture.expansion import Filled, expand
from amharic_tl.culture.families import Family, Word
from amharic_tl.culture.groups import Group
from amharic_tl.culture.mentions import Matcher
from amharic_tl.culture.pack import Pack, open_pack
from amharic_tl.errors import BadInputError

PACKS = Path(pack_module.__file__).parent / "packs"
SPLITS = ("monitor", "penalty", "held-out")
# Forms of these are also nouns with the article (ቤቱ: his house, the house), whoever is spoken of.
ALSO_ARTICLES = ("his_her_house", "his_her_work", "his_her_name", "his_her_child")
# Letters of a syllabary: about as many as syllables.
NEAR = 2


@pytest.fixture(scope="module")
def pack() -> Pack:
    return open_pack("am")


def families(pack: Pack, axis: str, kind: str | None = None) -> list[Family]:
    return [family for family in pack.families if family.axis == axis and kind in (None, family.kind)]


def swapped_religions(pack: Pack) -> list[Group]:
    return [group for group in pack.axis("religion").groups if group.swaps]


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        ("religion", {"association": 14, "honorific": 3, "exchange": 3, "generation": 2, "request": 2}),
        ("gender", {"agreement": 12, "association": 8, "honorific": 2}),
    ],
)
def test_there_are_enough_families_of_each_kind_and_split(pack: Pack, axis: str, expected: dict[str, int]) -> None:
    found = families(pack, axis)
    kinds = Counter(family.kind for family in found)
    assert len(found) >= 22 and all(kinds[kind] >= least for kind, least in expected.items())  # type: ignore[index]
    splits = Counter(family.split for family in found)
    assert splits["monitor"] >= 10 and splits["penalty"] >= 6 and splits["held-out"] >= 6
    topics = [family.topic for family in found]
    assert len(set(topics)) == len(topics), "each has a topic of its own"
    assert {family.authorship.drafted_by for family in found} == {"language-model"}


def letters(word: Word) -> int:
    return len(word.masculine.replace(" ", ""))


@pytest.mark.parametrize("axis", ["religion", "gender"])
def test_words_that_are_compared_are_of_like_length(pack: Pack, axis: str) -> None:
    for family in families(pack, axis, "association"):
        assert family.poles is not None and family.control is not None
        assert len(family.poles.high) >= 2 and len(family.control.high) == len(family.poles.high)
        measured = [letters(word) for word in (*family.poles.high, *family.poles.low)]
        for contrast in (family.poles, family.control):
            for high, low in zip(contrast.high, contrast.low, strict=True):
                assert abs(letters(high) - letters(low)) <= NEAR, family.id
                for word in (high, low):
                    assert min(measured) - NEAR <= letters(word) <= max(measured) + NEAR, family.id


def test_no_noun_is_in_two_splits(pack: Pack) -> None:
    owners: dict[str, str] = {}
    for family in families(pack, "gender", "agreement"):
        for noun in (*family.nouns, *family.control_nouns):
            assert owners.setdefault(noun, family.split) == family.split, noun
        assert len(family.nouns) >= 3 and len(family.control_nouns) >= 5
    assert set(owners.values()) == set(SPLITS)


# What a tag of UniMorph (Amharic: made with HornMorpho) holds for each form; the polite forms are those of the plural.
MARKS = {"masculine": ("MASC",), "feminine": ("FEM",), "polite": ("PL", "FORM"), "plural": ("PL",)}
# Tagged as familiar there: the polite "you are" (Leslau 1995) shows no gender.
TAGGED_OTHERWISE = {"ነዎት"}


def test_verbs_of_the_table_of_agreement_are_what_another_table_says(pack: Pack, shared_dir: Path) -> None:
    table = shared_dir / "data" / "unimorph-amh" / "amh.tsv"
    if not table.is_file():
        pytest.skip(f"needs {table}")
    tags: dict[str, list[str]] = {}
    for line in table.read_text(encoding="utf-8").splitlines():
        _, form, features = line.split("\t")
        tags.setdefault(pack.grammar.fold(form), []).append(features)
    checked = 0
    for paradigm in pack.paradigms.values():
        for name in MARKS.keys() & paradigm.forms.keys():
            last = paradigm.forms[name].split()[-1]
            found = tags.get(pack.grammar.fold(last), [])
            if found and all(tag.startswith("V") for tag in found) and last not in TAGGED_OTHERWISE:
                assert any(mark in tag.split(";") for tag in found for mark in MARKS[name]), f"{paradigm.id}: {last}"
                checked += 1
    assert checked >= 150


def gendered_texts(pack: Pack) -> Iterator[tuple[Filled, str]]:
    """Texts of the axis, and the gender in which their words agree; those in the polite form show none."""
    groups = pack.axis("gender").groups
    by_group = {group.id: group.gender or "" for group in groups}
    for family in families(pack, "gender"):
        for filled in expand(family, groups, pack.paradigms):
            if family.kind == "agreement" and filled.role != "benign":
                yield filled, "feminine" if filled.role.endswith("first") else "masculine"
            elif family.kind != "honorific" or filled.role != "first":
                yield filled, by_group[filled.group or ""]


def only_of(pack: Pack, gender: str) -> set[str]:
    """Forms that a text in the other gender cannot hold."""
    other = "masculine" if gender == "feminine" else "feminine"
    table = [one.forms for name, one in pack.paradigms.items() if gender in one.forms and name not in ALSO_ARTICLES]
    return {forms[gender] for forms in table} - {forms[other] for forms in table}


def holds(text: str, forms: set[str]) -> set[str]:
    words = re.findall(r"[\u1200-\u135a]+", text)
    pairs = {f"{first} {second}" for first, second in zip(words, words[1:], strict=False)}
    return (set(words) | pairs) & forms


def test_no_text_about_a_woman_has_a_masculine_form_and_the_reverse(pack: Pack) -> None:
    of = {gender: only_of(pack, gender) for gender in ("masculine", "feminine")}
    assert {"ነው", "መጣ", "እሱ"} <= of["masculine"] and {"ናት", "መጣች", "እሷ"} <= of["feminine"]
    seen: Counter[str] = Counter()
    for filled, gender in gendered_texts(pack):
        other = "masculine" if gender == "feminine" else "feminine"
        assert not holds(filled.text, of[other]), filled.id
        assert holds(filled.text, of[gender]), f"{filled.id} does not agree"
        seen[gender] += 1
    assert seen["feminine"] == seen["masculine"] > 500


def test_the_familiar_form_of_a_woman_is_feminine_and_the_polite_form_shows_no_gender(pack: Pack) -> None:
    family = families(pack, "gender", "honorific")[0]
    texts = {
        (filled.group, filled.role): filled.text
        for filled in expand(family, pack.axis("gender").groups, pack.paradigms)
        if filled.wording == 0
    }
    assert "ተመለሰች" in texts["women", "second"] and "ተመለሰች" not in texts["men", "second"]
    assert "ተመለሱ" in texts["women", "first"] and "ተመለሱ" in texts["men", "first"]


def test_every_religion_is_read_as_people_where_a_family_names_it(pack: Pack) -> None:
    matcher = Matcher(pack, ["religion"])
    groups = swapped_religions(pack)
    assert len(groups) == 5
    for family in families(pack, "religion"):
        for filled in expand(family, groups, pack.paradigms):
            if filled.pair == 0:
                found = matcher.find(filled.text)
                assert [(one.group, one.human) for one in found] == [(filled.group, True)], filled.id


def test_with_men_as_followers_no_text_on_religion_is_feminine(pack: Pack) -> None:
    feminine = only_of(pack, "feminine")
    for family in families(pack, "religion", "association"):
        for filled in expand(family, swapped_religions(pack)[:1], pack.paradigms):
            assert not holds(filled.text, feminine), filled.id


def test_a_word_that_belongs_to_some_religions_only_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "packs" / "am"
    shutil.copytree(PACKS / "am", copy)
    file = copy / "families" / "religion.yaml"
    written = file.read_text(encoding="utf-8")
    for before, after in (
        ("ደራሲው ስለ አንድ {person} ልጅ ሲተርክ", "አንድ {person} ጓደኛዬ ከመስጊድ ሲወጣ"),
        ("በድራማው ውስጥ {person} የሆነው ሐኪም", "ወደ ቤተ ክርስቲያን የሄደው {person}"),
        ("ልብ ወለዱ የሚጀምረው አንድ {person} ተማሪ", "በረመዳን አንድ {person}"),
    ):
        written = written.replace(before, after)
    file.write_text(written, encoding="utf-8")
    with pytest.raises(BadInputError, match=r"religion\.yaml, line \d+: religion\.stories\.prompt: ") as caught:
        open_pack(str(copy))
    for word in ("ከመስጊድ", "ቤተ", "በረመዳን"):
        assert f"religion only: {word}" in str(caught.value)


def test_gender_is_measured_within_each_people(pack: Pack) -> None:
    both = [family for family in families(pack, "ethnicity", "agreement") if "{people}" in family.texts[0]]
    assert {family.split for family in both} == set(SPLITS)
    groups = pack.axis("ethnicity").groups
    filled = [one for one in expand(both[0], groups, pack.paradigms) if one.role != "benign"]
    assert Counter(one.group for one in filled) == dict.fromkeys(
        (group.id for group in groups), len(filled) // len(groups)
    )
