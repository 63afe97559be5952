"""Made data without a fault, to plant faults in: invented words between ordinary function words."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from amharic_tl.audit.material import Material, Part, Problem
from amharic_tl.config import build_config
from amharic_tl.data.rows import Row, Source, SourceFile

LETTERS = "ለመሰረበተነከወዘየደገጠፈ"
GRAMMAR = ["ነው", "እና", "ላይ", "ውስጥ", "ነበር", "ግን", "ወደ", "ይህ", "እንደ", "ስለ"]
SIGNS = {"ሀ": ["ቀቀለ", "ቀቀመ", "ቀቀሰ"], "ለ": ["ጸጸለ", "ጸጸመ", "ጸጸሰ"]}


def word(generator: random.Random) -> str:
    """Two to five letters."""
    return "".join(generator.choices(LETTERS, k=generator.randint(2, 5)))


def text(generator: random.Random, label: str) -> str:
    """Nine to twenty words; a sign of the label stands somewhere inside."""
    words = [word(generator) for _ in range(generator.randint(6, 16))]
    for extra in (*generator.choices(GRAMMAR, k=2), generator.choice(SIGNS[label])):
        words.insert(generator.randint(1, len(words) - 1), extra)
    return " ".join(words)


def rows(name: str, count: int, seed: int) -> list[Row]:
    """Labelled rows, half of each label."""
    generator = random.Random(seed)
    labels = [sorted(SIGNS)[number % 2] for number in range(count)]
    generator.shuffle(labels)
    return [Row(f"{name}:{n}", text(generator, label), label, f"{name}.csv", n) for n, label in enumerate(labels, 2)]


def part(name: str, found: Sequence[Row], **more: object) -> Part:
    """A part of these rows."""
    file = SourceFile(f"{name}.csv", "0" * 64, 1, len(found))
    return Part(name, Source(f"{name}.csv", list(found), [file], "csv"), **more)  # type: ignore[arg-type]


def material(problem: Problem = "single-label", **overrides: object) -> Material:
    """Train of 400 rows, validation and test of 120."""
    sizes = {"train": 400, "validation": 120, "test": 120}
    parts = [part(name, rows(name, count, seed)) for seed, (name, count) in enumerate(sizes.items())]
    return Material(build_config(overrides), problem, parts, sorted(SIGNS))


def changed(found: Material, name: str, change: dict[int, dict[str, object]]) -> None:
    """Changes fields of some rows of a part, by number."""
    source = next(one for one in found.parts if one.name == name).source
    for number, fields in change.items():
        source.rows[number] = replace(source.rows[number], **fields)  # type: ignore[arg-type]
