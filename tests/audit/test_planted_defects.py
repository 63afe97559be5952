"""Every finding on a defect that was planted, and silence where nothing was."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from amharic_tl.audit.material import Material
from amharic_tl.audit.whole import audit_record, finding_names, findings_of, run_checks
from amharic_tl.config import build_config
from amharic_tl.data.rows import Row
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.models.interchange.locate import locate
from amharic_tl.records.findings import Finding
from tests.audit.clean import changed, material, part, rows, text
from tests.tiny import FILLERS


def load(path: str) -> object:
    return load_tokenizer(locate(path))


def found_in(audited: Material) -> list[Finding]:
    return findings_of(run_checks(audited, load))


def named(audited: Material, name: str) -> list[Finding]:
    """Findings of a name, from the checks that can give it."""
    return [one for one in findings_of(run_checks(audited, load, only=[name])) if one.name == name]


def everywhere(audited: Material, change: Callable[[Row, random.Random], Row], name: str = "train") -> None:
    source = next(one for one in audited.parts if one.name == name).source
    generator = random.Random(7)
    source.rows[:] = [change(row, generator) for row in source.rows]


def test_clean_data_are_passed_in_silence() -> None:
    assert [(one.name, one.where) for one in found_in(material())] == []


# A defect for each finding: how it is planted, and in which rows it must be found (None: not about single rows).
def unusable(audited: Material) -> list[str]:
    audited.parts[0] = replace(audited.parts[0], unusable=("train.csv, line 9: no label",))
    return ["train.csv, line 9: no label"]


def broken(audited: Material) -> list[str]:
    changed(audited, "test", {3: {"text": audited.parts[2].rows[3].text + "\ufffd"}})
    return ["test:5"]


def latin(audited: Material) -> list[str]:
    changed(audited, "train", {n: {"text": f"zorp blick {n} wumble trask quod snerp"} for n in range(30)})
    return [f"train:{n}" for n in range(2, 32)]


def empty(audited: Material) -> list[str]:
    changed(audited, "test", {n: {"text": f"!!! {n} :-)"} for n in range(2)})
    return ["test:2", "test:3"]


def tigrinya(audited: Material) -> list[str]:
    changed(audited, "train", {n: {"text": f"{audited.parts[0].rows[n].text} እዩ ኣብ ናይ ምስ ድማ"} for n in range(40)})
    return [f"train:{n}" for n in range(2, 42)]


def english(audited: Material) -> None:
    generator = random.Random(2)
    for one in audited.parts:
        for n in range(len(one.rows)):
            nonsense = " ".join("".join(generator.choices("bdfgklmnprt", k=5)) for _ in range(9))
            one.source.rows[n] = replace(one.rows[n], text=f"the {nonsense} of the {nonsense[::-1]} with")


def inside(audited: Material) -> list[str]:
    changed(audited, "test", {n: {"text": audited.parts[0].rows[n].text} for n in range(70)})
    return [f"test:{n}" for n in range(2, 72)]


def leak(audited: Material) -> list[str]:
    words = audited.parts[0].rows[5].text.split()
    changed(audited, "test", {0: {"text": " ".join([*words, "ቨ"])}, 1: {"text": audited.parts[0].rows[6].text}})
    return ["test:2", "test:3"]


def adapted_to(audited: Material, where: int) -> list[str]:
    articles = rows("articles", 40, 77)
    for n in range(3):
        # In the middle of a longer text, with other letters of the same sound.
        held = audited.parts[where].rows[n].text.replace("ሰ", "ሠ")
        articles[n] = replace(articles[n], text=f"{articles[n].text} {held} {articles[n].text}")
    audited.adaptation = part("articles", articles)
    return [audited.parts[where].rows[n].id for n in range(3)]


def scored_adapted_to(audited: Material) -> list[str]:
    return adapted_to(audited, 2)


def validation_adapted_to(audited: Material) -> list[str]:
    return adapted_to(audited, 1)


def repeats(audited: Material) -> list[str]:
    changed(audited, "train", {n + 100: {"text": audited.parts[0].rows[n].text} for n in range(8)})
    return [f"train:{n + 102}" for n in range(8)]


def conflict(audited: Material) -> list[str]:
    train = audited.parts[0].rows
    other = {"ሀ": "ለ", "ለ": "ሀ"}[train[0].label or ""]
    changed(audited, "train", {1: {"text": train[0].text, "label": other}})
    return ["train:2", "train:3"]


def against(audited: Material) -> list[str]:
    elsewhere = rows("other", 50, 99)
    elsewhere[3] = replace(elsewhere[3], text=audited.parts[2].rows[0].text)
    elsewhere[4] = replace(elsewhere[4], text=audited.parts[2].rows[1].text)
    audited.against = [part("other", elsewhere)]
    return ["test:2", "test:3"]


def passages(audited: Material) -> list[str]:
    psalms = rows("psalms", 30, 55)
    audited.against = [part("psalms", psalms)]
    chosen = [n for n, row in enumerate(audited.parts[0].rows) if row.label == "ሀ"][:30]
    texts = {n: f"{audited.parts[0].rows[n].text} {psalm.text} " for n, psalm in zip(chosen, psalms, strict=True)}
    changed(audited, "train", {n: {"text": one + text(random.Random(n), "ሀ")} for n, one in texts.items()})
    return [audited.parts[0].rows[n].id for n in chosen]


def shift(audited: Material) -> None:
    changed(audited, "test", {n: {"label": "ሀ"} for n in range(90)})


def rare(audited: Material) -> list[str]:
    changed(audited, "train", {n: {"label": "መ"} for n in range(4)})
    changed(audited, "test", {n: {"label": "መ"} for n in range(15)})
    changed(audited, "validation", {n: {"label": "መ"} for n in range(15)})
    return [f"train:{n}" for n in range(2, 6)]


def unknown(audited: Material) -> list[str]:
    changed(audited, "test", {7: {"label": "ሰ"}})
    return ["test:9"]


def one_label(audited: Material) -> None:
    everywhere(audited, lambda row, _: replace(row, label="ሀ"), "test")


def longer(audited: Material) -> None:
    def stretch(row: Row, generator: random.Random) -> Row:
        return replace(row, text=f"{row.text} {text(generator, 'ሀ')}") if row.label == "ሀ" else row

    everywhere(audited, stretch)


def cut(audited: Material) -> list[str]:
    long = " ".join(text(random.Random(n), "ሀ") for n in range(20))
    changed(audited, "test", {n: {"text": f"{audited.parts[2].rows[n].text} {n} {long[n:]}"} for n in range(9)})
    return [f"test:{n}" for n in range(2, 11)]


def telephone(audited: Material) -> list[str]:
    changed(audited, "test", {0: {"text": f"{audited.parts[2].rows[0].text} 0911 23 45 67"}})
    return ["test:2"]


def link(audited: Material) -> list[str]:
    changed(audited, "test", {0: {"text": f"{audited.parts[2].rows[0].text} https://example.org/a"}})
    return ["test:2"]


def name_of_a_group(audited: Material) -> None:
    def name(row: Row, generator: random.Random) -> Row:
        chance = 0.3 if row.label == "ሀ" else 0.05
        words = row.text.split()
        if generator.random() < chance:
            words[3:3] = ["ሙስሊሞች"]
        return replace(row, text=" ".join(words))

    everywhere(audited, name)


def few_of_a_group(audited: Material) -> None:
    words = audited.parts[2].rows[0].text.split()
    changed(audited, "test", {0: {"text": " ".join([*words[:3], "ሙስሊሞች", *words[3:]])}})


def paper(audited: Material, train: Callable[[Row], str], test: str) -> None:
    audited.by = ("paper",)
    values = [{"paper": {(row.file, row.line): train(row) for row in one.rows}} for one in audited.parts]
    values[2] = {"paper": {(row.file, row.line): test for row in audited.parts[2].rows}}
    audited.parts = [replace(one, by=by) for one, by in zip(audited.parts, values, strict=True)]


def papers(audited: Material) -> None:
    paper(audited, lambda row: {"ሀ": "A", "ለ": "B"}[row.label or ""] if row.line % 4 else "C", "A")


def new_paper(audited: Material) -> None:
    paper(audited, lambda row: "AB"[row.line % 2], "new")


PLANTED: dict[str, Callable[[Material], list[str] | None]] = {
    "unusable-rows": unusable,
    "broken-characters": broken,
    "script-mix": latin,
    "no-letters": empty,
    "language-mix": tigrinya,
    "main-language": english,
    "test-inside-train": inside,
    "test-inside-adaptation": scored_adapted_to,
    "validation-inside-adaptation": validation_adapted_to,
    "duplicates-within": repeats,
    "leak-across-parts": leak,
    "conflicting-labels": conflict,
    "leak-against": against,
    "passages-against": passages,
    "label-by-passage": passages,
    "label-shift": shift,
    "rare-labels": rare,
    "labels-only-in": unknown,
    "one-label": one_label,
    "shortcut": longer,
    "truncation": cut,
    "personal-data": telephone,
    "links": link,
    "label-by-group": name_of_a_group,
    "groups-with-few-rows": few_of_a_group,
    "label-by-source": papers,
    "source-shift": new_paper,
}


def test_a_defect_is_planted_for_every_finding() -> None:
    elsewhere = {"near-duplicates-not-all", "unknown-tokens"}
    assert set(PLANTED) == set(finding_names()) - elsewhere


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_defect_is_found(name: str) -> None:
    audited = material()
    expected = PLANTED[name](audited)
    found = named(audited, name)
    assert found, name
    if expected is not None:
        assert sorted({row for one in found for row in one.rows}) == sorted(expected)
    for one in found:
        assert one.where and one.advice and one.rows_in_all == len(one.rows)


@pytest.mark.parametrize("show_words", [False, True])
def test_words_of_a_shortcut_are_shown_only_where_asked_for(show_words: bool) -> None:
    audited = replace(material(), show_words=show_words)
    everywhere(audited, lambda row, _: replace(row, text=f"ቨቨቨ {row.text}") if row.label == "ሀ" else row)
    record = audit_record(audited, run_checks(audited, load, only=["shortcut"]))
    (finding,) = record["findings"]
    assert finding["severity"] == "error" and "first word no. 1" in finding["sentence"]
    assert ("ቨቨቨ" in json.dumps(record, ensure_ascii=False)) is show_words


def test_balanced_sources_and_other_data_without_overlap_are_passed_in_silence() -> None:
    audited = material()
    audited.against = [part("other", rows("other", 200, 99))]
    paper(audited, lambda row: "AB"[row.line % 2], "A")
    assert found_in(audited) == []


def test_unknown_tokens_are_found_where_the_tokenizer_has_some(tiny_base: Path) -> None:
    known = [Row(f"train:{n}", " ".join(FILLERS[n % 5 :]), None, "t.txt", n) for n in range(60)]
    strange = [replace(row, text=row.text + " ቨቩቪ") for row in known[:3]]
    for made, expected in ((known, []), ([*known, *strange], ["train:0", "train:1", "train:2"])):
        audited = Material(build_config({"model.path": str(tiny_base)}), "none", [part("train", made)])
        assert [row for one in named(audited, "unknown-tokens") for row in one.rows] == expected


def test_too_many_candidates_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amharic_tl.audit.near_duplicates.MOST_CANDIDATES", 2)
    audited = material()
    words = audited.parts[0].rows[0].text
    changed(audited, "train", {n: {"text": f"{words} {'ቨ' * (n + 1)}"} for n in range(6)})
    assert named(audited, "near-duplicates-not-all")


def test_the_record_is_plain_json_the_same_each_time_and_holds_no_text() -> None:
    audited = material()
    for plant in (leak, repeats, conflict, telephone, longer):
        plant(audited)
    records = [json.dumps(audit_record(audited, run_checks(audited, load)), ensure_ascii=False) for _ in range(2)]
    assert records[0] == records[1]
    for one in audited.parts:
        for row in one.rows:
            assert row.text not in records[0] and " ".join(row.text.split()[:3]) not in records[0]


def test_what_windows_or_two_ends_read_is_not_said_to_be_cut() -> None:
    for mode, said in (("truncate", "is cut there"), ("head-tail", "only its two ends are read"), ("windows", None)):
        audited = material(**{"data.long_text": mode})
        cut(audited)
        found = named(audited, "truncation")
        assert [said] == [said for one in found if said and said in one.sentence] or (said is None and not found), mode
        figures = run_checks(audited, lambda path: load_tokenizer(locate(path)), ["truncation"])["lengths"].figures
        assert (figures["parts"]["test"]["truncated"] > 0) is (mode != "windows")
