"""A pack in a language and a script that are not Amharic's: nothing but data tells them apart."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from amharic_tl.cli.main import main
from amharic_tl.culture import pack as pack_module
from amharic_tl.culture.expansion import expand
from amharic_tl.culture.mentions import Matcher
from amharic_tl.culture.pack import open_pack
from amharic_tl.culture.sheet import sheet_csv, sheet_html, sheet_rows
from amharic_tl.culture.swaps import Refusal, Swap, Swapper
from amharic_tl.culture.text_checks import same_text

PACK = open_pack("sw_demo")
MATCHER = Matcher(PACK)
GROUPS = PACK.axis("ethnicity").groups
ALL = [group.id for group in GROUPS]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Jirani yangu ni Mtandiro.", [("tandiro", "person")]),
        ("Watandiro na Wapelumo walikutana.", [("tandiro", "people"), ("pelumo", "people")]),
        ("WATANDIRO walikutana.", [("tandiro", "people")]),
        ("Anazungumza Kitandiro vizuri.", [("tandiro", "language")]),
        ("Alizaliwa Utandiro.", [("tandiro", "region")]),
        ("Timu Watandiro ilishinda.", [("tandiro", "organisation")]),
        ("Mtandirowe si jina.", []),
    ],
)
def test_names_are_found_by_form_and_sense(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(mention.group, mention.sense) for mention in MATCHER.find(text)] == expected


def swap(text: str, *targets: str) -> Swap | Refusal | None:
    swapper = Swapper(PACK, "ethnicity", ALL, targets, held_out_forms=True, matcher=MATCHER)
    return swapper.swap(text, MATCHER.find(text), "row-1")


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("Jirani yangu ni Mtandiro; anapenda chai.", "Jirani yangu ni Mpelumo; anapenda chai."),
        ("Historia ya Watandiro ni ndefu.", "Historia ya Wapelumo ni ndefu."),
        ("Mtandiro mmoja alisema: «Watandiro wapo.»", "Mpelumo mmoja alisema: «Wapelumo wapo.»"),
    ],
)
def test_a_person_becomes_a_person_and_a_people_a_people(text: str, swapped: str) -> None:
    result = swap(text, "pelumo")
    assert isinstance(result, Swap) and result.text == swapped


def test_a_text_that_names_a_language_too_is_not_exchanged() -> None:
    assert swap("Mtandiro huyu anazungumza Kitandiro.", "pelumo") == Refusal("other_sense")


def test_families_of_four_kinds_meet_every_group_and_are_read_back() -> None:
    assert len({family.kind for family in PACK.families}) == 4
    for family in PACK.families:
        for filled in expand(family, GROUPS, PACK.paradigms):
            assert "{" not in filled.text
            found = MATCHER.find(filled.text)
            assert [(one.group, one.human) for one in found] == [(filled.group, True)], filled.id


def test_texts_are_the_same_but_for_case_and_marks_in_any_script() -> None:
    assert same_text("Jirani yangu ni {person}; ni mtu {word}.") == same_text("jirani yangu ni {person}, ni mtu {word}")
    assert same_text("Jirani yangu ni {person}; ni mtu {word}.") != same_text("Jirani yetu ni {person}; ni mtu {word}.")


def test_it_has_a_sheet_for_reviewers() -> None:
    rows = list(sheet_rows(PACK))
    assert {family.texts[0] for family in PACK.families} <= {row.text for row in rows}
    assert "Watandiro" in sheet_csv(PACK) and PACK.canary in sheet_html(PACK)


def test_the_command_line_lists_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["probe", "--pack", "sw_demo", "--list", "--sheet", str(tmp_path / "sheet.csv")]) == 0
    assert "ethnicity.neighbour.warm" in capsys.readouterr().out


CULTURE = Path(pack_module.__file__).parent


def ethiopic(text: str) -> bool:
    return any("\u1200" <= letter <= "\u139f" for letter in text)


def test_neither_it_nor_the_code_that_reads_it_holds_a_letter_of_amharic() -> None:
    texts = [file.read_text(encoding="utf-8") for file in (CULTURE / "packs" / "sw_demo").glob("*.yaml")]
    assert len(texts) == 6 and not any(ethiopic(text) for text in texts)
    for file in CULTURE.glob("*.py"):
        code = ast.parse(file.read_text(encoding="utf-8"))
        said = {id(node.value) for node in ast.walk(code) if isinstance(node, ast.Expr)}  # docstrings
        for node in ast.walk(code):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
                assert not ethiopic(node.value), f"{file.name}, line {node.lineno}"
