"""Which scripts the texts are in, row by row and overall."""

from __future__ import annotations

from collections import Counter
from typing import Any

from amharic_tl.audit.checked import Checked, graded, rate, row_count
from amharic_tl.audit.material import Material
from amharic_tl.language.script import LINKS_AND_MENTIONS, script_counts
from amharic_tl.records.findings import finding

FINDINGS = ("script-mix", "no-letters")
MAINLY = 0.8  # of a row's letters in one script
OTHER_SCRIPT = 0.05  # share of rows that are not mainly in the script of the others
NO_LETTERS = 0.01
CLASSES = ("ethiopic", "latin", "other", "mixed", "no letters")


def script_class(text: str) -> str:
    """The script of at least 80% of a text's letters (links and user mentions aside), ``mixed`` or ``no letters``."""
    counts = script_counts(LINKS_AND_MENTIONS.sub(" ", text))
    letters = sum(counts.values())
    if not letters:
        return "no letters"
    return next((name for name, count in counts.items() if count >= MAINLY * letters), "mixed")


def check(material: Material) -> Checked:
    """Letters by script, rows by their main script, and rows that are in another one than the rest."""
    figures: dict[str, Any] = {}
    found = []
    for where, part, view in material.texts():
        texts = [view.text(row) for row in part.rows]
        letters: Counter[str] = Counter()
        for text in texts:
            letters.update(script_counts(text))
        classes = [script_class(text) for text in texts]
        rows = Counter(classes)
        total = sum(letters.values())
        figures[where] = {
            "letters": {name: count / total if total else None for name, count in sorted(letters.items())},
            "rows": {name: rate(rows[name], len(texts)) for name in CLASSES if rows[name]},
        }
        main = max(("ethiopic", "latin"), key=lambda name: rows[name])
        odd = [row.id for row, name in zip(part.rows, classes, strict=True) if name not in (main, "no letters")]
        share = len(odd) / len(texts)
        severity = graded(share, info=0.01, warning=OTHER_SCRIPT)
        if severity:
            found.append(
                finding(
                    "script-mix",
                    severity,
                    where,
                    f"{where}: {row_count(len(odd))} ({share:.1%}) that are not mainly in {main.title()} script",
                    share,
                    OTHER_SCRIPT,
                    odd,
                    "Decide whether these rows belong there; a tokenizer may cut their words to pieces.",
                )
            )
        empty = [row.id for row, name in zip(part.rows, classes, strict=True) if name == "no letters"]
        severity = graded(len(empty) / len(texts), warning=NO_LETTERS)
        if severity:
            found.append(
                finding(
                    "no-letters",
                    severity,
                    where,
                    f"{where}: {row_count(len(empty))} without a letter: marks, digits, emoji, links or mentions alone",
                    len(empty) / len(texts),
                    NO_LETTERS,
                    empty,
                    "Remove them, or make sure that what they hold is enough for the task.",
                )
            )
    return Checked(figures, found)
