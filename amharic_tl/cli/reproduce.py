"""``amharic-tl reproduce``: a study's claims beside what its commands give."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from amharic_tl.cli.arguments import UsageError, parse
from amharic_tl.errors import BadInputError, MissingInputError

HELP = """usage: amharic-tl reproduce STUDY [--check] [--data DIR] [--output DIR] [--level LEVEL]
       amharic-tl reproduce --artifact FILE

Runs what a study (a folder with a claims.toml, or its name in experiments/) needs, and prints for each claim what was
claimed, what came out, the tolerance and the strictest level at which it holds.

  --check     run nothing: compare what is kept beside the study with what it claims
  --data      the folder that holds the public sets; what {data} stands for in commands
  --output    where runs go; default runs/reproduce/STUDY. Finished runs are skipped, broken ones go on
  --level     which level decides: 'bitwise on CPU', 'same accelerator' or (default) 'statistical'
  --artifact  write the page that maps every claim of experiments/ to its command

Exits with 0 where every claim that was run holds, with 65 otherwise.
"""
WORDS = ("STUDY",)
OPTIONS = ("data", "output", "level", "artifact")
FLAGS = ("check",)


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, FLAGS, WORDS)
    if parsed.help:
        print(HELP)
        return 0
    from amharic_tl.records.files import write_text
    from amharic_tl.studies.claims import LEVELS, find_studies, load_study
    from amharic_tl.studies.reproduce import artifact_page, check, reproduce

    options = parsed.options
    if "artifact" in options:
        studies = [load_study(path) for path in find_studies(_experiments())]
        write_text(Path(options["artifact"]), artifact_page(studies))
        print(options["artifact"])
        return 0
    if "STUDY" not in options:
        raise UsageError("the study is missing, for example amharic-tl reproduce first_transfer --check")
    level = options.get("level", LEVELS[-1])
    if level not in LEVELS:
        raise UsageError(f"--level: expected one of {', '.join(map(repr, LEVELS))}, found {level!r}")
    named = Path(options["STUDY"])
    study = load_study(named if named.is_dir() else _experiments() / named.name)
    if "check" in options:
        verdicts = check(study)
    else:
        commands = [claim.command for claim in study.claims if claim.fresh is not None]
        if "data" not in options and any("{data}" in command for command in commands):
            raise UsageError("--data is missing: the folder that holds the public sets")
        names = {
            "data": str(Path(options.get("data", ".")).resolve()),
            "output": str(Path(options.get("output", f"runs/reproduce/{study.name}")).resolve()),
        }
        verdicts = reproduce(study, study.folder.resolve().parents[1], names)
    for verdict in verdicts:
        print(verdict.line())
    held = [verdict.holds(level) for verdict in verdicts]
    print(f"{held.count(True)} of {len(held)} claims hold, {held.count(False)} do not, {held.count(None)} were not run")
    return BadInputError.exit_code if False in held else 0


def _experiments() -> Path:
    """``experiments/`` of the current folder, or of the checkout that the package lies in."""
    for root in (Path.cwd(), Path(__file__).parents[2]):
        if (root / "experiments").is_dir():
            return root / "experiments"
    raise MissingInputError("there is no folder experiments/ here; run this in a clone of the repository")
