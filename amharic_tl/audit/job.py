"""An audit as a user asks for it: reads, checks, writes audit.json and audit.html, says what was found."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from amharic_tl.audit.gates import check_gates
from amharic_tl.audit.reading import read_material
from amharic_tl.audit.whole import audit_record, run_checks
from amharic_tl.config import Config
from amharic_tl.errors import CannotCreateError, ConfigError
from amharic_tl.models.interchange.adapter_folder import tokenizer_of
from amharic_tl.records.files import read_json, write_json
from amharic_tl.records.findings import Finding

RECORD, PAGE = "audit.json", "audit.html"
MOST_LINES = 20


def audit_to(
    config: Config,
    output: Path,
    *,
    files: Sequence[str] = (),
    against: Sequence[str] = (),
    by: Sequence[str] = (),
    given: Collection[str] = (),
    show_words: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Audits and writes ``output/audit.json`` and ``output/audit.html``. An audit that is there already is kept.

    Arguments are those of :func:`amharic_tl.audit.reading.read_material`; ``say`` is told what is being done.

    Returns:
      What audit.json holds.

    Raises:
      ConfigError: ``output`` holds another audit, or one of data that have changed since.
      MissingInputError, BadInputError: an input is absent or cannot be read at all.
      CannotCreateError: ``output`` is a file.
    """
    check_gates(config.data.gates or ())
    if output.exists() and not output.is_dir():
        raise CannotCreateError(f"--output: {output} is a file; name a new directory")
    say("reading")
    material = read_material(config, files, against, by, given, show_words)
    asked = _asked(config, files, against, by, show_words)
    place = output / RECORD
    before = read_json(place) if place.exists() else None
    if before is not None and before.get("asked") != asked:
        raise ConfigError(f"--output: {output} holds another audit; nothing was changed. Name a new directory")
    found = audit_record(material, {})
    if before is not None and before.get("fingerprint") != found["fingerprint"]:
        raise ConfigError(f"--output: {output} holds an audit of data that have changed since. Name a new directory")
    record = before
    if record is None:
        results = run_checks(material, tokenizer_of, say=say)
        record = {"asked": asked, **audit_record(material, results)}
        write_json(place, record)
    from amharic_tl.reports.audit_page import write_audit_page

    write_audit_page(output)
    return dict(record)


def _asked(
    config: Config, files: Sequence[str], against: Sequence[str], by: Sequence[str], show_words: bool
) -> dict[str, Any]:
    """What makes one audit another: everything that its figures depend on, gates aside."""
    data = dataclasses.asdict(config.data)
    data.pop("gates")
    asked = {
        "files": list(files),
        "against": list(against),
        "by": list(by),
        "show_words": show_words,
        "data": data,
        "task": {"kind": config.task.kind, "problem": config.task.problem, "objective": config.task.objective},
        "model": config.model.path,
        "pack": config.safety.pack,
    }
    if config.adapt.dapt.data is not None:
        asked["adaptation"] = {**dataclasses.asdict(config.adapt.dapt), "leave_out": config.adapt.leave_out_test}
    return dict(json.loads(json.dumps(asked)))


def findings_in(record: Mapping[str, Any]) -> list[Finding]:
    """The findings of an audit.json."""
    return [Finding(**{**found, "rows": tuple(found["rows"])}) for found in record["findings"]]


def summary(record: Mapping[str, Any], output: Path) -> list[str]:
    """What is said on the terminal: errors and warnings, how many notes there are, and where to look."""
    findings = findings_in(record)
    counts = {
        severity: sum(found.severity == severity for found in findings) for severity in ("error", "warning", "info")
    }
    rows = ", ".join(f"{part['name']} {part['rows']:,}" for part in record["parts"])
    told = [found for found in findings if found.severity != "info"]
    lines = [f"{record['problem']}: {rows} rows"]
    lines += [f"note: {note}" for note in record["notes"]]
    lines += [f"{found.severity}: {found.name}: {found.sentence}" for found in told[:MOST_LINES]]
    if len(told) > MOST_LINES:
        lines.append(f"and {len(told) - MOST_LINES} more")
    lines.append(
        f"{counts['error']} errors, {counts['warning']} warnings, {counts['info']} notes; open {output / PAGE}"
    )
    return lines
