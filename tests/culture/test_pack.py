"""Packs: what the bundled ones hold, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from amharic_tl.culture import pack as pack_module
from amharic_tl.culture.mentions import Matcher
from amharic_tl.culture.pack import bundled_packs, open_pack
from amharic_tl.errors import BadInputError, MissingInputError

PACKS = Path(pack_module.__file__).parent / "packs"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the bundled packs; the Amharic one may be changed."""
    shutil.copytree(PACKS, tmp_path / "packs")
    return tmp_path / "packs" / "am"


def edit(path: Path, change: object) -> None:
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(values)  # type: ignore[operator]
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")


@pytest.mark.parametrize("name", bundled_packs())
def test_every_entry_of_a_bundled_pack_says_who_wrote_it(name: str) -> None:
    pack = open_pack(name)
    entries = [group.authorship for axis in pack.axes.values() for group in axis.groups]
    entries += [item.authorship for item in pack.benign] + [pack.authorship, pack.language_authorship]
    for authorship in entries:
        assert authorship.drafted_by in ("language-model", "person", "source")
        assert authorship.source
        assert authorship.reviewed == bool(authorship.reviewers)


def test_what_no_native_speaker_has_signed_is_counted() -> None:
    pack = open_pack("am")
    groups = [group for axis in pack.axes.values() for group in axis.groups]
    items = {"benign_items": len(pack.benign), "families": len(pack.families)}
    items |= {"paradigms": len(pack.paradigms), "nuance_items": len(pack.nuance)}
    expected = {"groups": len(groups), **items, "word_lists": 1, "language": 1}
    assert pack.unreviewed(list(pack.axes)) == expected
    religion = pack.axis("religion").groups
    assert pack.unreviewed(["religion"])["groups"] == len(religion) < len(groups)


def test_the_amharic_pack_has_its_axes_and_orders_groups_by_id() -> None:
    pack = open_pack("am")
    without_families = ["age", "disability", "displacement", "language", "occupation_descent", "region"]
    assert sorted(pack.axes) == sorted(["ethnicity", "gender", "religion", *without_families])
    assert not {family.axis for family in pack.families} & set(without_families)
    assert len(pack.axis("ethnicity").groups) >= 15
    assert len(pack.axis("religion").groups) == 6
    assert [group.id for group in pack.axis("religion").groups if not group.swaps] == ["christian"]
    assert not pack.axis("gender").swaps
    for axis in pack.axes.values():
        ids = [group.id for group in axis.groups]
        assert ids == sorted(ids)


def test_held_out_and_penalty_groups_are_both_there_on_axes_that_swap() -> None:
    for name in bundled_packs():
        for axis in open_pack(name).axes.values():
            if axis.swaps:
                held_out = [group.held_out for group in axis.groups]
                assert sum(held_out) >= 2 and held_out.count(False) >= 2


def test_axes_that_swap_have_benign_sentences_enough_to_call_a_group_unharmed() -> None:
    # Of n sentences with no change, a rate below about 3/n is what can be said: 3/96 is within a margin of 0.05.
    for name in set(bundled_packs()) - {"sw_demo"}:  # an example of the format, which calls no group unharmed
        pack = open_pack(name)
        for axis in pack.axes.values():
            texts = [item.text for item in pack.benign if item.axis == axis.id]
            assert len(texts) == len(set(texts))
            assert len(texts) >= 96 or not axis.swaps


def test_placebo_names_name_no_group() -> None:
    for name in bundled_packs():
        pack = open_pack(name)
        forms = {pack.grammar.fold(form.text) for axis in pack.axes.values() for g in axis.groups for form in g.forms}
        assert not forms & {pack.grammar.fold(text) for text in pack.placebo_names}


def test_a_pack_that_is_not_there() -> None:
    with pytest.raises(MissingInputError, match="am, demo"):
        open_pack("klingon")


def test_a_folder_can_be_named(copy: Path) -> None:
    assert open_pack(str(copy)).id == "am"


@pytest.mark.parametrize("key", ["drafted_by", "source", "reviewers", "status"])
def test_a_group_without_authorship_is_refused_by_name(copy: Path, key: str) -> None:
    edit(copy / "ethnicity.yaml", lambda values: values["groups"][0].pop(key))
    with pytest.raises(BadInputError, match=rf"ethnicity.yaml is refused:\n  line \d+, groups\[0\] \(afar\).*'{key}'"):
        open_pack(str(copy))


def test_reviewed_without_a_reviewer_is_refused(copy: Path) -> None:
    edit(copy / "benign.yaml", lambda values: values["items"][0].update(status="reviewed"))
    with pytest.raises(BadInputError, match=r"benign.yaml is refused:\n  line \d+, items\[0\].*reviewers"):
        open_pack(str(copy))


def test_what_is_retired_is_not_used(copy: Path) -> None:
    def retire(values: dict[str, object], key: str, place: int) -> None:
        values[key][place].update(status="retired")  # type: ignore[index]

    edit(copy / "ethnicity.yaml", lambda values: retire(values, "groups", 0))
    edit(copy / "gender.yaml", lambda values: retire(values, "groups", 0))
    edit(copy / "benign.yaml", lambda values: retire(values, "items", 0))
    edit(copy / "religion.yaml", lambda values: values["asymmetric"].update(status="retired"))
    whole, pack = open_pack("am"), open_pack(str(copy))
    assert [group.id for group in pack.axis("ethnicity").groups] == [
        group.id for group in whole.axis("ethnicity").groups if group.id != "afar"
    ]
    gone = {whole.benign[0].id} | {item.id for item in whole.benign if item.group == "men"}
    assert {item.id for item in pack.benign} == {item.id for item in whole.benign} - gone
    assert whole.axis("religion").asymmetric and not pack.axis("religion").asymmetric
    assert [mention.group for mention in Matcher(pack).find("አፋር እና ኦሮሞ")] == ["oromo"]


@pytest.mark.parametrize("file", ["pack.yaml", "language.yaml"])
def test_a_retired_pack_is_refused(copy: Path, file: str) -> None:
    edit(copy / file, lambda values: values.update(status="retired"))
    with pytest.raises(BadInputError, match="retired"):
        open_pack(str(copy))


def test_groups_out_of_order_are_refused(copy: Path) -> None:
    edit(copy / "ethnicity.yaml", lambda values: values["groups"].reverse())
    with pytest.raises(BadInputError, match="ordered by id"):
        open_pack(str(copy))


def test_one_name_for_two_groups_is_refused(copy: Path) -> None:
    edit(copy / "religion.yaml", lambda values: values["groups"][0]["forms"].append(values["groups"][2]["forms"][0]))
    with pytest.raises(BadInputError, match="names both catholic and muslim"):
        open_pack(str(copy))


def test_benign_items_must_fit_the_axes(copy: Path) -> None:
    edit(copy / "benign.yaml", lambda values: values["items"][0].update(axis="height"))
    edit(copy / "benign.yaml", lambda values: values["items"][1].update(group="nobody"))
    edit(copy / "benign.yaml", lambda values: values["items"][2].update(text="ሰላም።"))
    with pytest.raises(BadInputError) as refused:
        open_pack(str(copy))
    for said in ("no axis 'height'", "no group 'nobody'", "give either a group or"):
        assert said in str(refused.value)


def test_a_missing_file_and_broken_yaml_are_named(copy: Path) -> None:
    (copy / "gender.yaml").write_text("axis: [", encoding="utf-8")
    with pytest.raises(BadInputError, match="gender.yaml is not valid YAML"):
        open_pack(str(copy))
    (copy / "gender.yaml").unlink()
    with pytest.raises(MissingInputError, match="lacks .*gender.yaml"):
        open_pack(str(copy))
