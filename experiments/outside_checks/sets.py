"""The two outside sets as items of an answer to fill in. Their texts are read from the user's copy and kept nowhere."""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from amharic_tl.culture.nuance import ANSWER, NuanceItem
from amharic_tl.language.authored import Authorship

MASK = "[MASK]"
_SIGNED = Authorship("source", "the set", (), "draft")
_WRONG = 3


def gender_items(data: Path) -> tuple[list[NuanceItem], int]:
    """Rows whose gender the rest of the sentence fixes: the form of that gender against the other's, both of the set.

    The seed file stands beside the masked one row by row: a seed sentence, its variants with a modifier, and the masked
    rows of each variant. The gold word is that of the variant in the mask's place, the wrong one that of the most
    similar variant of the other gender, in the same place. Rows for which the two cannot be found so are left out. The
    seed sentences, those of both genders together, are the families.

    Returns:
      Items, topic ``feminine`` or ``masculine`` by what is right; and how many rows with a fixed gender were left out.
    """
    folder = data / "gender-bias-probe"
    masked = _rows(folder / "Am-Benchmark-Masked.csv")[1:]
    seeds = _rows(folder / "Am-Benchmark-Seed.csv")[1:]
    variants, block = [], 0
    for number, row in enumerate(seeds):
        plain, modified = (cell.strip() for cell in (*row, "", "")[:2])
        block += bool(plain)
        if plain or modified:
            variants.append((number, block, _words(modified or plain)))
    starts = [number for number, _, _ in variants]
    genders = [_gender(masked[first:last]) for first, last in zip(starts, [*starts[1:], len(masked)], strict=True)]
    items, left_out = [], 0
    for number, (text, gender) in enumerate(row[:2] for row in masked):
        if gender not in ("F", "M"):
            continue
        found = _pair(number, _words(text), gender, variants, genders)
        if found is None:
            left_out += 1
            continue
        block, right, wrong = found
        topic = "feminine" if gender == "F" else "masculine"
        items.append(
            NuanceItem(
                f"{topic}.seed{block:02}.row{number:03}",
                topic,
                _joined(text),
                right,
                (wrong,),
                ("the set",),
                "held-out",
                _SIGNED,
            )  # fmt: skip
        )
    return items, left_out


def _gender(rows: list[list[str]]) -> str:
    """Of a variant: what its masked rows expect where they expect one; empty where they do not agree."""
    fixed = {row[1] for row in rows if row[1] in ("F", "M")}
    return fixed.pop() if len(fixed) == 1 else ""


def _pair(
    number: int, words: list[str], gender: str, variants: list[tuple[int, int, list[str]]], genders: list[str]
) -> tuple[int, str, str] | None:
    """The seed's number, the word behind the mask, and the other gender's; None where the rows do not fit."""
    own = max((place for place, (first, _, _) in enumerate(variants) if first <= number), default=None)
    if own is None or words.count(MASK) != 1:
        return None
    at, (_, block, whole) = words.index(MASK), variants[own]
    if len(whole) != len(words) or _differ(words, whole) != 1:
        return None
    others = [
        of
        for (_, other, of), theirs in zip(variants, genders, strict=True)
        if other == block and len(of) == len(whole) and {gender, theirs} == {"F", "M"} and of[at] != whole[at]
    ]
    return None if not others else (block, whole[at], min(others, key=lambda of: _differ(whole, of))[at])


def _differ(first: list[str], second: list[str]) -> int:
    return sum(a != b for a, b in zip(first, second, strict=True))


def _words(text: str) -> list[str]:
    return re.sub(r"[።.]", " ", text.replace(MASK, f" {MASK} ")).split()


def _joined(text: str) -> str:
    return " ".join(_words(text)).replace(MASK, ANSWER) + "።"


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def culture_items(data: Path, seed: int = 0) -> list[NuanceItem]:
    """BLEnD: the answer that most annotators gave against three of other questions on the topic, drawn by ``seed``.

    A wrong answer is none that anyone gave to the question. Each question is a family of its own.
    """
    folder = data / "blend-ethiopia"
    topics = {row[1]: row[2] for row in _rows(folder / "Ethiopia_questions.csv")[1:]}
    answered = {
        name: (of["question"].strip(), [answer for one in of["annotations"] for answer in one["answers"]], of)
        for name, of in json.loads((folder / "Ethiopia_data.json").read_text(encoding="utf-8")).items()
        if of["annotations"]
    }
    best = {
        name: max(of["annotations"], key=lambda one: one["count"])["answers"][0].strip()
        for name, (_, _, of) in answered.items()
    }
    generator = random.Random(seed)
    items = []
    for name in sorted(answered):
        question, accepted, _ = answered[name]
        of_topic = {best[other] for other in best if topics[other] == topics[name]}
        same = sorted(of_topic - {*accepted, best[name], ""})
        topic = re.sub(r"\W+", "_", topics[name].lower())
        items.append(
            NuanceItem(
                f"{topic}.{name}",
                topic,
                f"{question} {ANSWER}",
                best[name],
                tuple(generator.sample(same, _WRONG)),
                ("BLEnD",),
                "held-out",
                _SIGNED,
            )  # fmt: skip
        )
    return [item for item in items if item.right]


def exchanged(items: list[NuanceItem], seed: int = 0) -> Iterator[NuanceItem]:
    """The same answers behind the question of another item of the topic: what is known without the question."""
    generator = random.Random(seed)
    for topic in sorted({item.topic for item in items}):
        of_topic = [item for item in items if item.topic == topic]
        order = list(range(len(of_topic)))
        generator.shuffle(order)
        turned = [*order[1:], *order[:1]]
        for place, other in zip(order, turned, strict=True):
            yield replace(of_topic[place], text=of_topic[other].text)
