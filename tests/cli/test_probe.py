"""``amharic-tl probe``: what is in a pack, and the sheet for its reviewers."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from amharic_tl.cli.main import main
from amharic_tl.culture.pack import open_pack


def test_a_pack_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--pack", "demo", "--list"]) == 0
    printed = capsys.readouterr().out
    assert "ethnicity: 6 groups (2 held out of penalties, invented)" in printed
    assert all(family.id in printed for family in open_pack("demo").families)


def test_a_sheet_has_every_entry_and_room_to_sign(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    assert main(["probe", "--pack", "demo", "--sheet", str(sheet)]) == 0
    assert sheet.read_bytes().startswith("\ufeff".encode())
    with sheet.open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    pack = open_pack("demo")
    entries = {row["entry"] for row in rows}
    assert {f"ethnicity/{group.id}" for group in pack.axis("ethnicity").groups} <= entries
    assert {item.id for item in pack.benign} | set(pack.paradigms) <= entries
    assert all(f"{family.id} 5" in entries for family in pack.families)
    assert all(row["reviewer"] == "" and row["drafted by"] for row in rows)
    names = [group.person for group in pack.axis("ethnicity").groups]
    words = [word.masculine for family in pack.families if family.poles for word in family.poles.high]
    assert not any(name in row["text"] and word in row["text"] for row in rows for name in names for word in words)


def test_a_sheet_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "sheet.html"
    assert main(["probe", "--pack", "demo", "--sheet", str(page)]) == 0
    written = page.read_text(encoding="utf-8")
    assert open_pack("demo").canary in written and "{person}" in written
    assert main(["probe", "--pack", "demo", "--sheet", str(page)]) == 73
    assert "name a new file" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == written


@pytest.mark.parametrize(
    ("arguments", "code"),
    [([], 2), (["--pack", "nosuch"], 66), (["--pack", "demo", "--sheet", "a.txt"], 2)],
)
def test_what_is_wrong_has_its_exit_code(arguments: list[str], code: int) -> None:
    assert main(["probe", *arguments]) == code
