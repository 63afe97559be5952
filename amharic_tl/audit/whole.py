"""The whole audit: every check in turn, what it found, and what audit.json holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from amharic_tl import __version__
from amharic_tl.audit import (
    adaptation,
    duplicates,
    groups,
    inside,
    labels,
    languages,
    lengths,
    origins,
    passages,
    personal,
    scripts,
    shortcuts,
    unusable,
)
from amharic_tl.audit.checked import Checked
from amharic_tl.audit.lengths import LoadTokenizer
from amharic_tl.audit.material import Material, Part
from amharic_tl.data.audit import fingerprint_of
from amharic_tl.records.findings import Finding, in_order

Say = Callable[[str], None]


@dataclass(frozen=True)
class Check:
    """A check: what a page calls it, the names of its findings, and how it is run."""

    title: str
    findings: tuple[str, ...]
    run: Callable[[Material, LoadTokenizer], Checked]


def _plain(function: Callable[[Material], Checked]) -> Callable[[Material, LoadTokenizer], Checked]:
    return lambda material, _: function(material)


CHECKS: Mapping[str, Check] = {
    "unusable": Check("Rows that cannot be used", unusable.FINDINGS, _plain(unusable.check)),
    "scripts": Check("Scripts", scripts.FINDINGS, _plain(scripts.check)),
    "languages": Check("Languages", languages.FINDINGS, _plain(languages.check)),
    "inside": Check("Test inside train", inside.FINDINGS, _plain(inside.check)),
    "adaptation": Check("Test inside the text adapted to", adaptation.FINDINGS, _plain(adaptation.check)),
    "duplicates": Check("Repeats and leaks", duplicates.FINDINGS, _plain(duplicates.check)),
    "passages": Check("Passages of other data", passages.FINDINGS, _plain(passages.check)),
    "labels": Check("Labels", labels.FINDINGS, _plain(labels.check)),
    "shortcuts": Check("Shortcuts", shortcuts.FINDINGS, _plain(shortcuts.check)),
    "lengths": Check("Lengths", lengths.FINDINGS, lengths.check),
    "personal": Check("Personal data", personal.FINDINGS, _plain(personal.check)),
    "groups": Check("Cultural groups", groups.FINDINGS, _plain(groups.check)),
    "origins": Check("Sources", origins.FINDINGS, _plain(origins.check)),
}


def finding_names() -> list[str]:
    """The names of all findings that there can be."""
    return [name for check in CHECKS.values() for name in check.findings]


def run_checks(
    material: Material, load_tokenizer: LoadTokenizer, only: Collection[str] | None = None, say: Say = lambda _: None
) -> dict[str, Checked]:
    """The results of the checks by name; ``only``: of those that can give findings of these names."""
    results = {}
    for name, check in CHECKS.items():
        if only is None or not set(only).isdisjoint(check.findings):
            say(check.title.lower())
            results[name] = check.run(material, load_tokenizer)
    return results


def findings_of(results: Mapping[str, Checked]) -> list[Finding]:
    """All findings, the gravest first."""
    return in_order([found for checked in results.values() for found in checked.findings])


def audit_record(material: Material, results: Mapping[str, Checked]) -> dict[str, Any]:
    """What audit.json holds: nothing of a text, and no time, so that the same data give the same bytes."""
    return {
        "version": __version__,
        "problem": material.problem,
        "reference": material.reference.name,
        "fingerprint": fingerprint_of([(part.name, part.source) for part in _all_parts(material)]),
        "parts": [_part(part.name, part.source, len(part.unusable)) for part in material.parts],
        "against": [_part(part.name, part.source, len(part.unusable)) for part in material.against],
        "notes": [*material.notes, *(note for part in material.parts for note in part.source.notes)],
        "findings": [found.as_json() for found in findings_of(results)],
        "checks": {
            name: {"title": CHECKS[name].title, "not_checked": checked.not_checked, "figures": checked.figures}
            for name, checked in results.items()
        },
    }


def _all_parts(material: Material) -> list[Part]:
    adaptation = [] if material.adaptation is None else [material.adaptation]
    return [*material.parts, *material.against, *adaptation]


def _part(name: str, source: Any, unusable: int) -> dict[str, Any]:
    return {
        "name": name,
        "source": source.spec,
        "files": [{"path": f.path, "sha256": f.sha256, "bytes": f.bytes, "rows": f.rows} for f in source.files],
        "rows": len(source.rows),
        "unusable": unusable,
        "format": source.format,
        "quoting": source.quoting,
    }
