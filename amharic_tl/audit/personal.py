"""Personal data in the texts: counted and named by row, never printed."""

from __future__ import annotations

from typing import Any

from amharic_tl.audit.checked import Checked, rate, row_count
from amharic_tl.audit.material import Material
from amharic_tl.language.personal import KINDS, personal_data
from amharic_tl.records.findings import Severity, finding

FINDINGS = ("personal-data", "links")
_ARTICLES = {
    "e-mail": "an e-mail address",
    "telephone": "a telephone number",
    "account": "what looks like an account number",
    "user name": "a user name",
    "link": "a link",
}


def check(material: Material) -> Checked:
    """Rows with telephone or account numbers, e-mail addresses, user names, links."""
    figures: dict[str, Any] = {}
    found = []
    for where, part, view in material.texts():
        rows: dict[str, list[str]] = {kind: [] for kind in KINDS}
        for row in part.rows:
            for kind, count in personal_data(view.text(row)).items():
                if count:
                    rows[kind].append(row.id)
        figures[where] = {kind: rate(len(ids), len(part.rows)) for kind, ids in rows.items()}
        for kind, ids in rows.items():
            if not ids:
                continue
            severity: Severity = "info" if kind == "link" else "warning"
            found.append(
                finding(
                    "links" if kind == "link" else "personal-data",
                    severity,
                    f"{where}, {kind}",
                    f"{where}: {row_count(len(ids))} with {_ARTICLES[kind]}",
                    len(ids),
                    0,
                    ids,
                    "Replace them by a placeholder (@USER, URL) before training: a model can repeat what it saw.",
                )
            )
    return Checked(figures, found)
