"""``amharic-tl layers``: which layers of a fine-tuned model moved away from its base."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from amharic_tl.cli.arguments import UsageError, parse

HELP = """usage: amharic-tl layers WORKDIR [--rows 512]

Compares the hidden states of a finished run's model with those of its base, layer by layer, on texts of the validation
split: debiased linear CKA, 1 where a layer tells texts apart as it did before. Writes layers.json, and the report anew.
A diagnosis of what training moved; no figure to choose a model by.

  --rows  at most so many texts (default 512)

How to read it: docs/shift.md.
"""
WORDS = ("WORKDIR",)
OPTIONS = ("rows",)


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, words=WORDS)
    if parsed.help:
        print(HELP)
        return 0
    if "WORKDIR" not in parsed.options:
        raise UsageError("the workdir is missing, for example amharic-tl layers runs/first")
    rows = parsed.options.get("rows", "512")
    if not rows.isdecimal() or int(rows) < 4:
        raise UsageError(f"--rows: expected a whole number from 4, found {rows!r}")
    from amharic_tl.reports import write_report
    from amharic_tl.run.layers import compare_layers

    workdir = Path(parsed.options["WORKDIR"])
    found = compare_layers(workdir, int(rows))
    width = max(len(line["layer"]) for line in found["layers"])
    print(f"{found['rows']} texts; {found['method']}")
    for line in found["layers"]:
        print(f"{line['layer']:<{width}}  {line['cka']:.4f}")
    print(write_report(workdir))
    return 0
