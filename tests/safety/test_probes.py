"""Probes: swaps within and outside the operator, placebos of equal length, benign sentences."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from amharic_tl.culture import pack as pack_module
from amharic_tl.culture.pack import bundled_packs, open_pack
from amharic_tl.culture.swaps import Swap
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.probes import make_probes
from tests.safety.world import GROUPS, TOKENIZER, operator, rows

PACKS = Path(pack_module.__file__).parent / "packs"
MADE = rows(60, seed=0)
OPERATOR = operator()
PROBES = make_probes(MADE, OPERATOR, TOKENIZER, 64, benign=True)


def text(place: int) -> str:
    return str(TOKENIZER.decode(PROBES.ids[place], skip_special_tokens=True))


def groups_in(place: int) -> set[str]:
    return {mention.group for mention in OPERATOR.mentions(text(place))}


def test_swaps_lead_to_the_groups_of_their_scope() -> None:
    groups = OPERATOR.groups["ethnicity"]
    assert {probe.scope for probe in PROBES.counterfactuals} == {"trained_on", "held_out"}
    for probe in PROBES.counterfactuals:
        (became,) = groups_in(probe.swapped)
        assert became not in probe.groups
        assert became in (groups.trained_on if probe.scope == "trained_on" else groups.held_out)


def test_placebos_name_nobody_differ_and_are_as_long_as_what_they_stand_for() -> None:
    assert PROBES.counterfactuals
    for probe in PROBES.counterfactuals:
        first, second = probe.placebos
        assert groups_in(first) == groups_in(second) == set()
        assert text(first) != text(second)
        row = TOKENIZER(MADE[probe.row].text)["input_ids"]
        lengths = len(PROBES.ids[first]), len(PROBES.ids[second])
        assert lengths[0] - lengths[1] == len(row) - len(PROBES.ids[probe.swapped])
        names = [name for place in probe.placebos for name in OPERATOR.pack.placebo_names if name in text(place)]
        assert len(names) == 2


def test_only_the_name_changes() -> None:
    probe = PROBES.counterfactuals[0]
    original, swapped = MADE[probe.row].text.split(), text(probe.swapped).split()
    assert len(original) == len(swapped)
    (changed,) = [place for place, word in enumerate(original) if word != swapped[place]]
    assert original[changed] in GROUPS


def test_benign_sentences_are_there_for_every_group() -> None:
    pack = OPERATOR.pack
    assert {probe.group for probe in PROBES.benign} == {group.id for group in pack.axis("ethnicity").groups}
    per_group = len(PROBES.benign) / len(pack.axis("ethnicity").groups)
    assert per_group == len(pack.benign) >= 96
    for probe in PROBES.benign:
        assert groups_in(probe.place) == {probe.group}


@pytest.mark.parametrize("pack", bundled_packs())
def test_every_benign_sentence_of_a_bundled_pack_names_its_group_as_human(pack: str) -> None:
    axes = tuple(sorted(open_pack(pack).axes))
    every = SwapOperator(pack, axes, None)
    for axis in axes:
        assert every.unreadable_benign_texts(axis) == []
        texts = list(every.benign_texts(axis))
        for _, item, group, sentence in texts:
            found = [mention for mention in every.mentions(sentence) if mention.axis == axis]
            assert [(mention.group, mention.human) for mention in found] == [(group, True)], (item, sentence)
        assert {group for _, _, group, _ in texts} == {group.id for group in every.pack.axis(axis).groups}


def test_a_benign_sentence_that_does_not_name_its_group_is_left_out_and_told(tmp_path: Path) -> None:
    shutil.copytree(PACKS, tmp_path / "packs")
    path = tmp_path / "packs" / "am" / "ethnicity.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("in_full: የማኦ ተወላጅ", "in_full: ማኦ"), encoding="utf-8")
    every = SwapOperator(str(path.parent), ("ethnicity",), None)
    left_out = every.unreadable_benign_texts("ethnicity")
    assert "ethnicity.benign.self/mao" in left_out and "ethnicity.benign.food/mao" not in left_out
    assert all(name.endswith("/mao") for name in left_out)
    assert not set(left_out) & {name for name, *_ in every.benign_texts("ethnicity")}


def test_mentions_and_near_duplicates_are_told() -> None:
    twice = [*MADE, MADE[0]]
    probes = make_probes(twice, OPERATOR, TOKENIZER, 64, benign=False)
    assert probes.clusters[0] == probes.clusters[-1]
    assert len(set(probes.clusters.tolist())) == len(MADE)
    assert all(len(groups) == 1 for groups in probes.mentioned["ethnicity"])
    assert not probes.benign


def test_the_same_rows_give_the_same_probes() -> None:
    again = make_probes(MADE, OPERATOR, TOKENIZER, 64, benign=True)
    assert [ids.tolist() for ids in again.ids] == [ids.tolist() for ids in PROBES.ids]


def test_rows_without_mentions_have_no_counterfactual() -> None:
    bare = [replace(row, text="ውሃ ቤት ዛፍ") for row in rows(10, seed=3)]
    probes = make_probes(bare, OPERATOR, TOKENIZER, 64, benign=False)
    assert probes.counterfactuals == () and probes.ids == []


def test_swaps_cut_off_before_the_name_are_left_out_and_counted() -> None:
    made = [replace(row, text="ውሃ ቤት ዛፍ መንገድ ገበያ ሰማይ ዝናብ ወንዝ " + row.text) for row in MADE[:10]]
    short = make_probes(made, OPERATOR, TOKENIZER, 8, benign=False)
    whole = make_probes(made, OPERATOR, TOKENIZER, 64, benign=False)
    assert whole.cut_off == 0 and whole.counterfactuals
    assert short.cut_off == len(whole.counterfactuals) and not short.counterfactuals


def test_every_swap_has_a_placebo_pair_that_changes_length_as_it_does() -> None:
    amharic = SwapOperator("am", ("ethnicity",), None)
    texts = ["እሱ አማራ ነው", "የኦሮሞ ህዝብ ባህል", "አንድ ጉራጌ ነጋዴ መጣ", "ትግራዋይ ነኝ", "ሲዳማዎች እና ወላይታዎች መጡ"]
    made = [replace(MADE[0], id=f"t{number}", text=text) for number, text in enumerate(texts)]
    probes = make_probes(made, amharic, TOKENIZER, 64, benign=False)
    assert len(probes.counterfactuals) >= 6 and probes.without_placebo == 0
    for probe in probes.counterfactuals:
        row = len(TOKENIZER(made[probe.row].text)["input_ids"])
        first, second = (len(probes.ids[place]) for place in probe.placebos)
        assert first - second == row - len(probes.ids[probe.swapped])
        assert probe.excess_tokens == first - row


def test_forms_that_training_never_exchanges_have_a_scope_of_their_own() -> None:
    amharic = SwapOperator("am", ("ethnicity",), None)
    held_out = [
        (group, form)
        for group in amharic.pack.axis("ethnicity").groups
        for form in group.forms
        if form.held_out and group.id in amharic.groups["ethnicity"].trained_on
    ]
    assert held_out
    found = 0
    for group, form in held_out:
        text = f"እሱ {form.text} ነው"
        mentions = [one for one in amharic.mentions(text) if one.human and one.form == form]
        if mentions:
            swap = amharic.swap("ethnicity", "held_out_forms", text, mentions, "k")
            assert isinstance(swap, Swap) and swap.exchanged[group.id] in amharic.groups["ethnicity"].trained_on
            assert not isinstance(amharic.swap("ethnicity", "trained_on", text, mentions, "k"), Swap)
            found += 1
    assert found
    text = "እሱ አማራ ነው"
    assert amharic.swap("ethnicity", "held_out_forms", text, amharic.mentions(text), "k") is None
