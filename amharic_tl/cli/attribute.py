"""``amharic-tl attribute``: which training rows, and which of their sources, carry a bias figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from amharic_tl.cli.arguments import UsageError, parse

HELP = """usage: amharic-tl attribute WORKDIR [--figure NAME/AXIS/GROUP] [--source COLUMN]

Scores every training row of a finished run by how much learning from it raised a bias figure (TracInCP over the run's
checkpoints), with intervals; sums the scores over sources; and sets a search by name and label and one for nearest
neighbours beside it. Writes WORKDIR/attribution/FIGURE/ (ids and figures, never a text), and the report anew.

  --figure  counterfactual_score_gap, false_positive_rate_gap or benign_flagged, an axis, and a group or all
            (counterfactual_score_gap/ethnicity/all); default: what the monitor judged worst
  --source  the column that says where a row comes from; default: its file
  --top     how many rows are listed and compared (default 100)
  --parts   into how many parts the figure's items go, for intervals; each is a copy of the parameters (default 10)
  --batch   rows of a pass (default 16)

It says what time and memory are ahead, is stopped with Ctrl-C, and goes on with the same command. How to read it:
docs/attribution.md.
"""
WORDS = ("WORKDIR",)
OPTIONS = ("figure", "source", "top", "parts", "batch")


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, words=WORDS)
    if parsed.help:
        print(HELP)
        return 0
    if "WORKDIR" not in parsed.options:
        raise UsageError("the workdir is missing, for example amharic-tl attribute runs/planted")
    defaults = (("top", 100, 1), ("parts", 10, 4), ("batch", 16, 1))
    top, parts, batch = (_whole(parsed.options.get(name, str(value)), name, least) for name, value, least in defaults)
    from amharic_tl.training.interruption import Interruption

    with Interruption().listening() as interruption:
        from amharic_tl.reports import write_report
        from amharic_tl.reports.attribution import table
        from amharic_tl.safety.differentiable import FigureName
        from amharic_tl.studies.attribution.request import Request
        from amharic_tl.studies.attribution.study import attribute

        named = parsed.options.get("figure")
        request = Request(
            figure=FigureName.parse(named) if named is not None else None,
            source=parsed.options.get("source"),
            top=top,
            parts=parts,
            batch=batch,
        )
        found = attribute(Path(parsed.options["WORKDIR"]), request, interruption)
    print(table(found.about))
    print(f"written to {found.folder}")
    print(write_report(Path(parsed.options["WORKDIR"])))
    return 0


def _whole(text: str, name: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise UsageError(f"--{name}: expected a whole number from {least}, found {text!r}")
    return int(text)
