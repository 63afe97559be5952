"""Rows that cannot be read, and characters that are broken."""

from __future__ import annotations

import unicodedata

from amharic_tl.audit.checked import Checked, row_count
from amharic_tl.audit.material import Material
from amharic_tl.records.findings import finding

FINDINGS = ("unusable-rows", "broken-characters")
_LAYOUT = "\t\n\r"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def check(material: Material) -> Checked:
    """Counts rows without a text or a label, malformed records, and texts with replacement or control characters."""
    found = []
    figures = {}
    for part in material.parts:
        figures[part.name] = {"rows": len(part.rows), "unusable": len(part.unusable)}
        if part.unusable:
            found.append(
                finding(
                    "unusable-rows",
                    "error",
                    part.name,
                    f"{part.name}: {row_count(len(part.unusable))} without a text or label, or with another number "
                    "of fields than the header; a run refuses the file",
                    len(part.unusable),
                    0,
                    part.unusable,
                    "Mend or remove these lines; the rest of the audit leaves them out.",
                )
            )
    for where, part, view in material.texts():
        broken = [row.id for row in part.rows if _broken(view.text(row))]
        figures[part.name]["broken"] = figures[part.name].get("broken", 0) + len(broken)
        if broken:
            found.append(
                finding(
                    "broken-characters",
                    "warning",
                    where,
                    f"{where}: {row_count(len(broken))} with U+FFFD, control or private characters: letters "
                    "were lost on the way",
                    len(broken),
                    0,
                    broken,
                    "Read the source again in its right encoding.",
                )
            )
    return Checked(figures, found)


def _broken(text: str) -> bool:
    return _REPLACEMENT in text or any(
        character < " " and character not in _LAYOUT or unicodedata.category(character) == "Co" for character in text
    )
