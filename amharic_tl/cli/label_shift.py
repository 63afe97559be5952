"""``amharic-tl label-shift``: how labels are distributed in unlabelled data, and predictions corrected for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from amharic_tl.cli.arguments import UsageError, parse

HELP = """usage: amharic-tl label-shift WORKDIR [--target PREDICTIONS.jsonl --output DIR]

Estimates how the classes are distributed in rows whose labels nobody looked at, from how the run's model errs on
validation and what it predicts there: by BBSE and by EM, with intervals, the distance from train beside what chance
gives, and what always predicting one class would be worth. Writes label_shift.json, and predictions corrected to these
shares beside the raw ones. It needs no model and takes seconds.

  --target  predictions of other rows (id and scores a line), as amharic-tl evaluate --output writes them; default: the
            test split's
  --output  a new directory for the files; needed with --target. Without it the workdir's own are written anew

How to read it: docs/shift.md. For runs that predict one label a text.
"""
WORDS = ("WORKDIR",)
OPTIONS = ("target", "output")


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, words=WORDS)
    if parsed.help:
        print(HELP)
        return 0
    if "WORKDIR" not in parsed.options:
        raise UsageError("the workdir is missing, for example amharic-tl label-shift runs/first")
    target, output = parsed.options.get("target"), parsed.options.get("output")
    if target and not output:
        raise UsageError("--target needs --output=DIR: the files in the workdir are of its own test split")
    from amharic_tl.errors import MissingInputError
    from amharic_tl.evaluation.label_shift.recording import record_shift
    from amharic_tl.records.files import refuse_existing
    from amharic_tl.records.workdir import Workdir

    place = Workdir(Path(parsed.options["WORKDIR"]))
    if not place.run.exists():
        raise MissingInputError(f"{place.root} is not a workdir: expected {place.run}")
    if output:
        refuse_existing(Path(output), "output")
    written = Workdir(Path(output)) if output else place
    for sentence in record_shift(place, written, Path(target) if target else None):
        print(sentence)
    print(f"written to {written.label_shift}")
    return 0
