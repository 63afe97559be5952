"""vocabulary.html: what a change of vocabulary did, from vocabulary.json alone; self-contained, without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from amharic_tl.records.files import read_json, write_text
from amharic_tl.records.findings import SEVERITIES
from amharic_tl.reports.report import environment

RECORD, PAGE = "vocabulary.json", "vocabulary.html"
_TITLES = {"audit": "audited", "extend": "extended", "replace": "replaced", "trim": "trimmed"}


def write_vocabulary_page(folder: Path) -> Path:
    """Writes ``vocabulary.html`` beside ``vocabulary.json`` in ``folder``; returns its path.

    Raises:
      MissingInputError: there is no vocabulary.json.
      CannotCreateError: the disk is full or read-only.
    """
    record = read_json(folder / RECORD)
    page = {
        "style": (resources.files("amharic_tl.reports") / "report.css").read_text(encoding="utf-8"),
        "name": folder.name,
        "record": record,
        "title": _TITLES[record["action"]],
        "counts": {
            severity: sum(found["severity"] == severity for found in record["findings"])
            for severity in reversed(SEVERITIES)
        },
    }
    write_text(folder / PAGE, environment().get_template("vocabulary.html.j2").render(page))
    return folder / PAGE


def summary(record: Mapping[str, Any], folder: Path) -> list[str]:
    """What is said on the terminal: how texts are cut before and after, findings, what comes next."""
    lines = []
    if record["rows"]:
        rows, tokens = record["rows"], record["tokens"]
        lines.append(
            f"{record['kind']}: {tokens['before']:,} tokens before, {tokens['after']:,} after; rows: "
            f"{rows['copied']:,} copied, {rows['new']:,} new"
            + (f" ({rows['drawn']:,} drawn at random, {record['initialise']})" if rows["new"] else "")
        )
    for script, before in record["before"].items():
        after = (record["after"] or {}).get(script)
        lines.append(f"{script:<9} {_cut(before)}" + (f"  ->  {_cut(after)}" if after else ""))
    lines += [f"{found['severity']}: {found['name']}: {found['sentence']}" for found in record["findings"]]
    lines += [f"note: {note}" for note in record["notes"]]
    lines.append(f"open {folder / PAGE}")
    if record["next"]:
        lines.append(f"next: {record['next']}")
    return lines


def _cut(one: Mapping[str, Any]) -> str:
    return (
        f"{one['tokens_per_word']:.3f} tokens a word, {one['tokens_per_character']:.3f} a character, "
        f"{one['unknown_rate'] or 0:.2%} unknown"
    )
