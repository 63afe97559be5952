"""``amharic-tl evaluate``: a finished run scored again, or systems compared on the same items."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from amharic_tl.cli.arguments import Arguments, UsageError, parse
from amharic_tl.errors import MissingInputError

HELP = """usage: amharic-tl evaluate WORKDIR [--split=test] [--data=FILE] [--output=DIR]
       amharic-tl evaluate --compare A B ... [--measure=test/macro_f1] [--output=DIR]

Scores a finished run again:

  --split    validation or test (default) of the run's own data
  --data     other data of the same form in its place: a file, a pattern, hf: or tfds:
  --model    export (default where there is one) or checkpoint, the best one
  --output   a new directory for scores and predictions; it may be compared like a workdir

A run that watches an axis (safety.axes) gets its fairness by group too: fairness.json of --output, docs/fairness.md.

Compares systems on the same items, paired by id. A system is a workdir, or a directory of workdirs of several seeds;
NAME=DIR gives it another name.

  --measure   split/metric: test/macro_f1, test_clean/accuracy, test/entity_f1, validation/mae (default: of the task,
              on test)
  --pairs     first (default): every system against the first; all: every pair
  --clusters  a file with the same ids that says which items belong together, beside near-duplicates: the test file
              itself, where it has a column of articles or sources
  --cluster-column
              that column (default cluster)
  --seed      of resamples (default 0)
  --output    a new directory for comparison.md and .json, and the tables as .csv and .tex

How to read it: docs/comparing.md. Exits with 65 where the systems were given different items.
"""
WORDS: tuple[str, ...] = ()
SCORING = ("split", "data", "model")
COMPARING = ("measure", "pairs", "clusters", "cluster-column", "seed")
OPTIONS = (*SCORING, *COMPARING, "output")


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed, systems = understand(arguments)
    if parsed.help:
        print(HELP)
        return 0
    if systems:
        _compare(parsed.options, systems)
    else:
        _score(parsed.options)
    return 0


def understand(arguments: Sequence[str]) -> tuple[Arguments, list[str]]:
    """The options, and the systems behind ``--compare``.

    Raises:
      UsageError: options that do not go together, or fewer than two systems.
    """
    # --compare=A B is --compare A B.
    words = [part for word in arguments for part in (word.split("=", 1) if word.startswith("--compare=") else [word])]
    systems: list[str] = []
    comparing = "--compare" in words
    if comparing:
        start = words.index("--compare")
        end = next((n for n in range(start + 1, len(words)) if words[n].startswith("--")), len(words))
        systems, words = words[start + 1 : end], words[:start] + words[end:]
    parsed = parse(words, OPTIONS, words=() if comparing else ("WORKDIR",))
    if parsed.help:
        return parsed, systems
    if comparing and len(systems) < 2:
        raise UsageError("--compare needs two or more systems: amharic-tl evaluate --compare runs/a runs/b")
    if not comparing and "WORKDIR" not in parsed.options:
        raise UsageError(
            "the workdir is missing, for example amharic-tl evaluate runs/first; or --compare runs/a runs/b"
        )
    stray = [name for name in (SCORING if comparing else COMPARING) if name in parsed.options]
    if stray:
        raise UsageError(f"--{stray[0]} goes {'without' if comparing else 'with'} --compare")
    for name, allowed in (
        ("split", ("validation", "test")),
        ("model", ("export", "checkpoint")),
        ("pairs", ("first", "all")),
    ):
        if parsed.options.get(name, allowed[0]) not in allowed:
            raise UsageError(f"--{name}: expected {' or '.join(allowed)}, found {parsed.options[name]!r}")
    return parsed, systems


def _score(options: dict[str, str]) -> None:
    from amharic_tl.run.evaluation import Which, evaluate
    from amharic_tl.run.telling import about_result
    from amharic_tl.safety.fairness.watched import about_fairness

    output = options.get("output")
    found = evaluate(
        Path(options["WORKDIR"]),
        options.get("split", "test"),
        options.get("data"),
        cast("Which | None", options.get("model")),
        Path(output) if output else None,
    )
    print(f"scored: {found.model}")
    for line in [*about_result(found.metrics), *(about_fairness(found.fairness) if found.fairness else [])]:
        print(line)
    differing = found.differences()
    if found.stored and not differing:
        print("the same as in run.json")
    for sentence in differing:
        print(f"note: {found.split}: {sentence}", file=sys.stderr)
    if output:
        print(f"written to {output}")


def _compare(options: dict[str, str], systems: Sequence[str]) -> None:
    from amharic_tl.evaluation.compare.systems import Pairs, compare
    from amharic_tl.records.files import refuse_existing
    from amharic_tl.sweeps.analysis.comparison import comparison_tables, write_comparison
    from amharic_tl.sweeps.analysis.tables import markdown

    output = Path(options["output"]) if "output" in options else None
    if output is not None:
        refuse_existing(output, "output")
    split, slash, metric = options.get("measure", "test").partition("/")
    if slash and not metric:
        raise UsageError(f"--measure: expected split/metric such as test/macro_f1, found {options['measure']!r}")
    comparison = compare(
        _places(systems),
        split,
        metric or None,
        groups=_groups(options) if "clusters" in options else None,
        pairs=cast("Pairs", options.get("pairs", "first")),
        seed=_seed(options),
    )
    print("\n".join(map(markdown, comparison_tables(comparison))))
    if output is not None:
        write_comparison(comparison, output)
        print(f"written to {output}")


def _places(systems: Sequence[str]) -> dict[str, Path]:
    places: dict[str, Path] = {}
    for word in systems:
        name, equals, place = word.partition("=")
        if not equals or Path(word).exists():
            name, place = word.rstrip("/"), word
        if name in places:
            raise UsageError(f"--compare: {name!r} stands there twice; name one of them: other={place}")
        if not Path(place).is_dir():
            raise MissingInputError(f"--compare: there is no directory {place}")
        places[name] = Path(place)
    return places


def _groups(options: dict[str, str]) -> dict[str, Any]:
    """Item id -> group, from a file whose rows get their ids as those of a run's data do."""
    from amharic_tl.data.rows import Columns
    from amharic_tl.data.sources import read_source

    source = read_source(options["clusters"], Columns(options.get("cluster-column", "cluster"), None))
    return {row.id: row.text for row in source.rows}


def _seed(options: dict[str, str]) -> int:
    text = options.get("seed", "0")
    if not text.isdecimal():
        raise UsageError(f"--seed: expected a whole number from 0, found {text!r}")
    return int(text)
