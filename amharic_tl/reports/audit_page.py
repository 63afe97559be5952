"""audit.html: the page of an audit, from audit.json alone; self-contained, without scripts, without texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from amharic_tl.records.files import read_json, write_text
from amharic_tl.records.findings import SEVERITIES
from amharic_tl.reports import charts
from amharic_tl.reports.report import environment
from amharic_tl.reports.text import distinct

MOST_ROWS = 10
CHARTED_LABELS = 20


def write_audit_page(folder: Path) -> Path:
    """Writes ``audit.html`` beside ``audit.json`` in ``folder``; returns its path.

    Raises:
      MissingInputError: there is no audit.json.
      CannotCreateError: the disk is full or read-only.
    """
    record = read_json(folder / "audit.json")
    page = environment().get_template("audit.html.j2").render(_page(folder.name, record))
    write_text(folder / "audit.html", page)
    return folder / "audit.html"


def write_audit_index(folders: Sequence[Path], path: Path, about: str) -> Path:
    """Writes a page on the audits in several ``folders``: what each found, without row ids, so that it can be shown.

    ``about`` says where and when they were made. Raises as :func:`write_audit_page`.
    """
    records = {folder.name: read_json(folder / "audit.json") for folder in folders}
    found: dict[str, dict[str, list[str]]] = {}
    for name, record in records.items():
        for one in record["findings"]:
            found.setdefault(one["name"], {}).setdefault(one["severity"], []).append(name)
    page = {"style": _style(), "records": records, "about": about, "found": dict(sorted(found.items()))}
    write_text(path, environment().get_template("audit_index.html.j2").render(page))
    return path


def _style() -> str:
    return (resources.files("amharic_tl.reports") / "report.css").read_text(encoding="utf-8")


def _page(name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    checks = record["checks"]
    return {
        "style": _style(),
        "name": name,
        "record": record,
        "counts": {
            severity: sum(found["severity"] == severity for found in record["findings"])
            for severity in reversed(SEVERITIES)
        },
        "most_rows": MOST_ROWS,
        "figures": {name: None if check["not_checked"] else check["figures"] for name, check in checks.items()},
        "not_checked": {check["title"]: check["not_checked"] for check in checks.values() if check["not_checked"]},
        "labels_chart": _labels_chart(checks),
        "languages_chart": _shares_chart(checks.get("languages", {}).get("figures", {}), "Rows by language"),
    }


def _labels_chart(checks: Mapping[str, Any]) -> str | None:
    parts = checks.get("labels", {}).get("figures", {}).get("parts", {})
    if not parts or not all("labels" in described for described in parts.values()):
        return None
    counted: dict[str, int] = {}
    for described in parts.values():
        for label, one in described["labels"].items():
            counted[label] = counted.get(label, 0) + one["count"]
    names = sorted(counted, key=lambda label: -counted[label])[:CHARTED_LABELS]
    shares = {
        shown: {part: described["labels"].get(label, {"share": 0.0})["share"] for part, described in parts.items()}
        for shown, label in zip(distinct(names), names, strict=True)
    }
    return charts.bar_chart(shares, "Labels by part") if shares else None


def _shares_chart(figures: Mapping[str, Any], title: str) -> str | None:
    names = list(dict.fromkeys(name for described in figures.values() for name in described["rows"]))
    shares = {
        name: {where: described["rows"].get(name, {"share": 0.0})["share"] for where, described in figures.items()}
        for name in names
    }
    return charts.bar_chart(shares, title) if shares else None
