"""``amharic-tl report``: writes the report of a workdir anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from amharic_tl.cli.arguments import parse, require
from amharic_tl.errors import BadInputError, MissingInputError
from amharic_tl.records.files import read_json

HELP = """usage: amharic-tl report --workdir DIR

Writes DIR/report.html and DIR/report.json from the files of DIR, whatever state the run is in.
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, options=["workdir"])
    if parsed.help:
        print(HELP)
        return 0
    workdir = Path(require(parsed.options, "workdir", "runs/first"))
    config = workdir / "config.json"
    if not config.is_file():
        raise MissingInputError(f"--workdir: {workdir} is not a workdir; expected {config}")
    if not isinstance(read_json(config), dict):
        raise BadInputError(f"--workdir: {config} is not the config of a run: expected a JSON object")
    from amharic_tl.reports import write_report

    print(write_report(workdir))
    return 0
