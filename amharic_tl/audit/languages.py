"""Which languages the texts are in, by common words: a count with known errors (see docs/audit.md)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from amharic_tl.audit.checked import Checked, rate
from amharic_tl.audit.material import Material
from amharic_tl.language.identify import language_of, markers
from amharic_tl.records.findings import finding

FINDINGS = ("language-mix", "main-language")
EXPECTED = "amharic"
# Lower end of the interval of the share of decided rows; up to 0.9% of Amharic tweets were taken for another language.
OTHER_LANGUAGE = 0.02
LEAST_WORDS, TOO_SHORT = 3, "too short to tell"


def _language(text: str) -> str:
    """The language of a text; a word or two tell nothing."""
    return language_of(text) if len(text.split()) >= LEAST_WORDS else TOO_SHORT


def check(material: Material) -> Checked:
    """Rows by language; rows that are in another one than most."""
    figures: dict[str, Any] = {}
    found = []
    for where, part, view in material.texts():
        languages = [_language(view.text(row)) for row in part.rows]
        counts = Counter(languages)
        decided = {name: counts[name] for name in markers() if counts[name]}
        total = sum(decided.values())
        figures[where] = {"rows": {name: rate(count, len(languages)) for name, count in counts.most_common()}}
        if not total:
            continue
        main = max(decided, key=lambda name: decided[name])
        others = rate(total - decided[main], total)
        if others["interval"][0] > OTHER_LANGUAGE:
            rows = [row.id for row, name in zip(part.rows, languages, strict=True) if name in decided and name != main]
            shown = ", ".join(f"{name} {count}" for name, count in decided.items() if name != main)
            found.append(
                finding(
                    "language-mix",
                    "warning",
                    where,
                    f"{others['share']:.1%} of the rows of {where} whose language is decided are not {main}: {shown}",
                    others["share"],
                    OTHER_LANGUAGE,
                    rows,
                    "Look at these rows; set them aside where the model is meant for one language.",
                )
            )
        if main != EXPECTED and view.name == "text":
            found.append(
                finding(
                    "main-language",
                    "info",
                    where,
                    f"most rows of {where} whose language is decided are {main} ({decided[main]} of {total})",
                    decided[main] / total,
                    0.5,
                    advice="Nothing, where that is what you mean to train on.",
                )
            )
    return Checked(figures, found)
