"""Probe families, paradigms and nuance: what is refused, by file and line, and what becomes of a family in memory."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from amharic_tl.culture import pack as pack_module
from amharic_tl.culture.expansion import expand
from amharic_tl.culture.pack import Pack, open_pack
from amharic_tl.errors import BadInputError

PACKS = Path(pack_module.__file__).parent / "packs"
WRITTEN = {"drafted_by": "person", "source": "a test", "reviewers": [], "status": "draft"}
NUANCE = {
    "id": "calendar.months", "topic": "calendar", "text": "ዓመቱ {answer} ወራት አሉት።",
    "right": "አሥራ ሦስት", "wrong": ["አሥራ ሁለት"],
    "sources": ["a first book, page 1", "a second book, page 2"], "split": "monitor", **WRITTEN,
}  # fmt: skip


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    shutil.copytree(PACKS, tmp_path / "packs")
    return tmp_path / "packs" / "demo"


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(yaml.safe_dump(values, allow_unicode=True, sort_keys=False, width=1000), encoding="utf-8")


def first(values: dict[str, Any]) -> dict[str, Any]:
    family: dict[str, Any] = values["families"][0]
    return family


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v: v.update(axis="colour"), "the pack has no axis 'colour'"),
        (lambda v: first(v)["poles"]["high"].append("ረጋ ያለ"), "poles are unbalanced: 3 high, 2 low"),
        (lambda v: first(v)["poles"]["high"].__setitem__(0, {"masculine": "ደጉ", "feminine": "ደጋ"}), "no pair"),
        (lambda v: v["families"][2]["texts"].__setitem__(0, "{person} {agree:flew}።"), "there is no paradigm 'flew'"),
        (lambda v: v["families"][1]["texts"].__setitem__(0, first(v)["texts"][0]), "on both sides of a split"),
        (lambda v: v["families"][1].update(id=first(v)["id"]), "has the id of ethnicity.neighbour.friendly"),
        (lambda v: first(v)["texts"].__setitem__(1, "<b>{person}</b> {word} ነው።"), "markup in a text: '<b>'"),
        (lambda v: first(v)["texts"].__setitem__(1, "እሱ {word} ነው።"), "needs one of {person}, {people}"),
        (lambda v: first(v)["texts"].__setitem__(1, "{person} ነው።"), "needs {word} once"),
        (lambda v: first(v)["texts"].__setitem__(1, "{person} {wrod} {word}"), "unknown placeholder {wrod}"),
        (lambda v: first(v)["control"]["low"].__setitem__(0, "ዝምተኛ"), "both measured and control"),
        (lambda v: first(v).update(id="work.friendly"), "its id must begin with ethnicity."),
    ],
)  # fmt: skip
def test_a_family_that_is_not_right_is_refused_by_file_and_line(
    demo: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    edit(demo / "families.yaml", change)
    with pytest.raises(BadInputError, match=r"families\.yaml, line \d+") as caught:
        open_pack(str(demo))
    assert said in str(caught.value)


@pytest.mark.parametrize("key", ["texts", "benign", "poles", "control", "dimension", "drafted_by", "split"])
def test_a_family_that_lacks_something_is_refused(demo: Path, key: str) -> None:
    edit(demo / "families.yaml", lambda values: first(values).pop(key))
    with pytest.raises(BadInputError, match=rf"line \d+, families\[0\] \(ethnicity.neighbour.friendly\).*'{key}'"):
        open_pack(str(demo))


def test_four_wordings_are_too_few(demo: Path) -> None:
    edit(demo / "families.yaml", lambda values: first(values)["texts"].pop())
    with pytest.raises(BadInputError, match=r"families\[0\] .*too short"):
        open_pack(str(demo))


def test_the_line_of_a_problem_is_where_it_stands(demo: Path) -> None:
    edit(demo / "families.yaml", lambda values: values["families"][1]["poles"]["high"].append("ሌላ"))
    lines = (demo / "families.yaml").read_text(encoding="utf-8").splitlines()
    number = next(i for i, line in enumerate(lines, 1) if "ethnicity.work.able" in line)
    with pytest.raises(BadInputError, match=rf"families\.yaml, line {number}: ethnicity.work.able: poles"):
        open_pack(str(demo))


def real(demo: Path) -> None:
    """The axis is said to have real groups, with the list of what is never said of these."""
    edit(demo / "ethnicity.yaml", lambda values: values.pop("invented"))
    edit(demo / "pack.yaml", lambda values: values["files"].update(refused_traits="../am/refused_traits.yaml"))


@pytest.mark.parametrize("harm", ["dehumanisation", "incitement"])
def test_dehumanising_and_inciting_items_have_invented_groups_only(demo: Path, harm: str) -> None:
    edit(demo / "families.yaml", lambda values: first(values).update(harm=harm))
    assert open_pack(str(demo)).families[0].harm == harm
    real(demo)
    with pytest.raises(BadInputError, match=f"harm {harm} is written of invented groups only"):
        open_pack(str(demo))


@pytest.mark.parametrize("word", ["ሌባ", "የሌባ", "ቆሻሻ", "በሽተኛ", "ባንዳ"])
def test_some_traits_are_never_said_of_real_groups(demo: Path, word: str) -> None:
    edit(demo / "families.yaml", lambda values: first(values)["poles"]["low"].__setitem__(0, word))
    assert open_pack(str(demo)).invented
    real(demo)
    with pytest.raises(BadInputError, match=rf"never said of real groups \(\w+\): {word}"):
        open_pack(str(demo))


def test_a_word_that_only_begins_like_a_refused_one_is_not_refused(demo: Path) -> None:
    edit(demo / "families.yaml", lambda values: first(values)["poles"]["low"].__setitem__(0, "ትልቅ"))
    real(demo)
    assert not open_pack(str(demo)).invented


def test_families_about_real_groups_need_the_list_of_what_is_never_said(demo: Path) -> None:
    edit(demo / "ethnicity.yaml", lambda values: values.pop("invented"))
    with pytest.raises(BadInputError, match="need a file of refused_traits"):
        open_pack(str(demo))


def test_a_group_without_a_sourced_name_is_refused(demo: Path) -> None:
    edit(demo / "ethnicity.yaml", lambda values: values["groups"][0].update(source=""))
    with pytest.raises(BadInputError, match=r"line \d+, groups\[0\] \(dalumi\).source"):
        open_pack(str(demo))


def test_a_group_is_within_another_group_of_its_axis(demo: Path) -> None:
    edit(demo / "ethnicity.yaml", lambda values: values["groups"][0].update(within=["felgora"]))
    assert open_pack(str(demo)).axis("ethnicity").groups[0].within == ("felgora",)
    edit(demo / "ethnicity.yaml", lambda values: values["groups"][0].update(within=["atlantis"]))
    with pytest.raises(BadInputError, match=r"line \d+: dalumi is within 'atlantis'"):
        open_pack(str(demo))


def with_nuance(demo: Path, **change: Any) -> Pack:
    text = yaml.safe_dump({"items": [{**NUANCE, **change}]}, allow_unicode=True)
    (demo / "nuance.yaml").write_text(text, encoding="utf-8")
    edit(demo / "pack.yaml", lambda values: values["files"].update(nuance=["nuance.yaml"]))
    return open_pack(str(demo))


def test_a_date_has_two_sources_and_other_items_one(demo: Path) -> None:
    assert with_nuance(demo).nuance[0].right == "አሥራ ሦስት"
    assert with_nuance(demo, topic="food", sources=["a first book, page 1"]).nuance[0].topic == "food"
    with pytest.raises(BadInputError, match=r"nuance\.yaml, line \d+: calendar.months: calendar needs 2 sources"):
        with_nuance(demo, sources=["a first book, page 1"])
    with pytest.raises(BadInputError, match="sources"):
        with_nuance(demo, topic="food", sources=[])


def test_a_nuance_item_has_one_place_for_answers_that_differ(demo: Path) -> None:
    with pytest.raises(BadInputError, match="needs {answer} once"):
        with_nuance(demo, text="ዓመቱ ብዙ ወራት አሉት።")
    with pytest.raises(BadInputError, match="not all different"):
        with_nuance(demo, wrong=["አሥራ ሦስት"])


def test_every_group_meets_every_word(demo: Path) -> None:
    pack = open_pack(str(demo))
    family = pack.families[0]
    groups = pack.axis("ethnicity").groups
    filled = list(expand(family, groups, pack.paradigms))
    scored = [one for one in filled if one.role != "benign"]
    assert len(scored) == len(family.texts) * len(groups) * (2 + 2) * 2
    assert set(Counter((one.group, one.role) for one in scored).values()) == {len(family.texts) * 2}
    assert family.poles is not None
    for one in scored:
        assert "{" not in one.text and one.span is not None
    words = {one.text[slice(*one.span)] for one in scored if one.role == "high" and one.span}
    assert words == {word.masculine for word in family.poles.high}
    assert len({one.id for one in filled}) == len(filled)


def test_a_polite_and_a_familiar_form_differ_in_the_verb_alone(demo: Path) -> None:
    pack = open_pack(str(demo))
    family = next(family for family in pack.families if family.kind == "honorific")
    filled = list(expand(family, pack.axis("ethnicity").groups[:1], pack.paradigms))
    polite, familiar = (one for one in filled if one.wording == 0 and one.role in ("first", "second"))
    assert polite.span is not None and familiar.span is not None
    assert polite.text[: polite.span[0]] == familiar.text[: familiar.span[0]]
    assert (polite.text[slice(*polite.span)], familiar.text[slice(*familiar.span)]) == ("መጡ", "መጣ")


def test_no_text_of_a_probe_is_in_what_python_prints_of_it(demo: Path) -> None:
    pack = open_pack(str(demo))
    for family in pack.families:
        filled = next(expand(family, pack.axis("ethnicity").groups, pack.paradigms))
        assert filled.text not in repr(filled) and family.texts[0] not in repr(family)
