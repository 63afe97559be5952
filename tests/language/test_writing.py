"""Packs of written languages: what is refused, and what a pack says of itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from amharic_tl.errors import BadInputError
from amharic_tl.language.normalisation import Normaliser, normalise
from amharic_tl.language.writing import bundled_writings, open_writing, writing_file


def changed(folder: Path, change: Callable[[dict[str, Any]], object]) -> str:
    """The path of a pack of ``ti`` that was changed."""
    values = yaml.safe_load(writing_file("ti").read_text(encoding="utf-8"))
    change(values)
    path = folder / "other.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("language", bundled_writings())
def test_who_wrote_a_pack_is_told(language: str) -> None:
    authorship = open_writing(language).authorship
    assert authorship.drafted_by and authorship.source
    assert authorship.reviewed == bool(authorship.reviewers)


def test_a_pack_of_ones_own_is_read(tmp_path: Path) -> None:
    own = changed(
        tmp_path, lambda pack: pack["forms"].append({"name": "x", "kind": "letters", "title": "x", "letters": ["ሀለ"]})
    )
    assert normalise("ለሐሀ", ["x"], own).text == "ሀሐሀ"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda pack: pack.pop("drafted_by"), "the file: 'drafted_by' is a required property"),
        (lambda pack: pack.update(status="reviewed"), "reviewers: "),
        (lambda pack: pack["forms"][2].update(letters=["ሀሐ", "ሀኀ"]), "homophones has a letter twice: ሀ"),
        (lambda pack: pack["forms"][2].pop("letters"), r"forms\[2\] \(homophones\): "),
        (lambda pack: pack["forms"].append(pack["forms"][0]), "forms named more than once: numerals"),
    ],
)
def test_a_wrong_pack_is_refused(tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str) -> None:
    with pytest.raises(BadInputError, match=rf"other\.yaml is refused:\s+.*{said}"):
        open_writing(changed(tmp_path, change))


def test_one_spelling_of_two_abbreviations_is_refused(tmp_path: Path) -> None:
    def change(pack: dict[str, Any]) -> None:
        pack["forms"].append({"name": "abbreviations", "kind": "abbreviations", "title": "x"})
        pack["abbreviations"]["entries"].append({"write": "ስ.ም", "also": ["ሥ/ም"], "full": "x"})
        pack["abbreviations"]["entries"].append({"write": "ስ.መ", "also": ["ስ/ም"], "full": "y"})

    with pytest.raises(BadInputError, match="ስ/ም is a spelling of two abbreviations"):
        open_writing(changed(tmp_path, change))


def test_letters_may_pass_through_several_forms() -> None:
    fold = open_writing("am").fold(["homophones", "kha"])
    assert "ኻኃኽሠ".translate(fold) == "ሀሀህሰ"
    assert "ኻኃኽሠ".translate(fold) == Normaliser(["homophones", "kha"]).text("ኻኃኽሠ")
    with pytest.raises(BadInputError, match="not forms of single letters: punctuation"):
        open_writing("am").fold(["homophones", "punctuation"])
